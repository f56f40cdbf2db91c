"""What a model scores on a split."""

import numpy as np

from cmvq_keras.batches import Batches, even_batch_size
from cmvq_keras.distribution import replicas
from cmvq_keras.evaluation import measures, shared_classes
from cmvq_keras.evaluation.progress import StepProgress

_LAST = ("per_class", "confusion")  # entries that stand at the end of metrics.json


def scores(recipe, shared=None):
    """The Keras metrics to compile a recipe's model with, for `measure`.

    Args:
        recipe: the `Recipe`.
        shared: names of classes that another data set has too, or None; see
            `cmvq_keras.evaluation.shared_classes`.
    """
    own = measures.get(recipe.task).score(recipe)
    found = [] if own is None else [own]
    if shared:
        indices = [recipe.classes.index(name) for name in shared]
        found.append(shared_classes.AccuracyAmong(indices))
    return found


def shared_batches(recipe, split):
    """As `cmvq_keras.batches.evaluation_batches`, each of several devices its part.

    They are those of one device where these can be shared out; else smaller ones, or
    every device reads them whole.

    Raises:
        ValueError: for a split with fewer samples than there are devices.
    """
    count = len(split.y)
    even = even_batch_size(count, recipe.training.batch_size)
    for size in range(min(even, count), 0, -1):
        if replicas.splits(size) and replicas.splits(count % size or size, last=True):
            process = replicas.index, replicas.processes
            return Batches(split.x, split.y, size, process=process)
    if not replicas.can_read_whole:
        raise ValueError(
            f"{replicas.count} devices cannot divide {count} samples of validation "
            "or test data: take fewer devices, or more samples."
        )
    whole = Batches(split.x, split.y, even)
    whole.whole = True
    return whole


def measure(model, recipe, split, shared=None):
    """The numbers of one split, a dict for metrics.json.

    Args:
        model: a `CMVQVAE` that was compiled with `scores(recipe, shared)`.
        recipe: its `Recipe`.
        split: a `cmvq_keras.data.split.Split`.
        shared: as in `scores`.

    Returns:
        See `cmvq_keras.evaluate`.
    """
    logs = model.evaluate(
        shared_batches(recipe, split),
        return_dict=True,
        verbose=0,
        callbacks=[StepProgress()],
    )
    about = measures.get(recipe.task)
    with replicas.metrics_of_all(model):
        found = about.results(recipe, logs, _find_metric(model, about.kind))
    among = logs.pop(shared_classes.NAME, None)
    grouped = about.grouped(recipe)
    grouped |= {f"{name}_codes_used" for name in model.quantizers}
    return {
        **_on_shared(found, recipe.classes, shared, among),
        **{name: value for name, value in logs.items() if name not in grouped},
        **{name: value for name, value in found.items() if name not in _LAST},
        "n": len(split.y),
        "codes_used": {
            name: _count(logs[f"{name}_codes_used"])
            for name in model.modalities
            if name in model.quantizers
        },
        **{name: found[name] for name in _LAST if name in found},
    }


def _count(mean):
    """A whole number where it is one: the mean over several groups need not be."""
    return int(mean) if float(mean).is_integer() else round(float(mean), 2)


def _on_shared(found, classes, shared, among):
    if shared is None:
        return {}
    confusion = np.asarray(found["confusion"])
    return {"shared": shared_classes.measure(confusion, classes, shared, among)}


def _find_metric(model, kind):
    queue = list(model.metrics)
    for metric in queue:
        if isinstance(metric, kind):
            return metric
        queue.extend(getattr(metric, "metrics", ()))
    raise ValueError(f"The model was not compiled with {kind.__name__}.")
