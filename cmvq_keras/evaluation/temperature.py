"""Cross entropy in bits, of logits that are calibrated by a temperature."""

import keras
import numpy as np
from keras import ops

#: The logits are divided by these; the fourth roots of 2 from 1/4 to 64.
TEMPERATURES = 2.0 ** (np.arange(-8, 25) / 4)
_ROUNDING = 1e-6  # of a sum of float32 costs, as a part of it


def costs(logits, labels, ignore_class=None):
    """Cross entropy of each sample at each of `TEMPERATURES`.

    Args:
        logits: `(n, ..., classes)`.
        labels: `(n, ...)` integers.
        ignore_class: label that does not count, or None.

    Returns:
        `(n, temperatures)` float64 bits, summed over a sample's labels, and `(n,)`
        float64: how many of its labels count.
    """
    logits = ops.convert_to_tensor(logits, dtype="float32")
    labels = ops.reshape(ops.convert_to_tensor(labels), ops.shape(logits)[:-1])
    counted = ops.ones_like(labels, dtype="bool")
    if ignore_class is not None:
        counted = labels != ignore_class
        labels = ops.where(counted, labels, 0)
    axes = tuple(range(1, len(labels.shape)))
    columns = []
    for temperature in TEMPERATURES:
        cost = keras.losses.sparse_categorical_crossentropy(
            labels, logits / float(temperature), from_logits=True
        )
        cost = ops.where(counted, cost, 0.0)
        columns.append(ops.sum(cost, axis=axes) if axes else cost)
    totals = ops.convert_to_numpy(ops.stack(columns, axis=1)).astype(np.float64)
    sizes = ops.sum(ops.cast(counted, "float32"), axis=axes) if axes else counted
    sizes = ops.convert_to_numpy(sizes).astype(np.float64)
    return totals / np.log(2), sizes


def calibrated(totals, sizes):
    """Each sample's cost at the temperature that is best for the other half.

    A solver that is too sure of itself pays more than the label's true uncertainty,
    most of all for what it has to guess. One number, the temperature, mends that. It
    is chosen on the odd samples for the even ones and the other way round, so that no
    sample has a say in its own. Of temperatures that differ by no more than rounding
    the one nearest to 1 is taken.

    Args:
        totals, sizes: as `costs` gives them.

    Returns:
        `(n,)` bits, summed over a sample's labels.
    """
    odd = np.arange(len(sizes)) % 2 == 1
    found = np.empty(len(sizes))
    for half in (odd, ~odd):
        found[half] = totals[half, _best(totals[~half].sum(axis=0))]
    return found


def _best(sums):
    """The index of the temperature with the lowest cost; 1 where there is none."""
    (equal,) = np.nonzero(sums <= sums.min() * (1 + _ROUNDING))
    return equal[np.argmin(np.abs(np.log(TEMPERATURES[equal])))]
