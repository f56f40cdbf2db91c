"""ResNet18, cut where the grid has the wanted size, and its mirror as a decoder."""

from typing import Any

import keras

from cmvq_keras import layers
from cmvq_keras.backend import inner_calls
from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.initializers import he_normal

# (stride, channels) of the four stages: He et al. 2016, table 1.
STAGES = ((4, 64), (8, 128), (16, 256), (32, 512))
# KerasCV's constant; PyTorch's is 1e-5.
EPSILON = 1.001e-5


@keras.saving.register_keras_serializable("cmvq_keras")
class BasicBlock(parts.Chain):
    """relu(shortcut(x) + [conv 3x3, BN, ReLU, conv 3x3, BN](x)), no biases.

    The shortcut is the input itself, or conv 1x1 and BN where the shape changes.
    Inputs are `(batch, height, width, channels)`, outputs
    `(batch, height / strides, width / strides, channels)`.

    Args:
        channels: output channels.
        strides: 1 or 2.

    Reference: He et al. 2016, "Deep residual learning for image recognition", fig. 2.
    """

    def __init__(self, channels, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.channels = checks.positive("channels", channels)
        self.strides = checks.positive("strides", strides)

    def make_parts(self, input_shape):
        return [
            _convolution(self, self.channels, 3, "conv_1", self.strides),
            parts.normalization(self, "bn_1", EPSILON),
            parts.relu(self, "relu_1"),
            _convolution(self, self.channels, 3, "conv_2"),
            parts.normalization(self, "bn_2", EPSILON),
        ]

    def build(self, input_shape):
        if self.built:
            return
        super().build(input_shape)
        self.shortcut = []
        if self.strides > 1 or input_shape[-1] != self.channels:
            convolution = _convolution(self, self.channels, 1, "conv_0", self.strides)
            convolution.build(input_shape)
            normalization = parts.normalization(self, "bn_0", EPSILON)
            normalization.build(convolution.compute_output_shape(input_shape))
            self.shortcut = [convolution, normalization]

    def call(self, inputs, training=None):
        shortcut = inner_calls.in_turn(self, self.shortcut, inputs, training)
        return keras.ops.relu(shortcut + super().call(inputs, training=training))

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "strides": self.strides,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class ResNet18Encoder(parts.Chain):
    """ResNet18 up to the stage of one stride, then a 1x1 convolution to D.

    Full depth (`grid_stride=32`, no head, 3 channels) is KerasCV's network of
    11,186,112 parameters, padding ("same") included; `load_keras_cv_weights` takes its
    weights. A bad choice for small images: at stride 4 a 32 x 32 image leaves 8 x 8
    positions.

    Inputs are `(batch, height, width, channels)`, both sides divisible by
    `grid_stride`; outputs `(batch, height / stride, width / stride, embedding_dim or
    64, 128, 256, 512 channels)`.

    Args:
        grid_stride: 4, 8, 16 or 32: input side / grid side.
        embedding_dim: D, channels of the last 1x1 convolution, named "projection";
            None leaves it out.

    Reference: He et al. 2016, table 1; keras_cv.models.ResNetBackbone.
    """

    def __init__(
        self, grid_stride: int = 32, embedding_dim: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.grid_stride = _check_stride(grid_stride)
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, multiple=self.grid_stride)

    def make_parts(self, input_shape):
        made = [
            _convolution(self, 64, 7, "conv_stem", strides=2),
            parts.normalization(self, "bn_stem", EPSILON),
            parts.relu(self, "relu_stem"),
            keras.layers.MaxPooling2D(
                3,
                strides=2,
                padding="same",
                data_format="channels_last",
                dtype=self.dtype_policy,
                name="pool_stem",
            ),
        ]
        for stage, (stride, channels) in enumerate(STAGES, start=1):
            if stride <= self.grid_stride:
                made += _stage(self, channels, f"stage_{stage}", 1 + (stage > 1))
        if self.embedding_dim is not None:
            width = dict(STAGES)[self.grid_stride]
            made.append(
                parts.convolution(self, width, self.embedding_dim, 1, "projection")
            )
        return made

    def get_config(self):
        return {
            **super().get_config(),
            "grid_stride": self.grid_stride,
            "embedding_dim": self.embedding_dim,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class ResNet18Decoder(parts.Chain):
    """Mirrors `ResNet18Encoder`: the same stages backwards.

    Conv 3x3 to the stage's channels; two basic blocks per stage, each stage followed by
    a transposed convolution that doubles the sides; after the stage of stride 4 two
    transposed convolutions undo the stem.

    Inputs are `(batch, height, width, channels)`, outputs
    `(batch, stride x height, stride x width, output_channels)`.

    Args:
        output_channels: channels of the reconstruction.
        grid_stride: 4, 8, 16 or 32: output side / grid side.

    Reference: ours; the method uses the VQ-VAE decoder.
    """

    def __init__(
        self, output_channels: int, grid_stride: int = 32, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.output_channels = checks.positive("output_channels", output_channels)
        self.grid_stride = _check_stride(grid_stride)

    def make_parts(self, input_shape):
        widths = [width for stride, width in STAGES if stride <= self.grid_stride]
        made = [
            parts.convolution(self, input_shape[-1], widths[-1], 3, "conv_first"),
            parts.normalization(self, "bn_first", EPSILON),
            parts.relu(self, "relu_first"),
        ]
        for i in range(len(widths), 0, -1):
            below = widths[max(i - 2, 0)]
            made += [
                *_stage(self, widths[i - 1], f"stage_{i}", strides=1),
                parts.transposed_convolution(self, below, f"transposed_{i}"),
                parts.normalization(self, f"bn_{i}", EPSILON),
                parts.relu(self, f"relu_{i}"),
            ]
        made.append(
            parts.transposed_convolution(self, self.output_channels, "transposed_0")
        )
        return made

    def get_config(self):
        return {
            **super().get_config(),
            "output_channels": self.output_channels,
            "grid_stride": self.grid_stride,
        }


def load_keras_cv_weights(encoder: ResNet18Encoder, backbone: keras.Model) -> None:
    """Copies a KerasCV ResNet18 backbone's weights into an encoder.

    Args:
        encoder: a built `ResNet18Encoder`; one cut early takes the stages that it has.
            Its 1x1 convolution is left as it is.
        backbone: `keras_cv.models.ResNetBackbone` of basic blocks, (2, 2, 2, 2).

    Raises:
        ValueError: if the encoder is not built, or the backbone is another network.
    """
    if not encoder.built:
        raise ValueError("The encoder must be built. Received: an unbuilt encoder")
    pairs = [(encoder.part("conv_stem"), "conv1_conv")]
    pairs.append((encoder.part("bn_stem"), "conv1_bn"))
    for part in encoder.parts:
        if isinstance(part, BasicBlock):
            _, stage, block = part.name.split("_")
            prefix = f"v2_stack_{int(stage) - 1}_block{block}"
            for own in [*part.shortcut, *part.parts]:
                if own.weights:
                    kind, number = own.name.split("_")
                    pairs.append((own, f"{prefix}_{number}_{kind}"))
    names = {layer.name for layer in backbone.layers}
    missing = sorted({name for _, name in pairs} - names)
    if missing:
        raise ValueError(
            "The backbone must be a KerasCV ResNetBackbone of two basic blocks a "
            f"stage. Received: a model without the layers {missing}"
        )
    values = [(own, backbone.get_layer(name).get_weights()) for own, name in pairs]
    for own, weights in values:
        expected = [tuple(w.shape) for w in own.weights]
        received = [w.shape for w in weights]
        if expected != received:
            raise ValueError(
                f"The weights of {own.path} must have the shapes {expected}. "
                f"Received: {received}"
            )
    for own, weights in values:
        own.set_weights(weights)


def _check_stride(grid_stride):
    strides = [stride for stride, _ in STAGES]
    if grid_stride not in strides:
        raise ValueError(
            f"`grid_stride` must be one of {strides}. "
            f"Received: grid_stride={grid_stride!r}"
        )
    return grid_stride


def _stage(owner, channels, name, strides):
    return [
        BasicBlock(channels, s, dtype=owner.dtype_policy, name=f"{name}_{i}")
        for i, s in enumerate((strides, 1), start=1)
    ]


def _convolution(owner, channels, size, name, strides=1):
    # As the reference implementations of ResNet start.
    return layers.Conv2D(
        channels,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        data_format="channels_last",
        kernel_initializer=he_normal(size**2 * channels),
        dtype=owner.dtype_policy,
        name=name,
    )
