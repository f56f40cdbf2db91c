"""Accuracy, macro-F1 and the confusion of classes."""

import keras
import numpy as np

from cmvq_keras.evaluation import temperature
from cmvq_keras.evaluation.measures.measure import Measure
from cmvq_keras.metrics import ConfusionMetric, MacroF1

MEASURES = {"classification": "CLASSIFICATION"}


class Classification(Measure):
    """One class for each label."""

    kind = ConfusionMetric

    def score(self, recipe):
        """Macro-F1."""
        return MacroF1(len(recipe.classes))

    def results(self, recipe, logs, metric):
        """Recall by class, and how often which class was taken for which."""
        confusion = keras.ops.convert_to_numpy(metric.confusion)
        sizes = confusion.sum(axis=1)
        return {
            "per_class": {
                name: float(confusion[i, i] / sizes[i]) if sizes[i] else None
                for i, name in enumerate(recipe.classes)
            },
            "confusion": confusion.astype(int).tolist(),
        }

    def values(self, outputs, labels, model):
        """Right labels, and labels that count."""
        ignored = model.ignore_class
        right = right_labels(outputs, labels, ignored)
        return right, counted(labels, ignored).sum(axis=1)

    def bits(self, outputs, labels, model):
        """Cross entropy at several temperatures."""
        return temperature.costs(outputs, labels, model.ignore_class)

    def calibrated(self, totals, sizes):
        """Cross entropy at the temperature that is best for the other half."""
        return temperature.calibrated(totals, sizes)

    def prior_bits(self, labels, model):
        """Cross entropy of the classes' frequencies."""
        return class_costs(labels, model.ignore_class)


CLASSIFICATION = Classification()


def right_labels(logits, labels, ignore_class=None):
    """`(n,)` integers: how many of each sample's labels are the most probable class.

    Args:
        logits: `(n, ..., classes)` numpy array.
        labels: `(n, ...)` integers, a numpy array.
        ignore_class: label that does not count, or None.
    """
    counts = counted(labels, ignore_class)
    hits = logits.argmax(axis=-1).reshape(counts.shape) == labels.reshape(counts.shape)
    return (hits & counts).sum(axis=1)


def counted(labels, ignore_class=None):
    """`(n, labels)` booleans: which labels of a sample are not the ignored one."""
    labels = labels.reshape(len(labels), -1)
    if ignore_class is None:
        return np.ones(labels.shape, bool)
    return labels != ignore_class


def class_costs(labels, ignore_class=None):
    """The cost of one who knows only how often each class occurs in these labels.

    Args:
        labels: `(n, ...)` integers, a numpy array.
        ignore_class: label that does not count, or None.

    Returns:
        `(n,)` float64 bits, summed over a sample's labels.
    """
    counts = counted(labels, ignore_class)
    labels = np.where(counts, labels.reshape(counts.shape), 0).astype(np.int64)
    seen = np.bincount(labels[counts], minlength=1)
    shares = np.maximum(seen, 1) / max(seen.sum(), 1)
    return (-np.log2(shares[labels]) * counts).sum(axis=1)
