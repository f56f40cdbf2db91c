"""Sequences of any length as ones of a fixed length."""

import numpy as np


def stretch(values, steps):
    """`(n, features)` as `(steps, features)` float32, with straight lines between.

    The first and the last reading stay the first and the last.
    """
    at = np.linspace(0, len(values) - 1, steps)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    share = (at - low)[:, None]
    return (values[low] * (1 - share) + values[high] * share).astype(np.float32)
