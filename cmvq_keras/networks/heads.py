"""Task solvers: what follows the mask."""

import math
from typing import Any

import keras

from cmvq_keras import validation
from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.residual import ResidualDecoder, ResidualStack


@keras.saving.register_keras_serializable("cmvq_keras")
class ClassificationSolver(parts.Chain):
    """Class logits from the masked grids of all modalities.

    Conv 3x3 stride 2, BN, ReLU; conv 3x3 stride 2; dropout; residual stack; flatten;
    dense, BN, ReLU, dropout; dense. The mask is a layer of its own. The flattened
    layer ties it to one grid size.

    Inputs are `(batch, height, width, channels)`; outputs `(batch, num_classes)`
    logits, float32 under mixed precision too.

    Args:
        num_classes: J.
        channels: channels of the convolutions and the stack (the author: D / 2).
        residual_channels: channels inside each residual block.
        num_residual_layers: number of residual blocks.
        units: width of the hidden dense layer.
        dropout: share of values dropped in training, in [0, 1).
        seed: of the dropout.

    Raises:
        ValueError: at build, if height or width of the input is unknown.

    Reference: docs/method.md, Section 6, task solver.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int,
        residual_channels: int,
        num_residual_layers: int = 2,
        units: int = 256,
        dropout: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = checks.positive("num_classes", num_classes)
        self.channels = checks.positive("channels", channels)
        self.residual_channels = checks.positive("residual_channels", residual_channels)
        self.num_residual_layers = checks.non_negative(
            "num_residual_layers", num_residual_layers
        )
        self.units = checks.positive("units", units)
        self.dropout = validation.in_range(dropout, "`dropout`", "[0, 1)")
        self.seed = seed

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, known=("height", "width"))

    def make_parts(self, input_shape):
        _, height, width, inputs = input_shape
        features = math.ceil(height / 4) * math.ceil(width / 4) * self.channels
        return [
            *parts.padded_convolution(self, inputs, self.channels, "conv_1"),
            parts.normalization(self, "bn_1"),
            parts.relu(self, "relu_1"),
            *parts.padded_convolution(self, self.channels, self.channels, "conv_2"),
            self._drop("dropout_1", 0),
            ResidualStack(
                self.channels,
                self.residual_channels,
                self.num_residual_layers,
                dtype=self.dtype_policy,
                name="residual_stack",
            ),
            parts.reshape(self, (features,), "flatten"),
            parts.dense(self, features, self.units, "dense_1"),
            parts.normalization(self, "bn_2"),
            parts.relu(self, "relu_2"),
            self._drop("dropout_2", 1),
            parts.dense(
                self,
                self.units,
                self.num_classes,
                "logits",
                dtype=parts.at_least_float32(self),
            ),
        ]

    def _drop(self, name, offset):
        # One seed for both would drop correlated positions.
        seed = None if self.seed is None else self.seed + offset
        return keras.layers.Dropout(
            self.dropout, seed=seed, dtype=self.dtype_policy, name=name
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "channels": self.channels,
            "residual_channels": self.residual_channels,
            "num_residual_layers": self.num_residual_layers,
            "units": self.units,
            "dropout": self.dropout,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class SegmentationSolver(ResidualDecoder):
    """Class logits for every pixel: the VQ-VAE decoder, one output channel a class.

    Inputs are `(batch, height, width, channels)`; outputs
    `(batch, 2^n height, 2^n width, num_classes)` logits, float32 under mixed precision
    too.

    Args:
        num_classes: J.
        hidden_channels: c, divisible by 2^(n - 1).
        residual_channels: channels inside each residual block.
        num_residual_layers: number of residual blocks.
        num_stages: n = log2(output side / grid side).

    Reference: docs/method.md, Section 2, step 6.
    """

    def __init__(
        self,
        num_classes: int,
        hidden_channels: int = 128,
        residual_channels: int = 32,
        num_residual_layers: int = 2,
        num_stages: int = 2,
        **kwargs: Any,
    ) -> None:
        checks.positive("num_classes", num_classes)
        super().__init__(
            num_classes,
            hidden_channels,
            residual_channels,
            num_residual_layers,
            num_stages,
            **kwargs,
        )
        self.num_classes = num_classes

    @property
    def output_dtype(self):
        return parts.at_least_float32(self)

    def get_config(self):
        config = super().get_config()
        config["num_classes"] = config.pop("output_channels")
        return config
