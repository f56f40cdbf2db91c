"""Batch normalization whose statistics are those of the batch on all devices."""

import keras
from keras import ops

from cmvq_keras.distribution import replicas


@keras.saving.register_keras_serializable("cmvq_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's, with the statistics of the whole batch where several devices share it.

    Keras's own `synchronized=True` is for TensorFlow alone. On one device, and at
    inference, this layer is Keras's in every bit. Masks and renormalization are not
    taken.

    Args:
        **kwargs: of `keras.layers.BatchNormalization`.

    Input shape:
        `(batch, ..., channels)`.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable) or not replicas.are_separate:
            return super().call(inputs, training=training, mask=mask)
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        inputs = ops.cast(inputs, dtype)
        mean, variance = self._moments_of_all(inputs)
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            old = ops.cast(moving, dtype)
            moving.assign(old * self.momentum + value * (1.0 - self.momentum))
        outputs = ops.batch_normalization(
            inputs,
            mean,
            variance,
            axis=self.axis,
            offset=None if self.beta is None else ops.cast(self.beta, dtype),
            scale=None if self.gamma is None else ops.cast(self.gamma, dtype),
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)

    def _moments_of_all(self, inputs):
        """Mean and variance `(channels,)` over the batches of all devices."""
        axis = self.axis % len(inputs.shape)
        axes = [each for each in range(len(inputs.shape)) if each != axis]
        # Around a value near the mean: the square of a large mean would cost digits.
        shape = [1] * len(inputs.shape)
        shape[axis] = -1
        middle = ops.cast(self.moving_mean, inputs.dtype)
        shifted = inputs - ops.reshape(middle, shape)
        first, second = replicas.sums(
            ops.mean(shifted, axes), ops.mean(ops.square(shifted), axes)
        )
        first, second = first / replicas.count, second / replicas.count
        variance = ops.maximum(second - ops.square(first), 0.0)
        return middle + first, variance
