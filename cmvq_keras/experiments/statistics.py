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

Reference: Rao and Wu, Resampling inference with complex survey data, JASA 1988 (k - 1);
Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentiles).
"""

import numpy as np

RESAMPLES, LEVEL = 2000, 95  # percent
_SAMPLES, _SEEDS = [0, 0], [0, 1]  # streams
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


def mean_and_deviation(values):
    """Mean and standard deviation over seeds; the latter None for one seed."""
    values = np.asarray(values, np.float64)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return float(values.mean()), deviation
