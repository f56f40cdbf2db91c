"""Encoder and decoder for sequences of joints, such as PennAction's poses."""

from typing import Any

import keras

from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.kind import KindNetworks, residual_sizes
from cmvq_keras.networks.residual import ResidualStack

NETWORKS = {"pose": "POSE"}
POSE_AXES = ("batch", "steps", "joints", "features")


@keras.saving.register_keras_serializable("cmvq_keras")
class PoseEncoder(parts.Chain):
    """Turns a sequence of poses into a grid of the images' shape.

    The joints of a step are laid side by side and time is padded with zeros to
    4 x grid height. Two 1-D convolutions of stride 2 bring it to grid height rows of
    grid width x c/4 features, which become the grid; then BN, ReLU, conv 3x3 to c,
    residual stack, 1x1 convolution to D. Neighbouring columns of the grid have no
    meaning of their own: they are learned.

    Inputs are `(batch, steps, joints, features)`, steps at most 4 x grid height;
    outputs `(batch, grid height, grid width, embedding_dim or hidden_channels)`.

    Args:
        hidden_channels: c, divisible by 4.
        residual_channels: channels inside each residual block.
        num_residual_layers: number of residual blocks.
        embedding_dim: D, channels of the last 1x1 convolution; None leaves it out.
        grid: (height, width) of the output.

    Raises:
        ValueError: at build, if an axis is unknown or there are too many steps.

    Reference: docs/method.md, Section 5, PennAction; the paper does not print this
    network, so it is ours.
    """

    def __init__(
        self,
        hidden_channels: int = 128,
        residual_channels: int = 32,
        num_residual_layers: int = 2,
        embedding_dim: int | None = None,
        grid: tuple[int, int] = (32, 32),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.residual_channels = checks.positive("residual_channels", residual_channels)
        self.num_residual_layers = checks.non_negative(
            "num_residual_layers", num_residual_layers
        )
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim
        self.grid = checks.pair("grid", grid)

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, axes=POSE_AXES, known=POSE_AXES[1:])
        _check_steps(self, input_shape[1], self.grid[0], f"input_shape={input_shape}")

    def make_parts(self, input_shape):
        _, steps, joints, features = input_shape
        (height, width), hidden = self.grid, self.hidden_channels
        row = width * hidden // 4
        made = [
            parts.reshape(self, (steps, joints * features), "flatten_joints"),
            keras.layers.ZeroPadding1D(
                (0, 4 * height - steps),
                data_format="channels_last",
                dtype=self.dtype_policy,
                name="pad_time",
            ),
            parts.convolution(
                self, joints * features, hidden, 4, "conv_1", strides=2, rank=1
            ),
            parts.normalization(self, "bn_1"),
            parts.relu(self, "relu_1"),
            parts.convolution(self, hidden, row, 4, "conv_2", strides=2, rank=1),
            parts.reshape(self, (height, width, hidden // 4), "to_grid"),
            parts.normalization(self, "bn_2"),
            parts.relu(self, "relu_2"),
            parts.convolution(self, hidden // 4, hidden, 3, "conv_last"),
            ResidualStack(
                hidden,
                self.residual_channels,
                self.num_residual_layers,
                dtype=self.dtype_policy,
                name="residual_stack",
            ),
        ]
        if self.embedding_dim is not None:
            made.append(
                parts.convolution(self, hidden, self.embedding_dim, 1, "projection")
            )
        return made

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_channels": self.hidden_channels,
            "residual_channels": self.residual_channels,
            "num_residual_layers": self.num_residual_layers,
            "embedding_dim": self.embedding_dim,
            "grid": self.grid,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class PoseDecoder(parts.Chain):
    """Mirrors `PoseEncoder`: a grid of codes becomes a sequence of poses.

    Conv 3x3 to c, residual stack, 1x1 convolution to c/4, BN, ReLU, rows of the grid as
    steps, two 1-D transposed convolutions, cropped back to `steps`.

    Inputs are `(batch, height, width, channels)`, outputs
    `(batch, steps, joints, features)`.

    Args:
        steps: length of the sequence, at most 4 x grid height.
        joints: joints a step.
        features: numbers a joint.
        hidden_channels: c, divisible by 4.
        residual_channels: channels inside each residual block.
        num_residual_layers: number of residual blocks.

    Raises:
        ValueError: at build, if the grid is unknown or too small for `steps`.

    Reference: as `PoseEncoder`.
    """

    def __init__(
        self,
        steps: int,
        joints: int,
        features: int,
        hidden_channels: int = 128,
        residual_channels: int = 32,
        num_residual_layers: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps = checks.positive("steps", steps)
        self.joints = checks.positive("joints", joints)
        self.features = checks.positive("features", features)
        self.hidden_channels = checks.divisible("hidden_channels", hidden_channels, 4)
        self.residual_channels = checks.positive("residual_channels", residual_channels)
        self.num_residual_layers = checks.non_negative(
            "num_residual_layers", num_residual_layers
        )

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, known=("height", "width"))
        received = f"steps={self.steps}, input_shape={input_shape}"
        _check_steps(self, self.steps, input_shape[1], received)

    def make_parts(self, input_shape):
        _, height, width, channels = input_shape
        hidden = self.hidden_channels
        return [
            parts.convolution(self, channels, hidden, 3, "conv_first"),
            ResidualStack(
                hidden,
                self.residual_channels,
                self.num_residual_layers,
                dtype=self.dtype_policy,
                name="residual_stack",
            ),
            parts.convolution(self, hidden, hidden // 4, 1, "conv_narrow"),
            parts.normalization(self, "bn_1"),
            parts.relu(self, "relu_1"),
            parts.reshape(self, (height, width * hidden // 4), "to_steps"),
            parts.transposed_convolution(self, hidden, "transposed_1", rank=1),
            parts.normalization(self, "bn_2"),
            parts.relu(self, "relu_2"),
            parts.transposed_convolution(
                self, self.joints * self.features, "transposed_2", rank=1
            ),
            keras.layers.Cropping1D(
                (0, 4 * height - self.steps), dtype=self.dtype_policy, name="crop_time"
            ),
            parts.reshape(self, (self.steps, self.joints, self.features), "to_joints"),
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "steps": self.steps,
            "joints": self.joints,
            "features": self.features,
            "hidden_channels": self.hidden_channels,
            "residual_channels": self.residual_channels,
            "num_residual_layers": self.num_residual_layers,
        }


def _check_steps(layer, steps, height, received):
    if steps > 4 * height:
        raise ValueError(
            f"{type(layer).__name__}: the steps (axis 1 of the poses) must be at most "
            f"{4 * height}, 4 times the grid's height. Received: {received}"
        )


class PoseNetworks(KindNetworks):
    """The networks of joints' tracks."""

    LATE_FUSION_GRID = (32, 32)
    LATE_FUSION_CHANNELS = 512  # as many as the last stage of a ResNet18

    def autoencoder(self, name, modality, settings):
        steps, joints, features = modality.shape
        sizes, grid = residual_sizes(settings), (settings.grid, settings.grid)
        depth = settings.embedding_dim
        return (
            PoseEncoder(
                **sizes, embedding_dim=depth, grid=grid, name=f"{name}_encoder"
            ),
            PoseDecoder(steps, joints, features, **sizes, name=f"{name}_decoder"),
        )

    def late_fusion(self, name, modality, settings):
        """With `model.backbone` "resnet18", which takes no poses, as many channels."""
        if settings.backbone != "resnet18":
            return super().late_fusion(name, modality, settings)
        return PoseEncoder(
            **residual_sizes(settings),
            embedding_dim=self.LATE_FUSION_CHANNELS,
            grid=self.LATE_FUSION_GRID,
            name=f"{name}_pose",
        )


POSE = PoseNetworks()
