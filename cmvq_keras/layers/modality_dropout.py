"""Leaves one modality out of some training samples."""

from typing import Any

import keras
from keras import ops

from cmvq_keras import validation
from cmvq_keras.distribution import replicas


@keras.saving.register_keras_serializable("cmvq_keras")
class ModalityDropout(keras.layers.Layer):
    """Puts zeros in the place of one modality, in a share of the training samples.

    What follows then learns to do without any one modality, and takes what two of
    them know from the one that is left. Unlike in `keras.layers.Dropout` nothing is
    scaled: a modality that is missing at inference is zeros too. A bad choice where
    training is short: the task is learnt later.

    Args:
        rate: share of the samples that lose a modality, in [0, 1); which one is
            drawn evenly.
        parts: how many modalities the channels hold, in equal parts. The only one is
            never left out.
        seed: integer, of the draws.

    Call arguments:
        inputs: `(batch, ..., channels)`.
        training: whether samples lose a modality.

    Raises:
        ValueError: for a rate out of range, and channels that are no equal parts.

    Reference: not in the paper. Neverova et al., "ModDrop", TPAMI 2016, drops each
    modality by itself; here one of them at most.
    """

    def __init__(
        self, rate: float, parts: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = validation.in_range(rate, "`rate`", "[0, 1)")
        self.parts = validation.in_range(parts, "`parts`", "[1, inf)", int)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if input_shape[-1] % self.parts:
            raise ValueError(
                f"The channels must be {self.parts} equal parts. Received: shape "
                f"{tuple(input_shape)}"
            )

    def call(self, inputs, training=False):
        if not training or self.parts == 1 or not self.rate:
            return inputs
        kept = ops.repeat(self._draw(inputs), inputs.shape[-1] // self.parts, axis=-1)
        between = [1] * (len(inputs.shape) - 2)
        kept = ops.reshape(kept, (-1, *between, inputs.shape[-1]))
        return inputs * ops.cast(kept, inputs.dtype)

    def _draw(self, inputs):
        """1 where a part stays, 0 where it is left out: `(batch, parts)`."""
        shape = (replicas.rows(inputs), 1)
        draw = keras.random.uniform(shape, seed=self.seed_generator, dtype="float32")
        draw = replicas.local_shard(draw)
        # One draw says whether and which: each part has its own piece of [0, rate).
        edges = ops.arange(self.parts + 1, dtype="float32") * (self.rate / self.parts)
        lost = ops.logical_and(draw >= edges[:-1], draw < edges[1:])
        return 1.0 - ops.cast(lost, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "parts": self.parts,
            "seed": self.seed,
        }
