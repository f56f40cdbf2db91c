"""Losses and metrics of several labels and of numbers, against numpy."""

import numpy as np
import pytest
from keras import ops

from cmvq_keras.errors import InputError
from cmvq_keras.evaluation import measures
from cmvq_keras.losses import ScaledSquaredError
from cmvq_keras.metrics import LabelAccuracy, MultiLabelF1, RegressionScores
from cmvq_keras.models import objectives
from cmvq_keras.networks import TargetUnits

RNG = np.random.default_rng(0)
TRUE = RNG.normal([1000.0, -3.0], [20.0, 0.5], (50, 2)).astype("float32")
FOUND = (TRUE + RNG.normal(0, [10.0, 0.3], (50, 2))).astype("float32")
LOGITS = RNG.normal(size=(40, 3)).astype("float32")
SETS = (RNG.random((40, 3)) < 0.4).astype("int32")


class Model:
    """What a measure asks of a model."""

    units = TargetUnits((1000.0, -3.0), (20.0, 0.5))
    ignore_class = None


def test_r2_mae_and_rmse_are_those_of_float64():
    metric = RegressionScores(Model.units.offset, Model.units.scale)
    for part in (slice(0, 20), slice(20, 50)):
        metric.update_state(TRUE[part], FOUND[part])
    error = FOUND.astype(float) - TRUE
    spread = np.square(TRUE - TRUE.astype(float).mean(axis=0)).sum(axis=0)
    expected = {
        "r2": 1 - np.square(error).sum(axis=0) / spread,
        "mae": np.abs(error).mean(axis=0),
        "rmse": np.sqrt(np.square(error).mean(axis=0)),
    }
    found = metric.by_target()
    for name, values in expected.items():
        np.testing.assert_allclose(ops.convert_to_numpy(found[name]), values, rtol=1e-4)
        result = ops.convert_to_numpy(metric.result()[name])
        np.testing.assert_allclose(result, values.mean(), rtol=1e-4)


def test_a_constant_target_has_an_r2_of_zero():
    metric = RegressionScores()
    metric.update_state(np.full((4, 1), 5.0), np.zeros((4, 1)))
    assert float(metric.result()["r2"]) == 0
    assert float(metric.result()["mae"]) == 5


def test_sample_weights_count_in_the_scores():
    metric, plain = RegressionScores(), RegressionScores()
    weights = np.array([1.0] * 20 + [0.0] * 30, "float32")
    metric.update_state(TRUE, FOUND, sample_weight=weights)
    plain.update_state(TRUE[:20], FOUND[:20])
    np.testing.assert_allclose(
        float(metric.result()["mae"]), float(plain.result()["mae"]), rtol=1e-5
    )


def test_the_squared_error_is_in_deviations():
    loss = float(ScaledSquaredError([20.0, 0.5])(TRUE, FOUND))
    expected = np.square((FOUND - TRUE) / [20.0, 0.5]).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_f1_and_accuracy_of_several_labels():
    accuracy, f1 = LabelAccuracy(), MultiLabelF1(3)
    for metric in (accuracy, f1):
        metric.update_state(SETS, LOGITS)
    predicted = LOGITS > 0
    hits = (predicted & (SETS == 1)).sum(axis=0)
    expected = 2 * hits / (predicted.sum(axis=0) + SETS.sum(axis=0))
    np.testing.assert_allclose(float(f1.result()), expected.mean(), rtol=1e-5)
    right = (predicted == (SETS == 1)).mean()
    np.testing.assert_allclose(float(accuracy.result()), right, rtol=1e-5)


def test_bits_of_gaussian_errors_are_half_the_log_of_their_variances():
    """Errors of a quarter of the variance explain one bit a target more."""
    rng = np.random.default_rng(1)
    labels = rng.normal([1000.0, -3.0], [20.0, 0.5], (4000, 2))
    noise = rng.normal(0, [20.0, 0.5], (4000, 2))
    about, costs = measures.get("regression"), []
    for factor in (0.5, 1.0):
        totals, sizes = about.bits(labels + factor * noise, labels, Model)
        costs.append(about.calibrated(totals, sizes).mean())
    np.testing.assert_allclose(costs[1] - costs[0], 2.0, atol=1e-6)


def test_r2_that_is_lost_is_the_difference_of_both():
    about = measures.get("regression")
    worse = TRUE + 2 * (FOUND - TRUE)
    values = [about.values(each, TRUE, Model) for each in (FOUND, worse)]
    drop, (low, high) = about.drop(*values)
    scores = []
    for found in (FOUND, worse):
        metric = RegressionScores(Model.units.offset, Model.units.scale)
        metric.update_state(TRUE, found)
        scores.append(float(metric.result()["r2"]))
    np.testing.assert_allclose(drop, scores[0] - scores[1], rtol=1e-4)
    assert low < drop < high


def test_bits_of_several_labels_are_summed_over_the_classes():
    about = measures.get("multi-label")
    totals, sizes = about.bits(LOGITS, SETS, Model)
    shares = 1 / (1 + np.exp(-LOGITS.astype(float)))
    right = np.where(SETS == 1, shares, 1 - shares)
    # The ninth temperature is 1.
    np.testing.assert_allclose(totals[:, 8], -np.log2(right).sum(axis=1), rtol=1e-4)
    assert sizes.tolist() == [1.0] * 40


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        ("regression", np.array([[0, np.inf]]), "must be finite numbers"),
        ("multi-label", np.array([[0, 2]]), "integers from 0 to 1"),
    ],
)
def test_labels_are_checked_at_the_door(task, labels, message):
    with pytest.raises(InputError, match=message):
        objectives.get(task).check(labels, (None, 2), None)


@pytest.mark.parametrize("task", ["regression", "multi-label"])
def test_labels_need_an_entry_for_each_output(task):
    with pytest.raises(InputError, match=r"2 numbers per sample, \(batch, 2\)"):
        objectives.get(task).align(np.zeros(4), ops.zeros((4, 2)))
    one = objectives.get(task).align(ops.zeros(4), ops.zeros((4, 1)))
    assert tuple(one.shape) == (4, 1)
