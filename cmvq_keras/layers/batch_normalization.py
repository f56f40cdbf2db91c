"""Batch normalization in one operation, over the batch of all devices."""

import keras
from keras import ops

from cmvq_keras.backend import kernels
from cmvq_keras.distribution import replicas


@keras.saving.register_keras_serializable("cmvq_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's over the last axis, with the statistics of the whole batch.

    In training it is one operation where the backend has one, about three times faster
    on a CPU. Where several devices share a batch, mean and variance are those of all:
    Keras's own `synchronized=True` is for TensorFlow alone. Masks and renormalization
    are not taken.

    Args:
        **kwargs: of `keras.layers.BatchNormalization`.

    Input shape:
        `(batch, ..., channels)`.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        scale, offset = map(ops.convert_to_tensor, (self.gamma, self.beta))
        one = not replicas.are_separate
        normalize = kernels.normalize if one else self._normalize_over_all
        outputs, mean, variance = normalize(inputs, scale, offset, self.epsilon)
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    def _normalize_over_all(self, inputs, scale, offset, epsilon):
        """As `kernels.normalize`, over the batches of all devices."""
        inputs = ops.cast(inputs, "float32")
        axes = list(range(len(inputs.shape) - 1))
        # Around a value near the mean: the square of a large mean would cost digits.
        middle = ops.convert_to_tensor(self.moving_mean)
        shifted = inputs - middle
        first, second = replicas.sums(
            ops.mean(shifted, axes), ops.mean(ops.square(shifted), axes)
        )
        first, second = first / replicas.count, second / replicas.count
        mean = middle + first
        variance = ops.maximum(second - ops.square(first), 0.0)
        outputs = ops.batch_normalization(
            inputs, mean, variance, -1, offset, scale, epsilon
        )
        return outputs, mean, variance
