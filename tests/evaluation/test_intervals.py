"""Intervals of an accuracy and of a loss of accuracy, against their equations."""

import math

import numpy as np
import pytest

from cmvq_keras.evaluation import intervals

pytestmark = pytest.mark.once


def _tail(count, hits, share):
    """P(at least `hits` of `count`), summed."""
    terms = (
        math.comb(count, k) * share**k * (1 - share) ** (count - k)
        for k in range(hits, count + 1)
    )
    return math.fsum(terms)


@pytest.mark.parametrize("hits", [1, 7, 19])
def test_the_interval_of_an_accuracy_has_tails_of_a_fortieth(hits):
    low, high = intervals.accuracy_interval(hits / 20, 20)
    assert _tail(20, hits, low) == pytest.approx(0.025, rel=1e-6)
    assert 1 - _tail(20, hits + 1, high) == pytest.approx(0.025, rel=1e-6)


def test_an_accuracy_of_all_or_none_has_an_interval():
    assert intervals.accuracy_interval(0.0, 20) == pytest.approx((0, 0.16843), abs=1e-5)
    assert intervals.accuracy_interval(1.0, 20) == pytest.approx((0.83157, 1), abs=1e-5)
    assert intervals.accuracy_interval(0.5, 0) == (0.0, 1.0)
    assert intervals.accuracy_interval(0.5, None) == (0.0, 1.0)
    assert intervals.accuracy_interval(math.nan, 20) == (0.0, 1.0)


def test_the_interval_of_a_drop_is_agresti_and_mins():
    # Both right, only the first, only the second, both wrong.
    both, first, second, neither = 30, 12, 4, 14
    hits = np.repeat([1, 1, 0, 0], (both, first, second, neither))
    without = np.repeat([1, 0, 1, 0], (both, first, second, neither))
    drop, (low, high) = intervals.drop_interval(hits, without, np.ones(60))
    n, b, c = 62, first + 0.5, second + 0.5
    middle = (b - c) / n
    error = 1.959964 * math.sqrt(b + c - (b - c) ** 2 / n) / n
    assert drop == pytest.approx(8 / 60)
    assert (low, high) == pytest.approx((middle - error, middle + error))


def test_samples_that_all_agree_still_leave_a_doubt():
    drop, (low, high) = intervals.drop_interval(np.ones(4), np.ones(4), np.ones(4))
    assert drop == 0
    assert low < -0.1
    assert high > 0.1


def test_a_drop_over_pixels_is_of_all_pixels_and_its_doubt_of_pictures():
    generator = np.random.default_rng(0)
    sizes = generator.integers(50, 100, 30)
    lost = np.round(sizes * generator.normal(0.2, 0.1, 30))
    drop, (low, high) = intervals.drop_interval(sizes, sizes - lost, sizes)
    assert drop == pytest.approx(lost.sum() / sizes.sum())
    draws = generator.integers(30, size=(20_000, 30))
    drawn = lost[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    expected = np.quantile(drawn, (0.025, 0.975))
    assert (low, high) == pytest.approx(expected, abs=0.03)
    assert intervals.drop_interval([0], [0], [0]) == (0.0, (-1.0, 1.0))
