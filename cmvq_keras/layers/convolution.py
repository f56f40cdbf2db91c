"""Convolutions with kernels ordered as the backend wants them."""

import keras
from keras import ops

from cmvq_keras.backend import kernels


@keras.saving.register_keras_serializable("cmvq_keras")
class Conv2D(keras.layers.Conv2D):
    """Keras's on channels-last maps, without groups, dilation and activation.

    Args:
        **kwargs: of `keras.layers.Conv2D`.

    Input shape:
        `(batch, height, width, channels)`.
    """

    def build(self, input_shape):
        super().build(input_shape)
        kernels.to_channels_last([self._kernel])

    def call(self, inputs):
        kernel, bias = _tensors(self)
        return kernels.convolve(inputs, kernel, bias, self.strides, self.padding)


@keras.saving.register_keras_serializable("cmvq_keras")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras's on channels-last maps, for size 4, stride 2 and padding "same".

    Args:
        **kwargs: of `keras.layers.Conv2DTranspose`.

    Input shape:
        `(batch, height, width, channels)`; the output's sides are twice as long.
    """

    def build(self, input_shape):
        super().build(input_shape)
        kernels.to_channels_last([self.kernel])

    def call(self, inputs):
        return kernels.convolve_transposed(inputs, *_tensors(self))


def _tensors(layer):
    kernel = ops.convert_to_tensor(layer.kernel)
    return kernel, None if layer.bias is None else ops.convert_to_tensor(layer.bias)
