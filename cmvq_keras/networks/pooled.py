"""A task head without places: what is in the grid counts, not where."""

from typing import Any

import keras
from keras import ops

from cmvq_keras.networks import checks, parts


@keras.saving.register_keras_serializable("cmvq_keras")
class PooledSolver(parts.Chain):
    """Class logits from the mean and the maximum of each channel: dropout, dense.

    It has few weights, and a closed channel takes its two numbers with it. A bad
    choice where places matter.

    Inputs are `(batch, ..., channels)`; outputs `(batch, num_classes)` logits, float32
    under mixed precision too.

    Args:
        num_classes: J.
        dropout: share of values dropped in training, in [0, 1).
        seed: of the dropout.
    """

    def __init__(
        self,
        num_classes: int,
        dropout: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = checks.positive("num_classes", num_classes)
        if not 0 <= dropout < 1:
            raise ValueError(
                f"`dropout` must be in [0, 1). Received: dropout={dropout}"
            )
        self.dropout = dropout
        self.seed = seed

    def check_input(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                f"{type(self).__name__} takes (batch, ..., channels). Received: "
                f"{tuple(input_shape)}"
            )

    def make_parts(self, input_shape):
        channels = 2 * input_shape[-1]
        return [
            MeanAndMax(dtype=self.dtype_policy, name="pool"),
            keras.layers.Dropout(
                self.dropout, seed=self.seed, dtype=self.dtype_policy, name="dropout"
            ),
            parts.dense(
                self,
                channels,
                self.num_classes,
                "logits",
                dtype=parts.at_least_float32(self),
            ),
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class MeanAndMax(keras.Layer):
    """Mean and maximum of each channel: `(batch, ..., c)` to `(batch, 2 c)`."""

    def call(self, inputs):
        axes = tuple(range(1, len(inputs.shape) - 1))
        pooled = [ops.mean(inputs, axis=axes), ops.max(inputs, axis=axes)]
        return ops.concatenate(pooled, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[-1])
