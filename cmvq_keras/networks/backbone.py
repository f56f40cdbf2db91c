"""Any Keras network as an encoder, and a decoder of its features."""

from typing import Any

import keras
from keras import ops

from cmvq_keras.networks import checks, parts
from cmvq_keras.networks.vector import VectorDecoder

_EPSILON = 1e-6


@keras.saving.register_keras_serializable("cmvq_keras")
class BackboneEncoder(parts.Chain):
    """A network of any kind, its features laid out on a grid, and a 1 x 1 convolution.

    The network may come from `keras.applications`, KerasHub or your own code, with
    weights or without. With `network.trainable = False` it stays as it is.

    A bad choice for small data sets without weights: such networks are large.

    Inputs are those of the network, outputs `(batch, height, width, embedding_dim)`.

    Args:
        backbone: a layer or model from an input to features `(batch, channels)`,
            `(batch, steps, channels)` or `(batch, height, width, channels)`.
        grid: (height, width) of the output. Features are averaged down to it where
            their sides are multiples, repeated where they are one place, and resized
            (bilinear) elsewhere.
        embedding_dim: D, channels of the last convolution, named "projection"; None
            leaves it out.
    """

    def __init__(
        self,
        backbone: keras.layers.Layer,
        grid: tuple[int, int] = (1, 1),
        embedding_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(backbone, keras.layers.Layer):
            raise TypeError(
                "`backbone` must be a keras layer or model. Received: "
                f"{type(backbone).__name__}"
            )
        self.backbone = backbone
        self.grid = checks.pair("grid", grid)
        if embedding_dim is not None:
            checks.positive("embedding_dim", embedding_dim)
        self.embedding_dim = embedding_dim

    def check_input(self, input_shape):
        pass  # The network checks its own.

    def make_parts(self, input_shape):
        shape = self.backbone.compute_output_shape(input_shape)
        if isinstance(shape, (dict, list)) or not 2 <= len(shape) <= 4:
            raise ValueError(
                "`backbone` must give one tensor of features, (batch, channels), "
                "(batch, steps, channels) or (batch, height, width, channels). "
                f"Received: {shape}"
            )
        made = [self.backbone, FeatureGrid(self.grid, dtype=self.dtype_policy)]
        if self.embedding_dim is not None:
            channels, depth = shape[-1], self.embedding_dim
            made.append(parts.convolution(self, channels, depth, 1, "projection"))
        return made

    def features(self, inputs: Any, training: bool = False) -> Any:
        """What the network gives."""
        return self.backbone(inputs, training=training)

    def from_features(self, features: Any, training: bool = False) -> Any:
        """The grid of some `features`; both together are a call."""
        for part in self.parts[1:]:
            features = part(features, training=training)
        return features

    def feature_decoder(
        self, hidden_channels: int = 64, **kwargs: Any
    ) -> "FeatureDecoder":
        """A decoder of the network's features, for inputs that nobody can rebuild.

        Args:
            hidden_channels: of its hidden layer.
            **kwargs: of `keras.layers.Layer`.

        Raises:
            ValueError: for a network that is not built: its features are unknown.
        """
        if not self.backbone.built:
            raise ValueError(
                f"The backbone {self.backbone.name} must be built before its features "
                "can be decoded: call build(input_shape) or give it an Input"
            )
        shape = getattr(self.backbone, "output_shape", None)
        if shape is None:
            shape = self.backbone.compute_output_shape(self.backbone.input_shape)
        return FeatureDecoder(shape[-1], hidden_channels, **kwargs)

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        # A network's own config does not say it.
        frozen = not self.backbone.trainable
        return {
            **super().get_config(),
            "backbone": backbone,
            "grid": self.grid,
            "embedding_dim": self.embedding_dim,
            "frozen": frozen,
        }

    @classmethod
    def from_config(cls, config):
        backbone = keras.saving.deserialize_keras_object(config.pop("backbone"))
        if config.pop("frozen"):
            backbone.trainable = False
        return cls(backbone, **config)


@keras.saving.register_keras_serializable("cmvq_keras")
class FeatureDecoder(VectorDecoder):
    """Rebuilds a `BackboneEncoder`'s features in the place of its inputs.

    What it gives is `(batch, channels)`: the features' mean over their places, with
    mean 0 and variance 1 over the channels of each sample.
    """

    def target(self, features: Any) -> Any:
        """What it has to give, from the network's features; without a gradient."""
        features = ops.stop_gradient(ops.cast(features, "float32"))
        axes = tuple(range(1, len(features.shape) - 1))
        pooled = ops.mean(features, axis=axes) if axes else features
        pooled = pooled - ops.mean(pooled, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(pooled), axis=-1, keepdims=True)
        return pooled / ops.sqrt(variance + _EPSILON)


@keras.saving.register_keras_serializable("cmvq_keras")
class FeatureGrid(keras.Layer):
    """Features `(batch, ..., channels)` on a grid `(batch, height, width, channels)`.

    Args:
        grid: (height, width).
    """

    def __init__(self, grid: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.grid = checks.pair("grid", grid)

    def call(self, inputs):
        height, width = self.grid
        channels = inputs.shape[-1]
        if len(inputs.shape) == 2:
            inputs = inputs[:, None, None, :]
        elif len(inputs.shape) == 3 and inputs.shape[1] == height * width:
            return ops.reshape(inputs, (-1, height, width, channels))
        elif len(inputs.shape) == 3:
            inputs = ops.mean(inputs, axis=1)[:, None, None, :]
        rows, columns = inputs.shape[1:3]
        if (rows, columns) == (1, 1):
            return ops.tile(inputs, (1, height, width, 1))
        if rows % height == 0 and columns % width == 0:
            shape = (-1, height, rows // height, width, columns // width, channels)
            return ops.mean(ops.reshape(inputs, shape), axis=(2, 4))
        return ops.image.resize(inputs, self.grid, data_format="channels_last")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.grid, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "grid": self.grid}
