"""How many bits of the label each modality adds to what the others know.

A count of channels says how much of the network a modality got, not what it is good
for. What it is good for is measured here: the task's cross entropy with zeros in the
modality's channels, minus that with all of them. For a solver that knows the right
probabilities in both cases this is I(label; modality | other modalities), the
information that the modality alone carries. A solver learns to do without a modality
by modality dropout (setting `model.modality_dropout`) and not otherwise: without it
the numbers say how much this model leans on a modality, not what only it can tell.
"""

import keras
import numpy as np
from keras import ops

from cmvq_keras.batches import evaluation_batches
from cmvq_keras.evaluation.intervals import NORMAL, standard_error
from cmvq_keras.metrics import balance

#: The logits are divided by these; the fourth roots of 2 from 1/4 to 64.
TEMPERATURES = 2.0 ** (np.arange(-8, 25) / 4)
#: Bits; where no modality reaches as many, zeta would be a ratio of noise.
FLOOR = 0.05


def is_measured(recipe):
    """Whether a recipe's runs are trained for it: modality dropout, and a modality to
    do without."""
    seen = recipe.task_modalities or recipe.modalities
    return recipe.model.modality_dropout > 0 and len(seen) > 1


def measure(model, recipe, split):
    """The information of each modality that the task sees, on a split.

    Under segmentation all is per labelled pixel.

    Args:
        model: a `CMVQVAE` whose task sees two modalities or more.
        recipe: its `Recipe`.
        split: a `cmvq_keras.data.split.Split`.

    Returns:
        A dictionary: "bits" (>= 0) and "interval" (95 %, of the samples drawn; not of
        the training) by modality, "cross_entropy" (bits; "none" with nothing left
        out, then by modality left out), and "zeta" as in
        `cmvq_keras.metrics.complementarity` with bits in the place of channels; None
        where no modality reaches `FLOOR` bits. With three modalities or more also
        "pairwise_zeta".
    """
    names = model.task_modalities
    found = {}
    for missing in (None, *names):
        without = () if missing is None else (missing,)
        task = model.inference_model(without=without)
        batches = evaluation_batches(recipe, split, task.input)
        totals, sizes = _totals(task, batches, model.ignore_class)
        found[missing] = calibrated(totals, sizes)
    return summary(found.pop(None), found, sizes)


def _totals(task, batches, ignore_class):
    parts = []
    for index in range(len(batches)):
        x, y = batches[index]
        # Under MirroredStrategy each device gives the whole of it, one after another.
        logits = task.predict_on_batch(x)[: len(y)]
        parts.append(costs(logits, y, ignore_class))
    totals, sizes = zip(*parts, strict=True)
    return np.concatenate(totals), np.concatenate(sizes)


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
    sample has a say in its own.

    Args:
        totals, sizes: as `costs` gives them.

    Returns:
        `(n,)` bits, summed over a sample's labels.
    """
    odd = np.arange(len(sizes)) % 2 == 1
    found = np.empty(len(sizes))
    for half in (odd, ~odd):
        if sizes[~half].sum():
            best = np.argmin(totals[~half].sum(axis=0))
        else:
            best = np.flatnonzero(TEMPERATURES == 1)[0]
        found[half] = totals[half, best]
    return found


def summary(whole, left, sizes):
    """The result of `measure` from samples' costs.

    Args:
        whole: `(n,)` bits with all modalities.
        left: by modality, `(n,)` bits without it.
        sizes: `(n,)` labels that count.
    """
    labels = max(sizes.sum(), 1.0)
    gained, intervals = {}, {}
    for name, costs_without in left.items():
        mean = float((costs_without - whole).sum() / labels)
        spread = standard_error(costs_without - whole - mean * sizes, labels)
        gained[name] = max(0.0, mean)
        intervals[name] = [mean - NORMAL * spread, mean + NORMAL * spread]
    entropies = {"none": whole, **left}
    result = {
        "bits": gained,
        "interval": intervals,
        "cross_entropy": {
            name: float(each.sum() / labels) for name, each in entropies.items()
        },
    }
    zeta = balance(gained)
    return {**result, **(zeta if max(gained.values()) >= FLOOR else {"zeta": None})}
