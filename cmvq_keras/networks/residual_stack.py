"""The residual stack that encoders, decoders and the classifier share."""

import keras

from cmvq_keras.networks import checks, parts


@keras.saving.register_keras_serializable("cmvq_keras")
class ResidualBlock(parts.Chain):
    """residual(x) = x + [BN, ReLU, conv 3x3 to r, BN, ReLU, conv 1x1 to c](x).

    The convolutions have no bias. Inputs and outputs are
    `(batch, height, width, channels)`.

    Args:
        channels: c, channels of input and output.
        residual_channels: r, channels inside.

    Reference: METHOD section 6.
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

    Reference: METHOD section 6.
    """

    def __init__(self, channels, residual_channels, num_layers, **kwargs):
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
