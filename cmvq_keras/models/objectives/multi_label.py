"""Any number of classes a sample: a logistic loss for each class."""

import keras
from keras import ops

from cmvq_keras.backend import batch_checks
from cmvq_keras.metrics import LabelAccuracy
from cmvq_keras.models import labels
from cmvq_keras.models.objectives.objective import Objective

OBJECTIVES = {"multi-label": "MULTI_LABEL"}


class MultiLabel(Objective):
    """Labels are 0 or 1 for each class."""

    def loss(self, model):
        """Binary cross entropy, the mean over the classes."""
        return keras.losses.BinaryCrossentropy(from_logits=True)

    def metric(self, model):
        """The share of the entries that are right."""
        return LabelAccuracy()

    def check(self, values, outputs_shape, ignore_class):
        """Zeros and ones."""
        axes = None if outputs_shape is None else len(outputs_shape)
        labels.check_values(values, axes, 2)

    def in_range(self, found, outputs, ignore_class):
        """Checked inside a TensorFlow step."""
        return batch_checks.in_range(found, 2, None)

    def answers(self, outputs):
        """The probability of each class."""
        return ops.sigmoid(outputs)


MULTI_LABEL = MultiLabel()
