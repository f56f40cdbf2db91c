"""Finite scalar quantization: every channel is rounded to a few levels of its own."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras.layers.quantizer import Quantizer

QUANTIZERS = {"fsq": "FiniteScalarQuantizer"}
SETTINGS = {"levels": {"default": 8, "integer": "[2, 2**16]"}}
#: What keeps the outermost levels in reach, as in the paper's code.
MARGIN = 1e-3
#: How near to a border, in levels, rounding to float32 can choose the other side.
NEAR = 1e-4


@keras.saving.register_keras_serializable("cmvq_keras")
class FiniteScalarQuantizer(Quantizer):
    """Bounds every channel with tanh and rounds it to one of a few levels.

    There is no codebook to learn, so none can collapse, and no loss of its own. Each
    channel is a code by itself: a channel that the mask closes has no say in the codes
    of the others, as it has under a vector quantizer. The price is that all channels
    spend the same number of levels, and that correlated channels say things twice.

    Not a good choice where a small number of discrete codes a position is wanted: there
    are `levels ** depth` combinations.

    Args:
        levels: how many values each channel can take, at least 2. An even number is
            not symmetric around 0: 8 levels are -1, -0.75, ..., 0.75.

    Input shape:
        `(batch, ..., depth)`, any float type.

    Output:
        As `Quantizer`, a code a channel: "indices" in [0, levels), `(batch, ...,
        depth)` (for one channel `(batch, ...)`); "quantized" in [-1, 1]; "loss" of
        zeros. The gradient passes the rounding straight through and then the tanh. A
        value that is not a number stays one, with code 0.

    Raises:
        ValueError: for fewer than two levels, and an input whose depth is unknown.

    Reference: Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", 2023,
    Section 3 and the code in its appendix.
    """

    size_settings = ("levels",)

    def __init__(self, levels: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not (isinstance(levels, int) and levels >= 2):
            raise ValueError(f"`levels` must be an integer >= 2. Received: {levels!r}")
        self.levels = levels

    @classmethod
    def describe_codes(cls, settings):
        return settings.levels, settings.embedding_dim

    @property
    def num_codes(self) -> int:
        return self.levels

    @property
    def num_groups(self):
        return self.depth

    @property
    def _half(self):
        """Levels on one side of 0: what brings them into [-1, 1]."""
        return self.levels // 2

    def build(self, input_shape):
        self.depth = self.check_depth(input_shape)

    def codebook(self):
        values = (np.arange(self.levels) - self._half) / self._half
        columns = np.broadcast_to(values[:, None], (self.levels, self.depth))
        return ops.convert_to_tensor(columns.astype("float32"))

    def lookup(self, indices):
        values = (ops.cast(indices, "float32") - self._half) / self._half
        return values if self.depth > 1 else values[..., None]

    def call(self, inputs, training=False):
        bounded = self._bound(ops.cast(inputs, "float32"))
        rounded = ops.round(bounded)
        quantized = method_ops.straight_through(
            rounded / self._half, bounded / self._half
        )
        number = ops.where(ops.isnan(rounded), -float(self._half), rounded)
        indices = ops.cast(ops.stop_gradient(number), "int32") + self._half
        if self.depth == 1:
            indices = indices[..., 0]
        # Zeros a sample, of a shape that tracing leaves open.
        axes = tuple(range(1, len(inputs.shape)))
        loss = ops.zeros_like(ops.sum(bounded, axis=axes))
        return {
            "quantized": ops.cast(quantized, self.compute_dtype),
            "indices": indices,
            "loss": loss,
        }

    def _bound(self, inputs):
        """Values whose rounding gives one of the levels, from -half up."""
        height = (self.levels - 1) * (1 + MARGIN) / 2
        offset = 0.0 if self.levels % 2 else 0.5
        shift = math.atanh(offset / height)
        return ops.tanh(inputs + shift) * height - offset

    def channels_read(self, channels):
        return np.asarray(channels)

    def in_doubt(self, vectors):
        bounded = np.float64(ops.convert_to_numpy(self._bound(vectors)))
        near = np.abs(bounded - np.floor(bounded) - 0.5) < NEAR
        return near.any(axis=-1)

    def compute_output_spec(self, inputs, training=False):
        shape = tuple(inputs.shape)
        indices = shape if shape[-1] > 1 else shape[:-1]
        return {
            "quantized": keras.KerasTensor(shape, dtype=self.compute_dtype),
            "indices": keras.KerasTensor(indices, dtype="int32"),
            "loss": keras.KerasTensor(shape[:1], dtype="float32"),
        }

    def get_config(self):
        return {**super().get_config(), "levels": self.levels}
