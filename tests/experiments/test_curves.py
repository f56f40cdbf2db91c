"""Curves of training and validation over a comparison's trainings."""

import numpy as np
import pytest

from cmvq_keras import recipes
from cmvq_keras.experiments import curves, plan
from cmvq_keras.experiments import study as studies
from cmvq_keras.experiments.trial import Result
from cmvq_keras.fileio import csv_line
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

COLUMNS = ("epoch", "task_loss", "accuracy", "val_task_loss", "val_accuracy")
#: By label and seed: training loss and accuracy, those of validation, each epoch.
HISTORIES = {
    ("ours", 0): [(2.0, 0.5, 1.5, 0.4), (1.0, 0.75, None, None), (0.5, 0.8, 1.0, 0.6)],
    ("ours", 1): [(3.0, 0.3, 2.5, 0.2), (2.0, 0.25, None, None)],
    ("ensemble", 0): [(None, 0.2, None, 0.1), (None, 0.4, None, 0.3)],
    ("kernel-ridge", 0): [(None, None, None, 0.5)],
}


@pytest.fixture
def compared(tmp_path):
    """A study and results whose histories are those above."""
    recipe = recipes.resolve("planted")
    variants, _ = plan.of_methods(recipe, ["ours", "ensemble", "kernel-ridge"])
    study = studies.begin(tmp_path, studies.COMPARE, recipe, "torch", variants, ())
    results = []
    for (label, seed), epochs in HISTORIES.items():
        folder = plan.folder(tmp_path, label, seed)
        folder.mkdir(parents=True)
        lines = [COLUMNS, *((number, *line) for number, line in enumerate(epochs, 1))]
        text = "".join(
            csv_line(["" if value is None else value for value in line])
            for line in lines
        )
        (folder / "history.csv").write_text(text)
        assert len(Run(folder).history) == len(epochs)
        results.append(Result(label, seed, folder, {}))
    failed = plan.folder(tmp_path, "ours", 2)
    return study, [*results, Result("ours", 2, failed, {}, "no memory")]


def test_score_and_loss_are_those_of_each_epoch_and_seed(compared):
    study, results = compared
    scores, losses = curves.of_results(results, study, chance=0.125)
    assert scores.title == "Accuracy over the epochs"
    assert (scores.axis, scores.bounds, scores.chance) == (
        "accuracy (%)",
        (0, 100),
        12.5,
    )
    # One epoch is no curve.
    assert list(scores.lines) == ["ours", "ensemble"]
    training, validation = scores.lines["ours"]
    nan = np.nan
    np.testing.assert_allclose(training, [[50, 75, 80], [30, 25, nan]])
    np.testing.assert_allclose(validation, [[40, nan, 60], [20, nan, nan]])
    # An ensemble has no loss of its own.
    assert list(losses.lines) == ["ours"]
    training, validation = losses.lines["ours"]
    np.testing.assert_allclose(training, [[2, 1, 0.5], [3, 2, nan]])
    np.testing.assert_allclose(validation, [[1.5, nan, 1], [2.5, nan, nan]])
    assert losses.chance is None


def test_a_mean_counts_the_seeds_that_still_train():
    lines = np.array([[1.0, np.nan, 3.0, np.nan], [2.0, np.nan, 5.0, 7.0]])
    epochs, mean = curves._mean(lines)
    np.testing.assert_array_equal(epochs, [1, 3, 4])
    np.testing.assert_array_equal(mean, [1.5, 4, 7])


def test_trainings_of_one_epoch_have_no_picture(compared):
    study, results = compared
    assert curves.of_results(results[-2:], study) == []


def test_what_is_drawn_is_what_was_read(compared):
    pytest.importorskip("matplotlib")
    study, results = compared
    panels = curves.of_results(results, study)
    figure = curves._draw(panels, {"ours": "ours of $2"})
    score, loss = figure.axes
    training, validation, *_ = loss.lines
    np.testing.assert_allclose(training.get_xydata(), [[1, 2.5], [2, 1.5], [3, 0.5]])
    np.testing.assert_allclose(validation.get_xydata(), [[1, 2], [3, 1]])
    assert (training.get_linestyle(), validation.get_linestyle()) == ("--", "-")
    assert score.get_ylim() == (0, 100)
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [r"ours of \$2", "ensemble", "validation", "training"]
    assert curves.png(panels, {}).startswith(b"\x89PNG")
    assert "Loss of the task over the epochs" in curves.svg(panels[1], {})


def test_eleven_methods_can_be_told_apart():
    styles = [curves._style(number) for number in range(15)]
    assert len(set(styles)) == 15
