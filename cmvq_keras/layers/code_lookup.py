"""The quantizer of an exported model: it looks up some channels, and nothing moves."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cmvq_keras import ops as method_ops


@keras.saving.register_keras_serializable("cmvq_keras")
class CodeLookup(keras.layers.Layer):
    """Replaces each vector on the last axis with some channels of its nearest code.

    All channels choose the code, those that are not handed on too. All arithmetic is
    float32. A vector that holds a value that is not finite becomes NaN.

    Not a good choice for training: no code moves and no gradient passes.

    Args:
        num_embeddings: number of codes K of each group.
        channels: how many channels of a code are handed on; for several groups of
            channels a list with the number of each group.

    Weights:
        embeddings: `(num_embeddings, depth)`, what the vectors are compared with.
        kept: `(num_embeddings, channels)`, what they become.

    Input shape:
        `(batch, ..., depth)`, any float type; only the batch may be unknown.

    Output shape:
        `(batch, ..., channels)` float32, the groups' channels side by side.

    Reference: docs/method.md, Section 2, steps 2 and 5.
    """

    def __init__(
        self, num_embeddings: int, channels: int | Sequence[int], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_embeddings = num_embeddings
        self.channels = channels
        self._widths = [channels] if isinstance(channels, int) else list(channels)

    def build(self, input_shape):
        self.embeddings = self._add("embeddings", input_shape[-1])
        self.kept = self._add("kept", sum(self._widths))

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
        groups = len(self._widths)
        codes = ops.split(ops.convert_to_tensor(self.embeddings), groups, axis=-1)
        ends, kept = np.cumsum(self._widths), ops.convert_to_tensor(self.kept)
        kept = [
            kept[:, end - width : end]
            for width, end in zip(self._widths, ends.tolist(), strict=True)
        ]
        parts = zip(ops.split(flat, groups, axis=-1), codes, kept, strict=True)
        chosen = ops.concatenate([_look_up(*part) for part in parts], axis=-1)
        return ops.reshape(chosen, (-1, *inputs.shape[1:-1], chosen.shape[-1]))

    def compute_output_spec(self, inputs):
        shape = (*inputs.shape[:-1], sum(self._widths))
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "num_embeddings": self.num_embeddings,
            "channels": self.channels,
        }


def _look_up(vectors, codes, kept):
    chosen = ops.take(kept, method_ops.nearest_code(vectors, codes), axis=0)
    return method_ops.spread_non_finite(chosen, vectors)
