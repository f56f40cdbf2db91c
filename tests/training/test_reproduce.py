"""docs/reproduce.md: every command is one that exists, with settings that exist."""

import pathlib
import re
import shlex

import numpy as np
import pytest

from cmvq_keras import methods, recipes
from cmvq_keras.cli import main
from cmvq_keras.evaluation import shared_classes
from cmvq_keras.runs.warm_start import check_fit
from cmvq_keras.training import api as training

pytestmark = pytest.mark.once

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "reproduce.md").read_text()
LINES = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]
COMMANDS = [shlex.split(line)[1:] for line in LINES if line.startswith("cmvq ")]


class Called(Exception):
    """Stops a command where the training would begin."""


def told_to_train(monkeypatch, arguments):
    """The recipe and the options that the command line hands to `train`."""

    def train(recipe, **options):
        raise Called(recipe, options)

    monkeypatch.setattr(training, "train", train)
    with pytest.raises(Called) as caught:
        main(arguments, standalone_mode=False)
    recipe, options = caught.value.args
    return recipes.resolve(recipe), options


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[-1])
def test_a_command_has_a_recipe_settings_and_a_folder_of_its_own(
    arguments, monkeypatch
):
    recipe, options = told_to_train(monkeypatch, arguments)
    assert recipe.preset in ("paper", "code")
    assert str(options["out"]).startswith("runs/")
    assert sum(words[-1] == arguments[-1] for words in COMMANDS) == 1
    channels = recipe.model.embedding_dim * len(recipe.modalities)
    assert channels == (64 if recipe.name == "digits" else 128)


def test_every_command_has_a_line_that_says_what_it_is():
    starts = [index for index, line in enumerate(LINES) if line.startswith("cmvq ")]
    assert len(starts) == len(COMMANDS) > 25
    assert all(LINES[index - 1].startswith("# ") for index in starts)


def test_the_rows_that_the_paper_has_are_there():
    rows = re.findall(r"^    # (.*)$", PAGE, re.MULTILINE)
    values = [value for row in rows for value in re.findall(r": (\d+\.?\d*)", row)]
    crema_d = ["65.32", "54.43", "59.0", "53.49", "53.89", "53.36", "57.66"]
    penn = ["95.22", "88.04", "31.18", "94.02", "85.95", "90.1", "91.86"]
    table_4 = ["51.88", "57.12"]
    nyuv2 = ["38.66", "36.78", "21.16", "33.1", "34.32", "37.28", "34.41"]
    others = ["77.27", "71.21", "74.35", "99.24"]
    assert values == [*crema_d, *penn, *nyuv2, *table_4, *others]


def test_a_transfer_starts_from_a_run_of_this_page_that_fits(monkeypatch):
    made = {}
    for arguments in COMMANDS:
        recipe, options = told_to_train(monkeypatch, arguments)
        if options["init_from"]:
            origin = made[options["init_from"]]
            check_fit(origin, recipe, options["init_from"])
            shared = shared_classes.between(recipe.classes, origin.classes)
            assert shared == ("anger", "disgust", "fear", "happy", "sad")
        made[str(options["out"])] = recipe
    assert "runs/rml" in made


@pytest.mark.parametrize("name", ["crema-d", "penn-action", "nyuv2"])
def test_all_features_means_neither_mask_nor_reconstruction(name, monkeypatch):
    found = [words for words in COMMANDS if name in words and words[-1][-4:] == "-all"]
    (recipe, _), *more = (told_to_train(monkeypatch, words) for words in found)
    assert not more
    method = methods.get("all-features")
    assert recipe.settings().items() >= method.settings.items()


def test_the_pages_python_runs(monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)

    class Run:
        """A run of RML or of CREMA-D: one of six right in every class."""

        def __init__(self, name):
            self.recipe = recipes.get(name)
            self.metrics = {"test": {"confusion": np.ones((6, 6), int).tolist()}}

        @classmethod
        def open(cls, folder):
            return cls("rml" if "rml" in folder else "crema-d")

    monkeypatch.setattr("cmvq_keras.runs.run.Run", Run)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "'n': 30" in printed
    assert "0.1666" in printed
