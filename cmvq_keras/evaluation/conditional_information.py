"""How many bits of the label each modality adds to what the others know.

A count of channels says how much of the network a modality got, not what it is good
for. What it is good for is measured here: the task's cross entropy with zeros in the
modality's channels, minus that with all of them. For a solver that knows the right
probabilities in both cases this is I(label; modality | other modalities), the
information that the modality alone carries. A solver learns to do without a modality
by modality dropout (setting `model.modality_dropout`) and not otherwise: without it
the numbers say how much this model leans on a modality, not what only it can tell.
"""

import numpy as np

from cmvq_keras.evaluation import left_out, measures, shapley
from cmvq_keras.evaluation.intervals import NORMAL, standard_error
from cmvq_keras.metrics import balance

#: Bits; where no modality reaches as many, zeta would be a ratio of noise.
FLOOR = 0.05


def is_measured(recipe):
    """Whether a recipe's runs are trained for it: modality dropout, and a modality to
    do without."""
    seen = recipe.task_modalities or recipe.modalities
    return recipe.model.modality_dropout > 0 and len(seen) > 1


def measure(model, recipe, split):
    """The information of each modality that the task sees, on a split.

    Under segmentation all is per labelled pixel. Several labels of a sample are counted
    together, each by itself. Under regression the errors count as Gaussian, with one
    variance a target: the bits are those that explain more of the variance, and errors
    of another form could hold more.

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
        "pairwise_zeta". With two, where the labels are classes, also "shapley": their
        Shapley values in bits, see `cmvq_keras.evaluation.contribution`.
    """
    names, measure_of_task = model.task_modalities, measures.get(recipe.task)
    totals, sizes = _totals(model, recipe, split, measure_of_task)
    found = {
        missing: measure_of_task.calibrated(bits, sizes)
        for missing, bits in totals.items()
    }
    whole = found.pop("")
    result = summary(whole, found, sizes)
    nothing = measure_of_task.prior_bits(np.asarray(split.y), model)
    # With more modalities other subsets would have to be predicted.
    if len(names) == 2 and nothing is not None:
        one, two = names
        known = {names: whole, (one,): found[two], (two,): found[one], (): nothing}
        gains = shapley.values(lambda subset: -known[subset], names)
        labels = max(sizes.sum(), 1.0)
        result["shapley"] = {
            name: float(gain.sum() / labels) for name, gain in gains.items()
        }
    return result


def _totals(model, recipe, split, measure_of_task):
    """Bits by what is left out, "" for nothing, and the labels that count."""
    totals, sizes = {}, []
    for outputs, y in left_out.outputs(model, recipe, split):
        for missing, found in outputs.items():
            bits, counted = measure_of_task.bits(found, y, model)
            totals.setdefault(missing, []).append(bits)
        sizes.append(counted)
    return {key: np.concatenate(parts) for key, parts in totals.items()}, (
        np.concatenate(sizes)
    )


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
