"""Shapley values and interactions of a game whose value is known for every subset.

Here the players are modalities and the value of a subset is what a classifier knows
with these modalities alone. All is per sample: values are arrays of one number each.

Reference: Shapley, A value for n-person games, 1953; Grabisch and Roubens, An axiomatic
approach to the concept of interaction among players in cooperative games,
International Journal of Game Theory 1999 (interactions of pairs); Castro et al.,
Polynomial calculation of the Shapley value based on sampling, Computers & Operations
Research 2009 (permutations).
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np


def subsets(players: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All 2^M subsets, the empty one first, each in the order of `players`."""
    for size in range(len(players) + 1):
        yield from itertools.combinations(players, size)


def added(
    value: Callable[[tuple[str, ...]], np.ndarray], players: Sequence[str]
) -> dict[str, np.ndarray]:
    """By player what it adds to all others.

    Args:
        value: `(n,)` of a subset, which is in the order of `players`.
        players: their names.
    """
    whole = value(tuple(players))
    return {name: whole - value(_without(players, name)) for name in players}


def values(
    value: Callable[[tuple[str, ...]], np.ndarray], players: Sequence[str]
) -> dict[str, np.ndarray]:
    """By player its exact Shapley value, `(n,)`: what it adds to those before it,
    averaged over all orders of the players.

    Args:
        value, players: as in `added`.
    """
    count = len(players)
    found = {}
    for name in players:
        total = 0.0
        for others in subsets(_without(players, name)):
            size = len(others)
            weight = math.factorial(size) * math.factorial(count - size - 1)
            gain = value(_with(players, others, name)) - value(others)
            total = total + weight / math.factorial(count) * gain
        found[name] = total
    return found  # pyright: ignore


def interactions(
    value: Callable[[tuple[str, ...]], np.ndarray], players: Sequence[str]
) -> dict[tuple[str, str], np.ndarray]:
    """By pair its exact Shapley interaction index, `(n,)`.

    It is what the two add together beyond what each adds alone, averaged over the
    subsets of the others. Below 0 they tell the same; above 0 each tells more beside
    the other one.

    Args:
        value, players: as in `added`.
    """
    count = len(players)
    found = {}
    for one, two in itertools.combinations(players, 2):
        total = 0.0
        for others in subsets([name for name in players if name not in (one, two)]):
            size = len(others)
            weight = math.factorial(size) * math.factorial(count - size - 2)
            both = value(_with(players, others, one, two)) + value(others)
            alone = value(_with(players, others, one))
            alone = alone + value(_with(players, others, two))
            total = total + weight / math.factorial(count - 1) * (both - alone)
        found[one, two] = total
    return found  # pyright: ignore


def permutation_values(
    value: Callable[[tuple[str, ...]], np.ndarray],
    players: Sequence[str],
    *,
    pairs: int,
    seed: int = 0,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Shapley values over drawn orders, each together with its reverse.

    Args:
        value, players: as in `added`.
        pairs: orders drawn, >= 1; the reversed ones come on top.
        seed: of the draws.

    Returns:
        By player the mean over the orders, `(n,)`, and what each pair of orders gives
        over all samples, `(pairs,)`: their spread is the error of the draws.
    """
    generator = np.random.default_rng(seed)
    totals = dict.fromkeys(players, 0.0)
    sums = {name: [] for name in players}
    for _ in range(pairs):
        order = [players[place] for place in generator.permutation(len(players))]
        pair = dict.fromkeys(players, 0.0)
        for each in (order, order[::-1]):
            for name, gain in _gains(value, players, each).items():
                pair[name] = pair[name] + gain / 2
        for name, gain in pair.items():
            totals[name] = totals[name] + gain / pairs
            sums[name].append(np.sum(gain))
    return totals, {  # pyright: ignore
        name: np.array(each) for name, each in sums.items()
    }


def _gains(value, players, order):
    found, before = {}, value(())
    for place, name in enumerate(order):
        after = value(_with(players, order[:place], name))
        found[name] = after - before
        before = after
    return found


def _with(players, others, *names):
    return tuple(name for name in players if name in others or name in names)


def _without(players, name):
    return tuple(other for other in players if other != name)
