"""A plain convolutional encoder and decoder, for small inputs."""

from collections.abc import Sequence
from typing import Any

import keras

from cmvq_keras.networks import checks, parts


@keras.saving.register_keras_serializable("cmvq_keras")
class ConvEncoder(parts.Chain):
    """Stages of two 3 x 3 convolutions and a max-pool: a grid 2^n times smaller.

    A stage is twice conv 3x3, BN, ReLU, then a max-pool 2 x 2. The widths of the
    stages are c/4, c/2 and c, and c again for each further stage. Pictures of 32 x 32
    keep 4 x 4 vectors after three stages, which suits a pooled task head. A bad choice
    for fine reconstructions: `ResidualEncoder` keeps more places.

    Inputs are `(batch, height, width, channels)`, both sides divisible by 2^n; outputs
    `(batch, height / 2^n, width / 2^n, embedding_dim or hidden_channels)`.

    Args:
        hidden_channels: c, a multiple of 4.
        num_stages: n = log2(input side / grid side), at least 1.
        embedding_dim: D, channels of the 1 x 1 convolution before the quantizer, named
            "projection"; None leaves that convolution out.
        strides: by how much each stage shortens height and width instead of 2, a pair
            a stage; `num_stages` does not count then.

    Example:
        >>> encoder = ConvEncoder(hidden_channels=64, num_stages=3, embedding_dim=64)
        >>> encoder(keras.ops.ones((1, 32, 32, 3))).shape
        (1, 4, 4, 64)
    """

    def __init__(
        self,
        hidden_channels: int = 64,
        num_stages: int = 3,
        embedding_dim: int | None = None,
        strides: Sequence | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.strides = checks.stages(num_stages, strides)
        self.num_stages = checks.positive("num_stages", len(self.strides))
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, multiple=checks.shrinkage(self.strides))

    def make_parts(self, input_shape):
        made, channels = [], input_shape[-1]
        every = widths(self.hidden_channels, self.num_stages)
        for stage, (width, stride) in enumerate(zip(every, self.strides, strict=True)):
            for half in "ab":
                name = f"{stage + 1}{half}"
                made += [
                    parts.convolution(self, channels, width, 3, f"conv_{name}"),
                    parts.normalization(self, f"bn_{name}"),
                    parts.relu(self, f"relu_{name}"),
                ]
                channels = width
            made.append(parts.max_pool(self, stride, f"pool_{stage + 1}"))
        if self.embedding_dim is not None:
            made.append(
                parts.convolution(self, channels, self.embedding_dim, 1, "projection")
            )
        return made

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_channels": self.hidden_channels,
            **checks.stages_config(self.strides),
            "embedding_dim": self.embedding_dim,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class ConvDecoder(parts.Chain):
    """The mirror image of `ConvEncoder`: a grid becomes a picture 2^n times larger.

    Conv 3x3 to c and ReLU, then n transposed convolutions of stride 2 with ReLUs
    between them, of the encoder's widths in reverse.

    Inputs are `(batch, height, width, channels)`, outputs
    `(batch, 2^n height, 2^n width, output_channels)`, unbounded real numbers.

    Args:
        output_channels: channels of the reconstruction.
        hidden_channels, num_stages, strides: as in `ConvEncoder`.
    """

    def __init__(
        self,
        output_channels: int,
        hidden_channels: int = 64,
        num_stages: int = 3,
        strides: Sequence | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_channels = checks.positive("output_channels", output_channels)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.strides = checks.stages(num_stages, strides)
        self.num_stages = checks.positive("num_stages", len(self.strides))

    def make_parts(self, input_shape):
        hidden = self.hidden_channels
        made = [
            parts.convolution(self, input_shape[-1], hidden, 3, "conv"),
            parts.relu(self, "relu"),
        ]
        every = zip(widths(hidden, self.num_stages), self.strides, strict=True)
        *between, (_, last_stride) = reversed(list(every))
        for stage, (width, stride) in enumerate(between, start=1):
            made += [
                parts.transposed_convolution(
                    self, width // 2, f"up_{stage}", strides=stride
                ),
                parts.relu(self, f"relu_{stage}"),
            ]
        last = parts.transposed_convolution(
            self, self.output_channels, f"up_{self.num_stages}", strides=last_stride
        )
        return [*made, last]

    def get_config(self):
        return {
            **super().get_config(),
            "output_channels": self.output_channels,
            "hidden_channels": self.hidden_channels,
            **checks.stages_config(self.strides),
        }


def widths(hidden_channels, num_stages):
    """The channels of each stage: c/4, c/2, c, c, ...; the last ones for few stages."""
    growing = [hidden_channels // 4, hidden_channels // 2]
    wide = max(1, num_stages - len(growing))
    return [*growing, *[hidden_channels] * wide][-num_stages:]
