"""Encoder and decoder for texts as bytes."""

from typing import Any

import keras
from keras import ops

from cmvq_keras.networks import checks
from cmvq_keras.networks.kind import KindNetworks
from cmvq_keras.networks.sequence import SequenceDecoder, SequenceEncoder, poolings

NETWORKS = {"tokens": "TOKENS"}
TOKEN_AXES = ("batch", "length")
BYTES = 256


@keras.saving.register_keras_serializable("cmvq_keras")
class TokenEncoder(SequenceEncoder):
    """An embedding of each byte, then as `SequenceEncoder`.

    Inputs are `(batch, length)`, whole numbers from 0 to 255 of any type; outputs and
    arguments as in `SequenceEncoder`.
    """

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, axes=TOKEN_AXES)
        poolings(input_shape[1], self.grid)

    def make_parts(self, input_shape):
        hidden = self.hidden_channels
        embedding = ByteEmbedding(hidden, dtype=self.dtype_policy, name="embedding")
        return [embedding, *super().make_parts((*input_shape, hidden))]


@keras.saving.register_keras_serializable("cmvq_keras")
class ByteEmbedding(keras.layers.Embedding):
    """A vector a byte; numbers are rounded, and those outside of 0 to 255 clipped.

    Args:
        output_dim: entries of a vector.
    """

    def __init__(self, output_dim: int, **kwargs: Any) -> None:
        super().__init__(BYTES, output_dim, **kwargs)
        self.autocast = False

    def call(self, inputs):
        places = ops.clip(ops.round(ops.cast(inputs, "float32")), 0, BYTES - 1)
        return super().call(ops.cast(places, "int32"))

    def get_config(self):
        config = super().get_config()
        del config["input_dim"]
        return config


@keras.saving.register_keras_serializable("cmvq_keras")
class TokenDecoder(SequenceDecoder):
    """As `SequenceDecoder`, to 256 logits a byte.

    Inputs are `(batch, height, width, channels)`, outputs `(batch, length, 256)`.

    Args:
        steps: bytes of a text.
        hidden_channels: c.
    """

    def __init__(self, steps: int, hidden_channels: int = 64, **kwargs: Any) -> None:
        super().__init__(steps, BYTES, hidden_channels, **kwargs)

    def reconstruction_loss(self, targets: Any, outputs: Any) -> Any:
        """Cross entropy of the bytes that a text has, in units of log 256: 1 for a
        uniform guess.

        Args:
            targets: `(batch, length)` bytes; 0 is behind the end and does not count.
            outputs: `(batch, length, 256)` logits.

        Returns:
            A float32 scalar.
        """
        labels = ops.cast(targets, "int32")
        logits = ops.log_softmax(ops.cast(outputs, "float32"), axis=-1)
        found = ops.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
        counted = ops.cast(labels > 0, "float32")
        total = ops.sum(found * counted) / ops.maximum(ops.sum(counted), 1.0)
        return -total / ops.log(float(BYTES))

    def to_values(self, outputs: Any) -> Any:
        """The likeliest byte of each place, `(batch, length)` float32."""
        return ops.cast(ops.argmax(outputs, axis=-1), "float32")

    def get_config(self):
        config = super().get_config()
        del config["features"]
        return config


class TokenNetworks(KindNetworks):
    """Convolutions over embedded bytes, whatever `model.backbone` says of pictures."""

    def autoencoder(self, name, modality, settings):
        (length,) = modality.shape
        hidden, grid = settings.hidden_channels, (settings.grid, settings.grid)
        depth = settings.embedding_dim
        return (
            TokenEncoder(hidden, grid, depth, name=f"{name}_encoder"),
            TokenDecoder(length, hidden, name=f"{name}_decoder"),
        )


TOKENS = TokenNetworks()
