"""environment.json in other forms is refused by file and entry."""

import json
import pathlib
import shutil

import pytest
from command_line import error_of

from cmvq_keras.runs import environment_schema
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

RUN = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"
GOOD = json.loads((RUN / "environment.json").read_text())
STORE = {"folder": "store", "manifest": "ab" * 32}
CHANGES = [
    ("backend", 5),
    ("backend", ["jax"]),
    ("data_dir", {}),
    ("devices", "cpu"),
    ("format", "1"),
    ("format", True),
    ("init_from", "run"),
    ("init_from", {"folder": "run"}),
    ("precision", 32),
    ("recipe_file", "my_recipe.py"),
    ("recipe_file", {"path": None, "sha256": "ab"}),
    ("seed", 1.5),
    ("store", [1]),
    ("store", {**STORE, "folder": 3}),
    ("versions", "many"),
]


def test_the_environment_of_a_run_is_taken():
    environment_schema.check(GOOD)
    environment_schema.check({**GOOD, "store": STORE, "data_dir": None})
    environment_schema.check({})


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_another_form_is_refused_by_its_entry(name, value):
    with pytest.raises(ValueError, match=rf"^{name}\S* must be"):
        environment_schema.check({**GOOD, name: value})


def test_the_command_line_names_the_file(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RUN, folder)
    changed = {**GOOD, "recipe_file": "my_recipe.py"}
    (folder / "environment.json").write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="recipe_file must be a JSON object"):
        Run.open(folder)
    text = error_of("evaluate", folder, code=1)
    assert f"{folder}/environment.json is not readable: recipe_file must be" in text
