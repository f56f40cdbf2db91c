"""The mask: one learned weight a channel decides what the task may see."""

from typing import Any

import keras
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras import validation

MODES = ("binary", "ternary", "attention", "random", "none")


@keras.saving.register_keras_serializable("cmvq_keras")
class MaskPenalty(keras.regularizers.Regularizer):
    """lambda times the sum of the real mask weights (or of their absolute values).

    Args:
        kind: "sum", as published: a weight may fall without end; or "l1".
        weight: lambda >= 0.

    Reference: docs/method.md, Section 3, L_compl.
    """

    def __init__(self, kind: str = "sum", weight: float = 1e-4) -> None:
        if kind not in ("sum", "l1"):
            raise ValueError(f"`kind` must be 'sum' or 'l1'. Received: {kind!r}")
        self.kind = kind
        self.weight = validation.in_range(weight, "`weight`", "[0, inf)")

    def __call__(self, x):
        return self.weight * ops.sum(ops.abs(x) if self.kind == "l1" else x)

    def get_config(self):
        return {"kind": self.kind, "weight": self.weight}


@keras.saving.register_keras_serializable("cmvq_keras")
class Clamp(keras.constraints.Constraint):
    """Keeps weights in [-limit, limit], so that a masked channel can come back."""

    def __init__(self, limit: float) -> None:
        self.limit = validation.in_range(limit, "`limit`", "(0, inf)")

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


@keras.saving.register_keras_serializable("cmvq_keras")
class ThresholdMask(keras.layers.Layer):
    """Multiplies each channel by a thresholded weight; the gradient passes straight
    through the threshold, so a masked channel can come back.

    Args:
        threshold: t; a weight equal to t counts as masked. The published code uses
            0.005, the paper prints 0.05.
        start: the weights' first value (code 0.01, paper 0.1).
        mode: "binary", {0, 1}; "ternary", also -1 for weights below 0; "attention",
            the weight itself; "random", nothing is learned: a new draw of 0 and 1 a
            training call, 0.5 at inference, so that evaluation repeats (the
            published code draws there too); "none": every channel passes and nothing
            is learned.
        penalty: "sum" (published) or "l1".
        penalty_weight: lambda >= 0.
        clamp: limit > 0 of the weights' absolute value, or None (published).
        seed: integer, of the draws of "random".

    Call arguments:
        inputs: `(batch, ..., channels)`.
        complement: True for the contradictory features, those that the mask keeps
            from the task. As published, the weights' gradient passes with the same
            sign as without it.
        training: whether "random" draws.

    Raises:
        ValueError: for settings out of range.

    Reference: docs/method.md, Section 2, step 5, and "Mask kinds" in Section 6.
    """

    def __init__(
        self,
        threshold: float = 0.005,
        start: float = 0.01,
        mode: str = "binary",
        penalty: str = "sum",
        penalty_weight: float = 1e-4,
        clamp: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(
                f"`mode` must be one of {', '.join(MODES)}. Received: {mode!r}"
            )
        self.threshold = threshold
        self.start = start
        self.mode = mode
        self.penalty = MaskPenalty(penalty, penalty_weight)
        self.clamp = None if clamp is None else Clamp(clamp)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        learns = self._learns
        self.channel_weights = self.add_weight(
            name="channel_weights",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.start),
            regularizer=self.penalty if learns else None,
            constraint=self.clamp,
            trainable=learns,
            dtype="float32",
            autocast=False,
        )

    @property
    def _learns(self):
        return self.mode not in ("random", "none")

    @property
    def is_penalized(self) -> bool:
        """Whether the penalty stands in the layer's `losses`."""
        return self.trainable and self._learns

    def penalty_value(self) -> Any:
        """The penalty as it stands in the layer's `losses`: a float32 scalar."""
        if not self.is_penalized:
            return ops.zeros(())
        return self.penalty(self.channel_weights)

    def hard_values(self, complement: bool = False) -> Any:
        """The mask's values at inference, `(channels,)` float32."""
        weights = ops.convert_to_tensor(self.channel_weights)
        if self.mode == "random":
            return 0.5 * ops.ones_like(weights)
        if self.mode == "none":
            return ops.zeros_like(weights) if complement else ops.ones_like(weights)
        if self.mode == "attention":
            kept = method_ops.threshold(weights, self.threshold)
            return 1.0 - kept if complement else weights
        values = method_ops.threshold(weights, self.threshold, self.mode)
        return 1.0 - ops.abs(values) if complement else values

    def shares(self) -> Any:
        """How much of each channel counts as complementary: `(channels,)` float32.

        1 where the value is not 0, for "attention" where the weight exceeds the
        threshold, for "random" the expected 0.5 (docs/method.md, Section 4).
        """
        if self.mode == "random":
            return self.hard_values()
        return 1.0 - self.hard_values(complement=True)

    def call(self, inputs, complement=False, training=False):
        if self.mode == "random" and training:
            values = self._draw()
            values = 1.0 - values if complement else values
        else:
            values = self.hard_values(complement)
            if self._learns:
                values = method_ops.straight_through(
                    values, ops.convert_to_tensor(self.channel_weights)
                )
        return inputs * ops.cast(values, inputs.dtype)

    def _draw(self):
        shape = self.channel_weights.shape
        draw = keras.random.uniform(shape, seed=self.seed_generator, dtype="float32")
        return ops.cast(draw < 0.5, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "start": self.start,
            "mode": self.mode,
            "penalty": self.penalty.kind,
            "penalty_weight": self.penalty.weight,
            "clamp": None if self.clamp is None else self.clamp.limit,
            "seed": self.seed,
        }
