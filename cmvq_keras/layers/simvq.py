"""SimVQ: fixed codes behind one linear layer that learns."""

from typing import Any

import keras
from keras import ops

from cmvq_keras.layers.quantizer import Quantizer
from cmvq_keras.layers.vector_quantizer import VectorQuantizer

QUANTIZERS = {"simvq": "SimVectorQuantizer"}


@keras.saving.register_keras_serializable("cmvq_keras")
class SimVectorQuantizer(VectorQuantizer):
    """A `VectorQuantizer` whose codebook is C W: C is drawn once and stays, W learns.

    A gradient of one code moves W and thereby all codes, so that none is left behind.
    Codes, straight-through gradient and losses are those of a `VectorQuantizer` that
    learns by gradient. With groups each group has a W of its own.

    Not a good choice for few channels: W has no more numbers than their square.

    Args:
        num_embeddings: number of codes K, at least 2.
        commitment_cost: beta >= 0, the weight of the commitment loss.
        seed: integer, of C and of W's start.
        groups: as in `VectorQuantizer`.

    Reference: Zhu et al., "Addressing representation collapse in vector quantized
    models with one linear layer", 2024, Section 4; C from a normal of deviation
    1 / sqrt(depth), W uniform as PyTorch's dense layer, as in the authors' code
    (github.com/youngsheen/SimVQ), but without a bias.
    """

    def __init__(
        self,
        num_embeddings: int,
        commitment_cost: float = 0.25,
        seed: int | None = None,
        groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_embeddings,
            commitment_cost,
            decay=None,
            start="reference",
            revival_threshold=0.0,
            seed=seed,
            groups=groups,
            **kwargs,
        )

    @classmethod
    def from_settings(cls, settings, name):
        return cls(
            settings.num_embeddings,
            commitment_cost=settings.commitment_cost,
            groups=settings.groups,
            name=name,
        )

    def build(self, input_shape):
        depth = self.check_depth(input_shape)
        self.check_groups(depth)
        width = depth // self.groups
        normal = keras.initializers.RandomNormal(0.0, width**-0.5, seed=self.seed)
        shape = (self.num_embeddings, depth)
        self.embeddings = self._add("embeddings", shape, normal, False)
        uniform = keras.initializers.RandomUniform(
            -(width**-0.5),
            width**-0.5,
            seed=None if self.seed is None else self.seed + 1,
        )
        shape = (self.groups, width, width)
        self.projection = self._add("projection", shape, uniform, True)

    def codebook(self):
        """C W, `(num_embeddings, depth)` float32: row k holds code k of each group."""
        fixed = self._split(ops.convert_to_tensor(self.embeddings))
        parts = [
            ops.matmul(codes, self.projection[group])
            for group, codes in enumerate(fixed)
        ]
        return ops.concatenate(parts, axis=-1)

    def codebook_state(self):
        return {}

    def transfer_from(self, source):
        return Quantizer.transfer_from(self, source)

    def get_config(self):
        config = super().get_config()
        fixed = ("decay", "epsilon", "start", "revival_threshold")
        return {key: value for key, value in config.items() if key not in fixed}
