"""Batch normalization in one operation, over the batch of all devices."""

import keras
from keras import ops

from cmvq_keras.backend import kernels
from cmvq_keras.distribution import replicas


@keras.saving.register_keras_serializable("cmvq_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's, with the statistics of the whole batch.

    In training it is one operation where the backend has one, about three times faster
    on a CPU. Where several devices share a batch, mean and variance are those of all:
    Keras's own `synchronized=True` is for TensorFlow alone.

    Args:
        **kwargs: of `keras.layers.BatchNormalization`.

    Input shape:
        `(batch, ..., channels)`, or with the channels on `axis`.

    Raises:
        ValueError: for a mask or `renorm` where several devices share a batch.
    """

    def call(self, inputs, training=None, mask=None):
        learns = training and self.trainable
        if not learns and self._has_fast_inference(inputs, mask):
            moving = map(
                ops.convert_to_tensor, (self.moving_mean, self.moving_variance)
            )
            weights = self._scale_and_offset()
            outputs = kernels.normalize_by(inputs, *moving, *weights, self.epsilon)
            return ops.cast(outputs, self.compute_dtype)
        if not learns or self._needs_keras(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        one = not replicas.are_separate
        normalize = kernels.normalize if one else self._normalize_over_all
        elsewhere = self.axis not in (-1, len(inputs.shape) - 1)
        if elsewhere:
            inputs = ops.moveaxis(inputs, self.axis, -1)
        outputs, mean, variance = normalize(
            inputs, *self._scale_and_offset(), self.epsilon
        )
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            # As a tensor: Keras's product of a variable and a number takes far longer.
            old = ops.convert_to_tensor(moving)
            moving.assign(old * self.momentum + value * (1.0 - self.momentum))
        if elsewhere:
            outputs = ops.moveaxis(outputs, -1, self.axis)
        return ops.cast(outputs, self.compute_dtype)

    def _has_fast_inference(self, inputs, mask):
        """Whether the backend has an operation for a call in which nothing moves."""
        return (
            kernels.normalize_by is not None
            and mask is None
            and not self.renorm
            and self.axis in (-1, len(inputs.shape) - 1)
            and keras.backend.standardize_dtype(inputs.dtype) == "float32"
        )

    def _needs_keras(self, inputs, mask):
        """Whether only Keras's own form computes this training call."""
        if self.renorm or mask is not None:
            if replicas.are_separate:
                raise ValueError(
                    "BatchNormalization takes neither a mask nor renorm=True where "
                    f"several devices share a batch. Received: renorm={self.renorm}, "
                    f"mask={'none' if mask is None else 'one'}"
                )
            return True
        return keras.backend.standardize_dtype(inputs.dtype) == "float64"

    def _scale_and_offset(self):
        """gamma and beta, `(channels,)` each: 1 and 0 where the layer has none."""
        gamma, beta = self.gamma, self.beta
        if gamma is None:
            gamma = ops.ones(self.moving_mean.shape)
        if beta is None:
            beta = ops.zeros(self.moving_mean.shape)
        return ops.convert_to_tensor(gamma), ops.convert_to_tensor(beta)

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
