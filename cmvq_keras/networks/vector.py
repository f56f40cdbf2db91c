"""Encoder and decoder for vectors of numbers: columns of a table, embeddings."""

import math
from typing import Any

import keras

from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.kind import KindNetworks

NETWORKS = {"vector": "VECTOR"}
VECTOR_AXES = ("batch", "features")


@keras.saving.register_keras_serializable("cmvq_keras")
class VectorEncoder(parts.Chain):
    """Two dense layers; the second makes the values of each place of a grid.

    Dense to c, BN, ReLU, dense to height x width x w, BN, ReLU, laid out as a grid, and
    a 1 x 1 convolution to D. w is c for a grid of 1 x 1 and c / 4 for one of four
    places or more. So a vector meets pictures on their grid; its places have no order.

    Inputs are `(batch, features)`; outputs `(batch, height, width, embedding_dim or
    w)`.

    Args:
        hidden_channels: c, a multiple of 4.
        grid: (height, width) of the output.
        embedding_dim: D, channels of the last convolution, named "projection"; None
            leaves it out.
    """

    def __init__(
        self,
        hidden_channels: int = 64,
        grid: tuple[int, int] = (1, 1),
        embedding_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.grid = checks.pair("grid", grid)
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, axes=VECTOR_AXES)

    def make_parts(self, input_shape):
        hidden, places = self.hidden_channels, math.prod(self.grid)
        width = max(hidden // places, hidden // 4)
        made, inputs = [], input_shape[-1]
        for number, units in enumerate((hidden, places * width), start=1):
            made += [
                parts.dense(self, inputs, units, f"dense_{number}"),
                parts.normalization(self, f"bn_{number}"),
                parts.relu(self, f"relu_{number}"),
            ]
            inputs = units
        made.append(parts.reshape(self, (*self.grid, width), "to_grid"))
        if self.embedding_dim is not None:
            made.append(
                parts.convolution(self, width, self.embedding_dim, 1, "projection")
            )
        return made

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_channels": self.hidden_channels,
            "grid": self.grid,
            "embedding_dim": self.embedding_dim,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class VectorDecoder(parts.Chain):
    """The grid in a row, dense to c, ReLU, dense to the features.

    Inputs are `(batch, height, width, channels)`, outputs `(batch, features)`.

    Args:
        features: numbers of a vector.
        hidden_channels: c.
    """

    def __init__(self, features: int, hidden_channels: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = checks.positive("features", features)
        self.hidden_channels = checks.positive("hidden_channels", hidden_channels)

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, known=("height", "width"))

    def make_parts(self, input_shape):
        inputs, hidden = math.prod(input_shape[1:]), self.hidden_channels
        return [
            parts.reshape(self, (inputs,), "flatten"),
            parts.dense(self, inputs, hidden, "dense_1"),
            parts.relu(self, "relu"),
            parts.dense(self, hidden, self.features, "dense_2"),
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "features": self.features,
            "hidden_channels": self.hidden_channels,
        }


class VectorNetworks(KindNetworks):
    """Dense layers, whatever `model.backbone` says of pictures."""

    def autoencoder(self, name, modality, settings):
        hidden, grid = settings.hidden_channels, (settings.grid, settings.grid)
        depth = settings.embedding_dim
        return (
            VectorEncoder(hidden, grid, depth, name=f"{name}_encoder"),
            VectorDecoder(modality.shape[0], hidden, name=f"{name}_decoder"),
        )


VECTOR = VectorNetworks()
