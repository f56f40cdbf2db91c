"""Batch normalization in one operation where the backend has one."""

import keras
from keras import ops

from cmvq_keras.distribution import kernels


@keras.saving.register_keras_serializable("cmvq_keras")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's over the last axis; in training about three times faster on a CPU.

    Masks and renormalization are not taken.

    Args:
        **kwargs: of `keras.layers.BatchNormalization`.

    Input shape:
        `(batch, ..., channels)`.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = kernels.normalize(
            inputs,
            ops.convert_to_tensor(self.gamma),
            ops.convert_to_tensor(self.beta),
            self.epsilon,
        )
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)
