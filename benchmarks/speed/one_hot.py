"""The published quantizer in keras.ops: products with the one-hot matrix."""

import keras
from keras import ops


class OneHotQuantizer(keras.layers.Layer):
    """`cmvq_keras.layers.VectorQuantizer` as the published code formulates it.

    Args:
        codes: K.
    """

    def __init__(self, codes, beta=0.25, decay=0.99, epsilon=1e-5):
        super().__init__()
        self.codes, self.beta, self.decay, self.epsilon = codes, beta, decay, epsilon

    def build(self, input_shape):
        """Codebook, counts and sums."""
        shape = (self.codes, input_shape[-1])
        kept = {"trainable": False, "autocast": False}
        self.codebook = self.add_weight(shape=shape, initializer="normal", **kept)
        self.size = self.add_weight(shape=shape[:1], initializer="zeros", **kept)
        self.total = self.add_weight(shape=shape, initializer="normal", **kept)

    def call(self, inputs, training=False):
        """As `VectorQuantizer`; the loss is a scalar."""
        flat = ops.reshape(inputs, (-1, inputs.shape[-1]))
        codebook = ops.convert_to_tensor(self.codebook)
        distances = (
            ops.sum(ops.square(flat), axis=1, keepdims=True)
            + ops.sum(ops.square(codebook), axis=1)
            - 2 * ops.matmul(flat, ops.transpose(codebook))
        )
        indices = ops.argmin(distances, axis=1)
        chosen = ops.one_hot(indices, self.codes)
        quantized = ops.reshape(ops.matmul(chosen, codebook), ops.shape(inputs))
        if training:
            self._move(chosen, ops.stop_gradient(flat))
        loss = self.beta * ops.mean(ops.square(ops.stop_gradient(quantized) - inputs))
        return {
            "quantized": inputs + ops.stop_gradient(quantized - inputs),
            "indices": indices,
            "loss": loss,
        }

    def _move(self, chosen, flat):
        counts = ops.sum(chosen, axis=0)
        size = self.size * self.decay + (1 - self.decay) * counts
        n = ops.sum(size)
        size = (size + self.epsilon) / (n + self.codes * self.epsilon) * n
        sums = ops.matmul(ops.transpose(chosen), flat)
        total = self.total * self.decay + (1 - self.decay) * sums
        self.size.assign(size)
        self.total.assign(total)
        self.codebook.assign(total / size[:, None])
