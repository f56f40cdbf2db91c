"""The quantizer of an exported model: it looks up some channels, and nothing moves."""

import keras
from keras import ops

from cmvq_keras import ops as method_ops


@keras.saving.register_keras_serializable("cmvq_keras")
class CodeLookup(keras.layers.Layer):
    """Replaces each vector on the last axis with some channels of its nearest code.

    All channels choose the code, those that are not handed on too. All arithmetic is
    float32.

    Not a good choice for training: no code moves and no gradient passes.

    Args:
        num_embeddings: number of codes K.
        channels: how many channels of a code are handed on.

    Weights:
        embeddings: `(num_embeddings, depth)`, what the vectors are compared with.
        kept: `(num_embeddings, channels)`, what they become.

    Input shape:
        `(batch, ..., depth)`, any float type; only the batch may be unknown.

    Output shape:
        `(batch, ..., channels)` float32.

    Reference: docs/method.md, Section 2, steps 2 and 5.
    """

    def __init__(self, num_embeddings, channels, **kwargs):
        super().__init__(**kwargs)
        self.num_embeddings = num_embeddings
        self.channels = channels
        # Whether plain operations alone are used: ONNX knows no others.
        self.in_plain_operations = False

    def build(self, input_shape):
        self.embeddings = self._add("embeddings", input_shape[-1])
        self.kept = self._add("kept", self.channels)

    def _add(self, name, width):
        return self.add_weight(
            name=name,
            shape=(self.num_embeddings, width),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def call(self, inputs):
        flat = ops.reshape(ops.cast(inputs, "float32"), (-1, inputs.shape[-1]))
        codes = ops.convert_to_tensor(self.embeddings)
        plain = self.in_plain_operations
        find = method_ops.nearest_code_at_once if plain else method_ops.nearest_code
        indices = find(flat, codes)
        chosen = ops.take(ops.convert_to_tensor(self.kept), indices, axis=0)
        return ops.reshape(chosen, (-1, *inputs.shape[1:-1], self.channels))

    def compute_output_spec(self, inputs):
        shape = (*inputs.shape[:-1], self.channels)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "num_embeddings": self.num_embeddings,
            "channels": self.channels,
        }
