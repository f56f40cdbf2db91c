"""The base of all objectives: what a model asks of its task."""

from cmvq_keras.models import labels


class Objective:
    """A task's loss, its metric in training, and how its labels meet the outputs.

    The base is for labels with an entry for each output, `(batch, outputs)`.
    """

    def loss(self, model):
        """The loss of labels and outputs, a `keras.losses.Loss`.

        Args:
            model: a `cmvq_keras.models.task_model.TaskModel`.
        """
        raise NotImplementedError

    def metric(self, model):
        """The Keras metric that is logged in training.

        Args:
            model: as in `loss`.
        """
        raise NotImplementedError

    def label_shape(self, outputs_shape):
        """The shape of the labels, from that of the outputs; batch axis included."""
        return tuple(outputs_shape)

    def align(self, found, outputs):
        """Labels in their shape.

        Raises:
            InputError: for no labels, other shapes and texts.
        """
        return labels.align_entries(found, outputs)

    def align_weights(self, sample_weight, found):
        """Weights `(batch,)`; None for None."""
        return labels.align_weights(sample_weight, found[:, 0])

    def loss_weights(self, sample_weight, found):
        """As `align_weights`, of as many axes as the loss has values."""
        return self.align_weights(sample_weight, found)

    def check(self, values, outputs_shape, ignore_class):
        """Raises InputError for values that are no labels.

        Args:
            values: what Keras was given; what is no array, list or tensor of a batch
                is not looked at.
            outputs_shape: `(batch, ..., outputs)`; None before the model is built.
            ignore_class: label that does not count, or None.
        """

    def in_range(self, found, outputs, ignore_class):
        """The same labels, checked inside the step where the backend needs it."""
        return found

    def answers(self, outputs):
        """What `cmvq_keras.predict` gives, from the outputs; a tensor."""
        return outputs
