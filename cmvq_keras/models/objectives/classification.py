"""One class for each label: softmax cross entropy, accuracy."""

import keras
from keras import ops

from cmvq_keras.backend import batch_checks
from cmvq_keras.metrics import Accuracy, broadcast_weights
from cmvq_keras.models import labels
from cmvq_keras.models.objectives.objective import Objective

# Under segmentation a label is one of a pixel: the equations are the same.
OBJECTIVES = {"classification": "CLASSES", "segmentation": "CLASSES"}


class Classes(Objective):
    """Labels are integers, of the axes of the outputs but the last."""

    def loss(self, model):
        """Softmax cross entropy."""
        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=model.ignore_class
        )

    def metric(self, model):
        """Accuracy."""
        return Accuracy(model.ignore_class)

    def label_shape(self, outputs_shape):
        """The last axis is that of the classes."""
        return tuple(outputs_shape)[:-1]

    def align(self, found, outputs):
        """See `cmvq_keras.models.labels.align_labels`."""
        return labels.align_labels(found, outputs)

    def align_weights(self, sample_weight, found):
        """See `cmvq_keras.models.labels.align_weights`."""
        return labels.align_weights(sample_weight, found)

    def loss_weights(self, sample_weight, found):
        """Weights of the labels' shape; None for None."""
        weights = self.align_weights(sample_weight, found)
        return None if weights is None else broadcast_weights(weights, found)

    def check(self, values, outputs_shape, ignore_class):
        """Whole numbers below the number of classes."""
        shape = outputs_shape or ()
        axes, classes = (len(shape) - 1, shape[-1]) if shape else (None, None)
        labels.check_values(values, axes, classes, ignore_class)

    def in_range(self, found, outputs, ignore_class):
        """Checked inside a TensorFlow step."""
        return batch_checks.in_range(found, outputs.shape[-1], ignore_class)

    def answers(self, outputs):
        """Probabilities of the classes."""
        return ops.softmax(outputs, axis=-1)


CLASSES = Classes()
