"""The share of right labels, macro-F1, and recall, precision and F1 by class."""

import keras
import numpy as np

from cmvq_keras.evaluation import temperature
from cmvq_keras.evaluation.measures.measure import Measure
from cmvq_keras.metrics import MultiLabelF1

MEASURES = {"multi-label": "MULTI_LABEL"}


class MultiLabel(Measure):
    """Any number of classes a sample; each class is a question of its own."""

    kind = MultiLabelF1

    def score(self, recipe):
        """Macro-F1."""
        return MultiLabelF1(len(recipe.classes))

    def results(self, recipe, logs, metric):
        """Recall, precision and F1 by class; None where they are of nothing."""
        hits, true, found = keras.ops.convert_to_numpy(metric.counts).T
        shares = {
            "per_class": (hits, true),
            "precision": (hits, found),
            "f1": (2 * hits, true + found),
        }
        return {
            key: {
                name: float(part[i] / whole[i]) if whole[i] else None
                for i, name in enumerate(recipe.classes)
            }
            for key, (part, whole) in shares.items()
        }

    def values(self, outputs, labels, model):
        """Right entries of a sample, and all of them."""
        right = (outputs > 0) == (labels > 0)
        return right.sum(axis=1), np.full(len(labels), labels.shape[1])

    def bits(self, outputs, labels, model):
        """The classes' binary cross entropies at several temperatures, summed."""
        # A class's two answers as logits 0 and z.
        pairs = np.stack([np.zeros_like(outputs), outputs], axis=-1)
        totals, _ = temperature.costs(pairs, labels)
        return totals, np.ones(len(labels))

    def calibrated(self, totals, sizes):
        """Cross entropy at the temperature that is best for the other half."""
        return temperature.calibrated(totals, sizes)


MULTI_LABEL = MultiLabel()
