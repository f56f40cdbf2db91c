"""Encoder and decoder for sequences of different lengths, with a mask."""

from typing import Any

import keras
from keras import ops

from cmvq_keras.networks.sequence import (
    SequenceDecoder,
    SequenceEncoder,
    SequenceNetworks,
)

NETWORKS = {"padded": "PADDED"}


@keras.saving.register_keras_serializable("cmvq_keras")
class PaddedEncoder(SequenceEncoder):
    """A `SequenceEncoder` that sees zeros where no step is, and the mask beside them.

    Places of the grid without any step are zeros. The last entry of an input,
    `(batch, steps, features + 1)`, is 1 where a step is there, else 0.

    Args:
        hidden_channels, grid, embedding_dim: as of `SequenceEncoder`.
    """

    def call(self, inputs, training=None):
        there = _mask(inputs)
        grid = super().call(inputs * there, training=training)
        places = ops.reshape(there, (-1, *self.grid, inputs.shape[1] // _count(self)))
        return grid * ops.max(places, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("cmvq_keras")
class PaddedDecoder(SequenceDecoder):
    """A `SequenceDecoder` whose loss counts the steps that are there, and the mask.

    Args:
        steps, features, hidden_channels: as of `SequenceDecoder`; the last feature is
            the mask.
    """

    def reconstruction_loss(self, targets: Any, outputs: Any) -> Any:
        """Mean squared error of the steps that are there, and of the mask.

        Args:
            targets: `(batch, steps, features)`.
            outputs: the same.

        Returns:
            A float32 scalar.
        """
        targets, outputs = (ops.cast(each, "float32") for each in (targets, outputs))
        there = _mask(targets)
        error = ops.square(outputs - targets)
        total = ops.sum(error[..., :-1] * there)
        count = ops.maximum(ops.sum(there), 1.0) * (self.features - 1)
        return total / count + ops.mean(error[..., -1])

    def to_values(self, outputs: Any) -> Any:
        """Values with zeros behind the end, and a mask of 0 and 1."""
        there = _mask(outputs)
        return ops.concatenate([outputs[..., :-1] * there, there], axis=-1)


class PaddedNetworks(SequenceNetworks):
    """A sequence's, with the mask beside the values."""

    encoder, decoder = PaddedEncoder, PaddedDecoder


def _mask(values):
    """1 where a step is there, else 0: `(batch, steps, 1)` in the values' dtype."""
    return ops.cast(values[..., -1:] > 0.5, values.dtype)


def _count(encoder):
    height, width = encoder.grid
    return height * width


PADDED = PaddedNetworks()
