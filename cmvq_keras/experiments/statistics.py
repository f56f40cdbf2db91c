"""Intervals over samples and seeds, by drawing both anew.

A score varies with the test samples and with the seed of the training. Both are drawn
with replacement, 2,000 times: the samples once for all trials, as all were measured on
the same ones, and the seeds once for all methods, so that the difference of two methods
is one of pairs. Of k seeds k - 1 are drawn, as the spread of k draws would be too small
by (k - 1) / k. On simulated trainings with five seeds the interval covers the truth in
97 to 98 % where the samples decide (each seed's own noise on them is counted twice),
and in 88 % where the seeds do and there are thousands of samples: five seeds tell their
spread only roughly. With one seed it says nothing about other seeds.

scipy's intervals are of one source: `scipy.stats.binomtest` knows no seeds, and
`scipy.stats.bootstrap` draws samples and seeds neither together nor k - 1 of k. So this
stays by hand. The accuracy of one run has an exact interval, see
`cmvq_keras.evaluation.intervals`.

Whether two methods differ is asked by seeds alone: the signs of their paired
differences are flipped, in every way up to `EXACT_SEEDS` seeds. With k seeds no such
p-value is below 2 / 2**k, so that five seeds cannot reach 0.05.

Reference: Rao and Wu, Resampling inference with complex survey data, JASA 1988 (k - 1);
Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentiles); Holm, A
simple sequentially rejective multiple test procedure, 1979; Guenther, Sample size
formulas for normal theory t tests, 1981.
"""

import math
import statistics

import numpy as np

from cmvq_keras.evaluation.contribution_result import Estimate

RESAMPLES, LEVEL = 2000, 95  # percent
POWER = 80  # percent: how often a true difference is to be found
EXACT_SEEDS = 18  # up to so many, all flips of signs are tried
FLIPS = 100_000  # drawn for more seeds
_SAMPLES, _SEEDS, _SIGNS = [0, 0], [0, 1], [0, 2]  # streams
_CHUNK = 50


def drawn_scores(outcomes, resamples=RESAMPLES):
    """Each trial's score on test sets that are drawn anew.

    Args:
        outcomes: by any key, `cmvq_keras.experiments.outcomes` of the same samples in
            the same order.
        resamples: how many draws.

    Returns:
        `(resamples,)` float64 by key. Draw i holds the same samples for every key.
    """
    found = {key: [] for key in outcomes}
    (n,) = {len(each) for each in outcomes.values()}
    generator = np.random.default_rng(_SAMPLES)
    for start in range(0, resamples, _CHUNK):
        draws = generator.integers(n, size=(min(_CHUNK, resamples - start), n))
        counts = np.stack([np.bincount(draw, minlength=n) for draw in draws])
        for key, each in outcomes.items():
            found[key].append(each.scores(counts))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def interval(scores):
    """The interval of the mean over seeds.

    Args:
        scores: `(seeds, draws)`, of `drawn_scores`, or differences of such.

    Returns:
        Two numbers.
    """
    scores = np.asarray(scores, np.float64)
    seeds, draws = scores.shape
    generator = np.random.default_rng(_SEEDS)
    chosen = generator.integers(seeds, size=(max(seeds - 1, 1), draws))
    means = scores[chosen, np.arange(draws)].mean(axis=0)
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def interval_over_seeds(values):
    """The interval of the mean of one number a seed; None for fewer than two."""
    if len(values) < 2:
        return None
    column = np.asarray(values, np.float64)[:, None]
    return interval(np.repeat(column, RESAMPLES, axis=1))


def estimates_over_seeds(estimates):
    """Means over trainings with their intervals, which say how far trainings differ
    on the same samples.

    Args:
        estimates: a training each, at least two: by name an
            `cmvq_keras.evaluation.contribution_result.Estimate`.

    Returns:
        By name an `Estimate`; names that not all trainings have are left out.
    """
    found = {}
    for name in estimates[0]:
        if all(name in each for each in estimates):
            values = [each[name].value for each in estimates]
            interval = interval_over_seeds(values)
            found[name] = Estimate(statistics.fmean(values), interval)  # pyright: ignore
    return found


def mean_and_deviation(values):
    """Mean and standard deviation over seeds; the latter None for one seed."""
    values = np.asarray(values, np.float64)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return float(values.mean()), deviation


def permutation_p(differences):
    """The two-sided p-value of paired differences under flips of their signs.

    Args:
        differences: one number a seed, at least one.

    Returns:
        The share of flips whose mean is at least as far from 0 as the mean that was
        measured, in (0, 1].
    """
    values = np.asarray(differences, np.float64)
    measured = abs(values.sum())
    # Sums that are equal but for rounding count as equal.
    least = measured - 1e-9 * max(np.abs(values).sum(), 1e-300)
    if len(values) <= EXACT_SEEDS:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
        return float(np.mean(np.abs(sums) >= least))
    generator = np.random.default_rng(_SIGNS)
    signs = generator.choice([-1.0, 1.0], size=(FLIPS, len(values)))
    found = np.count_nonzero(np.abs(signs @ values) >= least)
    # The measured signs are one of the draws.
    return float((found + 1) / (FLIPS + 1))


def holm(p_values):
    """Holm's correction for several p-values, in their order.

    Args:
        p_values: a list of numbers in [0, 1].

    Returns:
        A list of numbers in [0, 1], none below its p-value.
    """
    found = [0.0] * len(p_values)
    highest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[place])
        found[place] = min(highest, 1.0)
    return found


def seeds_needed(deviation, difference):
    """How many seeds find a difference by a paired t-test, two-sided at 5 %, in
    `POWER` percent of the studies.

    Args:
        deviation: standard deviation of the paired differences, >= 0.
        difference: what is to be found, > 0, in the same unit.

    Returns:
        An integer from 2 up, by Guenther's approximation.
    """
    a, b = _normal_edges()
    found = ((a + b) * deviation / difference) ** 2 + a**2 / 2
    return max(math.ceil(found), 2)


def samples_needed(count, error, difference):
    """How many test samples find a difference, two-sided at 5 %, in `POWER` percent of
    the studies, however many seeds there are.

    Args:
        count: test samples that there are.
        error: standard error of the difference that is due to them, >= 0.
        difference: what is to be found, > 0, in the same unit.

    Returns:
        An integer from 1 up: the error falls with the root of the count.
    """
    a, b = _normal_edges()
    return max(math.ceil(count * ((a + b) * error / difference) ** 2), 1)


def _normal_edges():
    """Standard deviations on a side of the interval, and of the power."""
    normal = statistics.NormalDist()
    return normal.inv_cdf((100 + LEVEL) / 200), normal.inv_cdf(POWER / 100)
