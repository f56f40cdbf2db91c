"""Accuracy on the classes that two data sets share (docs/method.md, Table 6).

Classes are matched by name. The samples are those whose true class is shared. The
paper does not say among which classes the prediction is chosen: "accuracy" here lets
the model choose among all of its own, so that a shared sample taken for a class of its
own is an error; "accuracy_among_shared" takes the largest logit of the shared ones.
"""

import keras
from keras import ops

from cmvq_keras import tasks

NAME = "accuracy_among_shared"


def between(own, others):
    """Names that both have, in the order of `own`; None if the two are the same set.

    Args:
        own: the classes' names of the recipe that is measured.
        others: those of the recipe that it was initialised from, or None.
    """
    if others is None or set(own) == set(others):
        return None
    return tuple(name for name in own if name in set(others))


def of_run(recipe, others):
    """As `between`; None for tasks whose samples have not one class each.

    Args:
        recipe: the `Recipe` that is measured.
        others: as in `between`.
    """
    about = tasks.get(recipe.task)
    if not (about.one_class or about.has_maps):
        return None
    return between(recipe.classes, others)


def measure(confusion, classes, shared, among=None):
    """The numbers on shared classes, as metrics.json holds them.

    Args:
        confusion: `(true, predicted)` counts.
        classes: all names, in the order of `confusion`.
        shared: some of them.
        among: `AccuracyAmong`'s result, where there is one.

    Returns:
        A dictionary: "classes" (the shared names), "n" (labels of those classes),
        "accuracy" and "accuracy_among_shared" in [0, 1], None without a sample.
    """
    rows = [classes.index(name) for name in shared]
    count = int(confusion[rows].sum())
    hits = float(confusion[rows, rows].sum())
    return {
        "classes": list(shared),
        "n": count,
        "accuracy": hits / count if count else None,
        NAME: float(among) if count and among is not None else None,
    }


@keras.saving.register_keras_serializable("cmvq_keras")
class AccuracyAmong(keras.metrics.Mean):
    """The share of labels of some classes whose logit is the largest among these.

    Args:
        classes: indices of the classes; labels of others do not count.
    """

    def __init__(self, classes, name=NAME, **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = tuple(classes)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds labels `(batch, ...)` and logits `(batch, ..., all classes)`."""
        classes = ops.convert_to_tensor(self.classes, "int32")
        best = ops.argmax(ops.take(y_pred, classes, axis=-1), axis=-1)
        labels = ops.cast(y_true, "int32")
        hits = ops.take(classes, best, axis=0) == labels
        counted = ops.any(labels[..., None] == classes, axis=-1)
        return super().update_state(
            ops.cast(hits, "float32"), sample_weight=ops.cast(counted, "float32")
        )

    def get_config(self):
        return {"name": self.name, "classes": list(self.classes)}
