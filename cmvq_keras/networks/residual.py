"""The encoder and decoder of the VQ-VAE, for any number of stride-2 stages."""

from collections.abc import Sequence
from typing import Any

import keras

from cmvq_keras.networks import checks, parts


@keras.saving.register_keras_serializable("cmvq_keras")
class ResidualEncoder(parts.Chain):
    """The VQ-VAE encoder: an image or a spectrogram becomes a grid 2^n times smaller.

    n = 0: conv 3x3 and residual stack. n = 1: one strided convolution to c before
    them. n = 2: two, to c/2 and c. n of 3 or more, as the author's audio encoder: two
    strided convolutions, and n - 2 max-pools between conv 3x3 and the stack.

    Inputs are `(batch, height, width, channels)`, both sides divisible by 2^n; outputs
    `(batch, height / 2^n, width / 2^n, embedding_dim or hidden_channels)`.

    Args:
        hidden_channels: c, even if n is 2 or more.
        residual_channels: channels inside each residual block.
        num_residual_layers: number of residual blocks.
        num_stages: n = log2(input side / grid side).
        strides: by how much each stage shortens height and width instead of 2, a pair
            a stage; `num_stages` does not count then.
        embedding_dim: D, channels of the 1x1 convolution before the quantizer, named
            "projection"; None leaves that convolution out.

    Example:
        >>> encoder = ResidualEncoder(hidden_channels=8, residual_channels=4,
        ...                           embedding_dim=6)
        >>> encoder(keras.ops.ones((1, 32, 32, 3))).shape
        (1, 8, 8, 6)

    Reference: docs/method.md, Section 6.
    """

    def __init__(
        self,
        hidden_channels: int = 128,
        residual_channels: int = 32,
        num_residual_layers: int = 2,
        num_stages: int = 2,
        embedding_dim: int | None = None,
        strides: Sequence | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strides = checks.stages(num_stages, strides)
        self.num_stages = num_stages = len(self.strides)
        self.hidden_channels = checks.divisible(
            "hidden_channels", hidden_channels, 2 if num_stages > 1 else 1
        )
        self.residual_channels = checks.positive("residual_channels", residual_channels)
        self.num_residual_layers = checks.non_negative(
            "num_residual_layers", num_residual_layers
        )
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, multiple=checks.shrinkage(self.strides))

    def make_parts(self, input_shape):
        hidden = self.hidden_channels
        widths = {0: [], 1: [hidden]}.get(self.num_stages, [hidden // 2, hidden])
        made, channels = [], input_shape[-1]
        for i, width in enumerate(widths, start=1):
            stride = self.strides[i - 1]
            size = tuple(map(parts.strided, stride))
            made += [
                parts.convolution(
                    self, channels, width, size, f"conv_{i}", strides=stride
                ),
                parts.normalization(self, f"bn_{i}"),
                parts.relu(self, f"relu_{i}"),
            ]
            channels = width
        made.append(parts.convolution(self, channels, hidden, 3, "conv_last"))
        made += [
            self._pool(stride, f"pool_{i}")
            for i, stride in enumerate(self.strides[2:], start=1)
        ]
        made.append(
            ResidualStack(
                hidden,
                self.residual_channels,
                self.num_residual_layers,
                dtype=self.dtype_policy,
                name="residual_stack",
            )
        )
        if self.embedding_dim is not None:
            made.append(
                parts.convolution(self, hidden, self.embedding_dim, 1, "projection")
            )
        return made

    def _pool(self, stride, name):
        if stride == (2, 2):
            return parts.PaddedMaxPooling2D(dtype=self.dtype_policy, name=name)
        return parts.max_pool(self, stride, name)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_channels": self.hidden_channels,
            "residual_channels": self.residual_channels,
            "num_residual_layers": self.num_residual_layers,
            **checks.stages_config(self.strides),
            "embedding_dim": self.embedding_dim,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class ResidualDecoder(parts.Chain):
    """The VQ-VAE decoder: a grid of codes becomes an image 2^n times larger.

    Conv 3x3 to c, residual stack, then n transposed convolutions to c/2, c/4, ... and
    the output channels, with BN and ReLU between them. n = 0: a conv 3x3 instead.

    Inputs are `(batch, height, width, channels)`, outputs
    `(batch, 2^n height, 2^n width, output_channels)`, unbounded real numbers.

    Args:
        output_channels: channels of the reconstruction.
        hidden_channels: c, divisible by 2^(n - 1).
        residual_channels: channels inside each residual block.
        num_residual_layers: number of residual blocks.
        num_stages: n = log2(output side / grid side).
        strides: of the encoder, where they are not 2; see `ResidualEncoder`.

    Reference: docs/method.md, Section 6.
    """

    def __init__(
        self,
        output_channels: int,
        hidden_channels: int = 128,
        residual_channels: int = 32,
        num_residual_layers: int = 2,
        num_stages: int = 2,
        strides: Sequence | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_channels = checks.positive("output_channels", output_channels)
        self.strides = checks.stages(num_stages, strides)
        self.num_stages = num_stages = len(self.strides)
        self.hidden_channels = checks.divisible(
            "hidden_channels", hidden_channels, 2 ** max(num_stages - 1, 0)
        )
        self.residual_channels = checks.positive("residual_channels", residual_channels)
        self.num_residual_layers = checks.non_negative(
            "num_residual_layers", num_residual_layers
        )

    @property
    def output_dtype(self) -> str:
        """Dtype or policy of the last layer."""
        return self.dtype_policy

    def make_parts(self, input_shape):
        hidden, output = self.hidden_channels, self.output_channels
        made = [
            parts.convolution(self, input_shape[-1], hidden, 3, "conv_first"),
            ResidualStack(
                hidden,
                self.residual_channels,
                self.num_residual_layers,
                dtype=self.dtype_policy,
                name="residual_stack",
            ),
        ]
        between = self.strides[:0:-1]
        last_stride = self.strides[0] if self.strides else None
        for i, stride in enumerate(between, start=1):
            made += [
                parts.transposed_convolution(
                    self, hidden // 2**i, f"transposed_{i}", strides=stride
                ),
                parts.normalization(self, f"bn_{i}"),
                parts.relu(self, f"relu_{i}"),
            ]
        if last_stride is None:
            last = parts.convolution(
                self, hidden, output, 3, "conv_out", dtype=self.output_dtype
            )
        else:
            last = parts.transposed_convolution(
                self,
                output,
                f"transposed_{self.num_stages}",
                dtype=self.output_dtype,
                strides=last_stride,
            )
        return [*made, last]

    def get_config(self):
        return {
            **super().get_config(),
            "output_channels": self.output_channels,
            "hidden_channels": self.hidden_channels,
            "residual_channels": self.residual_channels,
            "num_residual_layers": self.num_residual_layers,
            **checks.stages_config(self.strides),
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class ResidualBlock(parts.Chain):
    """residual(x) = x + [BN, ReLU, conv 3x3 to r, BN, ReLU, conv 1x1 to c](x).

    The convolutions have no bias. Inputs and outputs are
    `(batch, height, width, channels)`.

    Args:
        channels: c, channels of input and output.
        residual_channels: r, channels inside.

    Reference: docs/method.md, Section 6.
    """

    def __init__(self, channels, residual_channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = checks.positive("channels", channels)
        self.residual_channels = checks.positive("residual_channels", residual_channels)

    def make_parts(self, input_shape):
        inner = self.residual_channels
        return [
            parts.normalization(self, "bn_1"),
            parts.relu(self, "relu_1"),
            parts.convolution(self, self.channels, inner, 3, "conv_1", use_bias=False),
            parts.normalization(self, "bn_2"),
            parts.relu(self, "relu_2"),
            parts.convolution(self, inner, self.channels, 1, "conv_2", use_bias=False),
        ]

    def check_input(self, input_shape):
        _check_channels(self, input_shape)

    def call(self, inputs, training=None):
        return inputs + super().call(inputs, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "residual_channels": self.residual_channels,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class ResidualStack(parts.Chain):
    """`num_layers` residual blocks, then BN and ReLU.

    Inputs and outputs are `(batch, height, width, channels)`.

    Args:
        channels: channels of input and output.
        residual_channels: channels inside each block.
        num_layers: number of blocks, 0 or more.

    Raises:
        ValueError: at build, if the input's last axis is not `channels` wide.

    Reference: docs/method.md, Section 6.
    """

    def __init__(
        self, channels: int, residual_channels: int, num_layers: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels = checks.positive("channels", channels)
        self.residual_channels = checks.positive("residual_channels", residual_channels)
        self.num_layers = checks.non_negative("num_layers", num_layers)

    def make_parts(self, input_shape):
        blocks = [
            ResidualBlock(
                self.channels,
                self.residual_channels,
                dtype=self.dtype_policy,
                name=f"residual_{i + 1}",
            )
            for i in range(self.num_layers)
        ]
        return [*blocks, parts.normalization(self, "bn"), parts.relu(self, "relu")]

    def check_input(self, input_shape):
        _check_channels(self, input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "residual_channels": self.residual_channels,
            "num_layers": self.num_layers,
        }


def _check_channels(layer, input_shape):
    """The skip connection adds the input: its channels must be the layer's."""
    checks.check_axes(layer, input_shape)
    if input_shape[-1] != layer.channels:
        raise ValueError(
            f"{type(layer).__name__}: the channels (axis 3) must be {layer.channels}, "
            f"as `channels` says. Received: input_shape={input_shape}"
        )
