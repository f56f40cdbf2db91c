"""95 % intervals over the samples of a split."""

import numpy as np

LEVEL = 0.95
NORMAL = 1.959964  # standard deviations on either side of a 95 % interval


def accuracy_interval(accuracy, count):
    """The exact interval of an accuracy (Clopper and Pearson, Biometrika 1934).

    Args:
        accuracy: share of the samples that are right, in [0, 1].
        count: number of independent samples.

    Returns:
        Two numbers in [0, 1]; (0, 1) where nothing was measured.
    """
    if not (count and np.isfinite(accuracy)):
        return 0.0, 1.0
    # Imported here: scipy.stats takes half a second.
    from scipy.stats import binomtest

    result = binomtest(round(accuracy * count), count)
    low, high = result.proportion_ci(LEVEL, method="exact")
    return float(low), float(high)


def drop_interval(hits, hits_without, sizes):
    """The accuracy that is lost on the same samples, with its interval.

    With one label a sample it is the interval of Agresti and Min (Statistics in
    Medicine 2005) for matched proportions, which scipy does not have: two samples are
    added with half the weight, one a loss and one a gain. Without them, samples that
    all agree would give an interval without width. With a label a pixel, pictures are
    independent and their pixels are not.

    Args:
        hits, hits_without: `(n,)` right labels of each sample.
        sizes: `(n,)` labels of each sample.

    Returns:
        `(drop, (low, high))` in [-1, 1].
    """
    lost = np.asarray(hits, np.float64) - hits_without
    sizes = np.asarray(sizes, np.float64)
    if not sizes.sum():
        return 0.0, (-1.0, 1.0)
    drop = lost.sum() / sizes.sum()
    if sizes.max() > 1:
        mean, error = drop, standard_error(lost - drop * sizes, sizes.sum())
    else:
        count = sizes.sum() + 2
        mean = lost.sum() / count
        spread = np.square(lost).sum() + 1 - count * mean**2
        error = np.sqrt(spread) / count
    low, high = np.clip([mean - NORMAL * error, mean + NORMAL * error], -1, 1)
    return float(drop), (float(low), float(high))


def standard_error(residuals, labels):
    """The standard error of a ratio of sums over samples.

    Args:
        residuals: `(n,)` what each sample adds beyond the mean.
        labels: the sum that the ratio divides by.
    """
    count = len(residuals)
    if count < 2:
        return 0.0
    return float(np.sqrt(np.square(residuals).sum() * count / (count - 1)) / labels)
