"""Encoder and decoder for sequences of numbers, such as a sensor's readings."""

import math
from typing import Any

import keras

from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.kind import KindNetworks

NETWORKS = {"sequence": "SEQUENCE"}
SEQUENCE_AXES = ("batch", "steps", "features")


@keras.saving.register_keras_serializable("cmvq_keras")
class SequenceEncoder(parts.Chain):
    """Convolutions over time; what is left of the steps is laid out as a grid.

    Conv 5 to c, BN, ReLU, then a max-pool of 2 and conv 5, BN, ReLU for each further
    halving, and conv 3, BN, ReLU. height x width steps are left; they become the
    grid's places row by row. So a sequence meets pictures on one grid. Its columns are
    times too: a head that looks at neighbouring places mixes rows of other times.

    Inputs are `(batch, steps, features)`, steps a power of two times height x width;
    outputs `(batch, height, width, embedding_dim or hidden_channels)`.

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
        halvings(input_shape[1], self.grid)

    def make_parts(self, input_shape):
        hidden, channels, made = self.hidden_channels, input_shape[-1], []
        for stage in range(halvings(input_shape[1], self.grid) + 1):
            if stage:
                made.append(
                    keras.layers.MaxPooling1D(
                        2,
                        data_format="channels_last",
                        dtype=self.dtype_policy,
                        name=f"pool_{stage}",
                    )
                )
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

    The places become steps, conv 3 to c, ReLU, and a transposed convolution of stride
    2 for each doubling, the last one to the features, with ReLUs between them; without
    a doubling a conv 3.

    Inputs are `(batch, height, width, channels)`, outputs `(batch, steps, features)`.

    Args:
        steps: a power of two times height x width.
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
        halvings(self.steps, input_shape[1:3])

    def make_parts(self, input_shape):
        _, height, width, channels = input_shape
        hidden = self.hidden_channels
        doublings = halvings(self.steps, (height, width))
        made = [
            parts.reshape(self, (height * width, channels), "to_steps"),
            parts.convolution(self, channels, hidden, 3, "conv", rank=1),
            parts.relu(self, "relu"),
        ]
        if not doublings:
            return [
                *made,
                parts.convolution(self, hidden, self.features, 3, "last", rank=1),
            ]
        for stage in range(1, doublings):
            made += [
                parts.transposed_convolution(self, hidden, f"up_{stage}", rank=1),
                parts.relu(self, f"relu_{stage}"),
            ]
        last = f"up_{doublings}"
        return [
            *made,
            parts.transposed_convolution(self, self.features, last, rank=1),
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "steps": self.steps,
            "features": self.features,
            "hidden_channels": self.hidden_channels,
        }


def halvings(steps, grid):
    """How often `steps` are halved until one is left for each place of a grid.

    Raises:
        ValueError: where no number of halvings leads there.
    """
    height, width = grid
    factor = steps // (height * width)
    if factor < 1 or factor & (factor - 1) or steps != factor * height * width:
        raise ValueError(
            "A sequence's steps (axis 1) must be a power of two times the grid's "
            f"{height} x {width} places. Received: {steps}"
        )
    return int(math.log2(factor))


class SequenceNetworks(KindNetworks):
    """Convolutions over time, whatever `model.backbone` says of pictures."""

    def autoencoder(self, name, modality, settings):
        steps, features = modality.shape
        hidden, grid = settings.hidden_channels, (settings.grid, settings.grid)
        depth = settings.embedding_dim
        return (
            SequenceEncoder(hidden, grid, depth, name=f"{name}_encoder"),
            SequenceDecoder(steps, features, hidden, name=f"{name}_decoder"),
        )


SEQUENCE = SequenceNetworks()
