"""Advice at the end of a training."""

import types

import pytest

from cmvq_keras import recipes
from cmvq_keras.runs import learning

pytestmark = pytest.mark.once


def _run(validation, train=None, best=None, n=1000, epochs=None):
    train = validation if train is None else train
    history = [
        {"accuracy": own, "val_accuracy": held}
        for own, held in zip(train, validation, strict=True)
    ]
    recipe = recipes.get("planted")
    recipe = recipe.with_settings({"training.epochs": epochs or len(history)})
    metrics = {"best_epoch": best or len(history), "validation": {"n": n}}
    return types.SimpleNamespace(history=history, metrics=metrics, recipe=recipe)


def test_a_score_that_still_rises_is_told_with_its_points():
    # The last 2 of 20 epochs: a mean of 0.655 after one of 0.635.
    values = [0.3] * 16 + [0.63, 0.64, 0.65, 0.66]
    (line,) = learning.advice(_run(values, n=10**5))
    assert line.startswith("Too short: validation accuracy rose by 2.0 points over the")
    assert "last 2 epochs. Try more, for example --epochs 40." in line
    # 2 points are within two standard errors of 1,000 samples (3.0 points).
    assert list(learning.advice(_run(values, n=1000))) == []


@pytest.mark.parametrize(
    "values",
    [
        [0.9] * 20,
        [0.1, 0.9],
        [0.9],
        [0.3] * 10 + [0.9] * 10,
        [0.5, 0.9, 0.9, 0.9, 0.7, 0.9],
    ],
)
def test_a_score_that_is_flat_at_the_end_is_not(values):
    assert list(learning.advice(_run(values, n=10**5))) == []


def test_a_training_that_stopped_early_was_long_enough():
    assert list(learning.advice(_run([0.1, 0.3, 0.6], epochs=50, n=10**5))) == []


def test_the_gap_is_that_of_the_kept_epoch():
    train, validation = [0.6, 0.9, 1.0], [0.6, 0.7, 0.7]
    (line,) = learning.advice(_run(validation, train, best=2))
    assert line.startswith("Overfitting: at the kept epoch training accuracy is 20.0")
    assert list(learning.advice(_run(validation, train, best=1))) == []


def test_epochs_without_a_validation_do_not_count():
    # 1, 5, 10, ..., 50: the end is one of these 11 epochs, five after the one before.
    scores = {1: 0.1, 50: 0.64} | dict.fromkeys(range(5, 50, 5), 0.6)
    run = _run(list(map(scores.get, range(1, 51))), [0.7] * 50, n=10**5)
    (line,) = learning.advice(run)
    assert "rose by 4.0 points over the last 5 epochs" in line
    assert learning.mean_rise_at_end([run, run]) == pytest.approx(4.0)
    flat = _run([score and 0.6 for score in map(scores.get, range(1, 51))], n=10**5)
    assert learning.mean_rise_at_end([run, flat]) == pytest.approx(2.0)


@pytest.mark.parametrize(("last", "rises"), [(0.5299, 0.0), (0.5302, 100 * 0.0302 / 3)])
def test_over_seeds_the_mean_must_rise_by_more_than_a_point(last, rises):
    """One seed rises by about three points, which alone would be too short."""
    flat = [_run([0.5] * 10, n=10**7) for _ in range(2)]
    one = _run([0.5] * 9 + [last], n=10**7)
    assert learning.rise_at_end(one) > 2.9
    assert learning.mean_rise_at_end([*flat, one]) == pytest.approx(rises)


def test_seeds_that_rise_and_fall_make_up_for_each_other():
    up, down = ([0.5] * 9 + [0.5 + change] for change in (0.1, -0.1))
    runs = [_run(values, n=10**7) for values in (up, down)]
    assert learning.mean_rise_at_end(runs) == 0.0


def test_over_seeds_one_that_stopped_early_stays_where_it_was():
    rising = _run([0.5] * 9 + [0.54], n=10**7)
    early = _run([0.5, 0.6], epochs=10, n=10**7)
    # From a mean of 0.55 to one of 0.57.
    assert learning.mean_rise_at_end([rising, early]) == pytest.approx(2.0)
    assert learning.mean_rise_at_end([early, early]) == 0.0
