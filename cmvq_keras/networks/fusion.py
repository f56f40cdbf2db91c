"""Late fusion: one vector a modality, and a classifier of all of them."""

import math
from typing import Any

import keras

from cmvq_keras import validation
from cmvq_keras.networks import checks, parts


@keras.saving.register_keras_serializable("cmvq_keras")
class PooledEncoder(parts.Chain):
    """An encoder and the mean of its grid: `(batch, 1, 1, channels)`.

    A bad choice where places matter, as in segmentation.

    Args:
        encoder: a layer from an input to a grid `(batch, height, width, channels)`.
    """

    def __init__(self, encoder: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder

    def check_input(self, input_shape):
        pass  # The encoder checks its own.

    def make_parts(self, input_shape):
        pool = keras.layers.GlobalAveragePooling2D(
            keepdims=True,
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="pool",
        )
        return [self.encoder, pool]

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"))
        return cls(encoder, **config)


@keras.saving.register_keras_serializable("cmvq_keras")
class FusionSolver(parts.Chain):
    """Class logits from concatenated vectors: dense, BN, ReLU, dropout, dense.

    Inputs are `(batch, height, width, channels)`, flattened; outputs
    `(batch, num_classes)` logits, float32 under mixed precision too.

    Args:
        num_classes: J.
        units: width of the hidden dense layer; None for the last layer alone.
        dropout: share of hidden values dropped in training, in [0, 1).
        seed: of the dropout.

    Reference: docs/method.md, Section 6, late-fusion comparison.
    """

    def __init__(
        self,
        num_classes: int,
        units: int = 256,
        dropout: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = checks.positive("num_classes", num_classes)
        self.units = None if units is None else checks.positive("units", units)
        self.dropout = validation.in_range(dropout, "`dropout`", "[0, 1)")
        self.seed = seed

    def check_input(self, input_shape):
        checks.check_axes(self, input_shape, known=("height", "width"))

    def make_parts(self, input_shape):
        features = math.prod(input_shape[1:])
        made = [parts.reshape(self, (features,), "flatten")]
        if self.units is not None:
            made += [
                parts.dense(self, features, self.units, "dense"),
                parts.normalization(self, "bn"),
                parts.relu(self, "relu"),
                keras.layers.Dropout(
                    self.dropout,
                    seed=self.seed,
                    dtype=self.dtype_policy,
                    name="dropout",
                ),
            ]
        logits = parts.dense(
            self,
            self.units or features,
            self.num_classes,
            "logits",
            dtype=parts.at_least_float32(self),
        )
        return [*made, logits]

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "units": self.units,
            "dropout": self.dropout,
            "seed": self.seed,
        }
