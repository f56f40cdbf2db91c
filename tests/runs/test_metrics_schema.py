"""metrics.json in other forms is refused by the name of its entry."""

import copy
import json
import pathlib
import shutil

import pytest
from command_line import error_of

from cmvq_keras.recipe import Recipe
from cmvq_keras.runs import metrics_schema
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

RUN = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"
GOOD = json.loads((RUN / "metrics.json").read_text())
RECIPE = Recipe.from_json((RUN / "recipe.json").read_text())
CLASSES = list(RECIPE.classes)
SIZE = len(CLASSES)
CHANGES = {
    ("test",): [{}, "good", []],
    ("test", "accuracy"): [float("nan"), "0.5", 1.5, -0.1, True],
    ("test", "n"): [0, -1, 1.5, 2**70, None, "8"],
    ("test", "loss"): [float("inf"), 10**400, {}, [1]],
    ("test", "confusion"): [[[1], [2, 3]], None, [[-1] * SIZE] * SIZE, [1] * SIZE],
    ("test", "per_class"): [[1, 2], {}, dict.fromkeys(CLASSES, 2.0)],
    ("test", "codes_used"): [3],
    ("complementarity",): ["high"],
    ("complementarity", "compl"): [[50.0], {"image": None}],
    ("complementarity", "zeta"): ["1", [1.0]],
    ("best_epoch",): [0, "2", 1.5, None],
    ("training_seconds",): [-1.0, "long"],
    ("codes_used",): [None],
}


def test_the_metrics_of_a_run_are_taken():
    metrics_schema.check(GOOD, RECIPE)
    nothing_finite = copy.deepcopy(GOOD)
    nothing_finite["test"]["accuracy"] = None
    metrics_schema.check(nothing_finite, RECIPE)
    metrics_schema.check({}, RECIPE)


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for place, values in CHANGES.items() for value in values],
)
def test_an_entry_of_another_form_is_named(place, value):
    changed = copy.deepcopy(GOOD)
    *parents, last = place
    inner = changed
    for name in parents:
        inner = inner[name]
    inner[last] = value
    with pytest.raises(ValueError, match=place[0]) as caught:
        metrics_schema.check(changed, RECIPE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_commands_name_the_file(tmp_path):
    folder = shutil.copytree(RUN, tmp_path / "run")
    (folder / "metrics.json").write_text(json.dumps({**GOOD, "test": {}}))
    with pytest.raises(ValueError, match=r"metrics.json is not readable: test lacks n"):
        Run.open_begun(folder)
    assert "test lacks n" in error_of("report", folder, code=1)
