"""Shapley values and interactions of games with a known answer."""

import itertools
import math

import numpy as np
import pytest

from cmvq_keras.evaluation import shapley

pytestmark = pytest.mark.once

NAMES = ("a", "b", "c", "d")


def _random_game(names, seed=0):
    generator = np.random.default_rng(seed)
    table = {each: generator.normal(size=3) for each in shapley.subsets(names)}
    return table.__getitem__


def _by_orders(value, names):
    """The definition: the mean of the gains over all orders."""
    found = dict.fromkeys(names, 0.0)
    for order in itertools.permutations(names):
        for place, name in enumerate(order):
            before = tuple(each for each in names if each in order[:place])
            after = tuple(each for each in names if each in order[: place + 1])
            gain = value(after) - value(before)
            found[name] = found[name] + gain / math.factorial(len(names))
    return found


def test_values_are_the_mean_of_the_gains_over_all_orders():
    value = _random_game(NAMES)
    found, expected = shapley.values(value, NAMES), _by_orders(value, NAMES)
    for name in NAMES:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-12)
    whole = value(NAMES) - value(())
    np.testing.assert_allclose(sum(found.values()), whole, atol=1e-12)


def test_what_is_added_is_the_gain_of_coming_last():
    value = _random_game(NAMES)
    found = shapley.added(value, NAMES)
    assert np.array_equal(found["b"], value(NAMES) - value(("a", "c", "d")))


def test_the_interaction_of_a_pair_is_its_product_term():
    """v(S) = sum of own terms + sum of products: the index is the product's factor."""
    own = dict(zip(NAMES, (1.0, 2.0, -1.0, 0.5), strict=True))
    factors = {
        pair: float(place)
        for place, pair in enumerate(itertools.combinations(NAMES, 2))
    }

    def value(subset):
        together = sum(
            factor for pair, factor in factors.items() if set(pair) <= set(subset)
        )
        return np.array([sum(own[name] for name in subset) + together])

    found = shapley.interactions(value, NAMES)
    assert {pair: each.item() for pair, each in found.items()} == pytest.approx(factors)


def test_an_interaction_of_three_is_shared_by_its_pairs():
    """Of a product of three, a pair has 1 beside the third and 0 without: a half."""
    found = shapley.interactions(
        lambda subset: np.array([float(set("abc") <= set(subset))]), NAMES
    )
    assert found["a", "b"].item() == pytest.approx(0.5)
    assert found["a", "d"].item() == pytest.approx(0)


def test_drawn_orders_come_near_the_exact_values_and_say_how_near():
    names = tuple("abcdefg")
    value = _random_game(names, seed=1)
    exact = shapley.values(value, names)
    found, sums = shapley.permutation_values(value, names, pairs=400)
    for name in names:
        np.testing.assert_allclose(found[name].sum(), sums[name].mean(), atol=1e-9)
        error = sums[name].std(ddof=1) / np.sqrt(400)
        assert abs(sums[name].mean() - exact[name].sum()) < 4 * error
    whole = value(names) - value(())
    np.testing.assert_allclose(sum(found.values()), whole, atol=1e-9)


def test_an_order_and_its_reverse_are_exact_for_pairs_alone():
    """Where only pairs interact, an order and its reverse give the exact value."""
    value = {
        (): 0.0,
        ("a",): 1.0,
        ("b",): 2.0,
        ("a", "b"): 7.0,
    }
    found, sums = shapley.permutation_values(
        lambda subset: np.array([value[subset]]), ("a", "b"), pairs=3
    )
    assert found["a"].item() == pytest.approx(3)
    assert sums["b"] == pytest.approx([4, 4, 4])
