"""Encoder and decoder for sequences of numbers, such as a sensor's readings."""

from typing import Any

import keras

from cmvq_keras.data.kinds import grids
from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.kind import KindNetworks

NETWORKS = {"sequence": "SEQUENCE"}
SEQUENCE_AXES = ("batch", "steps", "features")


@keras.saving.register_keras_serializable("cmvq_keras")
class SequenceEncoder(parts.Chain):
    """Convolutions over time; what is left of the steps is laid out as a grid.

    Conv 5 to c, BN, ReLU, then a max-pool and conv 5, BN, ReLU for each prime factor by
    which the steps become fewer, and conv 3, BN, ReLU. height x width steps are left;
    they become the grid's places row by row. So a sequence meets pictures on one grid.
    Its columns are times too: a head that looks at neighbouring places mixes rows of
    other times.

    Inputs are `(batch, steps, features)`, steps a multiple of height x width by factors
    of 7 at most; outputs `(batch, height, width, embedding_dim or hidden_channels)`.

    Args:
        hidden_channels: c.
        grid: (height, width) of the output.
        embedding_dim: D, channels of the last 1 x 1 convolution, named "projection";
            None leaves it out.

    Raises:
        ValueError: at build, for an unknown axis and steps that do not fit the grid.
    """

    def __init__(
        self,
        hidden_channels: int = 64,
        grid: tuple[int, int] = (4, 4),
        embedding_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_channels = checks.positive("hidden_channels", hidden_channels)
        self.grid = checks.pair("grid", grid)
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        checks.check_axes(
            self, input_shape, axes=SEQUENCE_AXES, known=SEQUENCE_AXES[1:]
        )
        poolings(input_shape[1], self.grid)

    def make_parts(self, input_shape):
        hidden, channels, made = self.hidden_channels, input_shape[-1], []
        for stage, pool in enumerate([1, *poolings(input_shape[1], self.grid)]):
            if stage:
                made.append(parts.max_pool(self, pool, f"pool_{stage}", rank=1))
            made += self._stage(channels, 5, f"{stage + 1}")
            channels = hidden
        made += self._stage(channels, 3, "last")
        made.append(parts.reshape(self, (*self.grid, hidden), "to_grid"))
        if self.embedding_dim is not None:
            made.append(
                parts.convolution(self, hidden, self.embedding_dim, 1, "projection")
            )
        return made

    def _stage(self, channels, size, name):
        return [
            parts.convolution(
                self, channels, self.hidden_channels, size, f"conv_{name}", rank=1
            ),
            parts.normalization(self, f"bn_{name}"),
            parts.relu(self, f"relu_{name}"),
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_channels": self.hidden_channels,
            "grid": self.grid,
            "embedding_dim": self.embedding_dim,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class SequenceDecoder(parts.Chain):
    """Mirrors `SequenceEncoder`: a grid becomes a sequence.

    The places become steps, conv 3 to c, ReLU, and a transposed convolution by
    each factor, in reverse, the last one to the features, with ReLUs between them;
    without a factor a conv 3.

    Inputs are `(batch, height, width, channels)`, outputs `(batch, steps, features)`.

    Args:
        steps: as the encoder's.
        features: numbers a step.
        hidden_channels: c.
    """

    def __init__(
        self, steps: int, features: int, hidden_channels: int = 64, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.steps = checks.positive("steps", steps)
        self.features = checks.positive("features", features)
        self.hidden_channels = checks.positive("hidden_channels", hidden_channels)

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, known=("height", "width"))
        poolings(self.steps, input_shape[1:3])

    def make_parts(self, input_shape):
        _, height, width, channels = input_shape
        hidden = self.hidden_channels
        strides = poolings(self.steps, (height, width))[::-1]
        made = [
            parts.reshape(self, (height * width, channels), "to_steps"),
            parts.convolution(self, channels, hidden, 3, "conv", rank=1),
            parts.relu(self, "relu"),
        ]
        if not strides:
            return [
                *made,
                parts.convolution(self, hidden, self.features, 3, "last", rank=1),
            ]
        for stage, stride in enumerate(strides[:-1], start=1):
            made += [
                parts.transposed_convolution(
                    self, hidden, f"up_{stage}", rank=1, strides=stride
                ),
                parts.relu(self, f"relu_{stage}"),
            ]
        last = parts.transposed_convolution(
            self, self.features, f"up_{len(strides)}", rank=1, strides=strides[-1]
        )
        return [*made, last]

    def get_config(self):
        return {
            **super().get_config(),
            "steps": self.steps,
            "features": self.features,
            "hidden_channels": self.hidden_channels,
        }


def poolings(steps, grid):
    """The factors by which steps become fewer until each place of a grid has one.

    Raises:
        ValueError: where no factors lead there.
    """
    height, width = grid
    if not grids.can_shrink(steps, height * width):
        raise ValueError(
            "A sequence's steps (axis 1) must be a multiple of the grid's "
            f"{height} x {width} places by factors of {grids.LARGEST_FACTOR} at most. "
            f"Received: {steps}"
        )
    return grids.factors(steps // (height * width))


class SequenceNetworks(KindNetworks):
    """Convolutions over time, whatever `model.backbone` says of pictures."""

    encoder, decoder = SequenceEncoder, SequenceDecoder

    def autoencoder(self, name, modality, settings):
        steps, features = modality.shape
        hidden, grid = settings.hidden_channels, (settings.grid, settings.grid)
        depth = settings.embedding_dim
        return (
            self.encoder(hidden, grid, depth, name=f"{name}_encoder"),
            self.decoder(steps, features, hidden, name=f"{name}_decoder"),
        )


SEQUENCE = SequenceNetworks()
