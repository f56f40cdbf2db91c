"""Decoupled gradients: encoders learn from heads of their own, the joint head from
features that carry no gradient back.

A leading modality can then not keep the other one's encoder from learning.
"""

import dataclasses

import keras
from keras import ops

from cmvq_keras.methods.multi_loss import MultiLoss
from cmvq_keras.models.multi_head import MultiHeadClassifier


@dataclasses.dataclass(frozen=True)
class Dgl(MultiLoss):
    """Plain fusion with a stop_gradient before the joint head."""

    def build_model(self, recipe):
        return self._build(recipe, DecoupledClassifier)


METHOD = Dgl(
    name="dgl",
    title="DGL",
    source="Wei et al., Boosting multimodal learning via DGL, ICCV 2025",
)


@keras.saving.register_keras_serializable("cmvq_keras")
class DecoupledClassifier(MultiHeadClassifier):
    """The joint head's loss moves the joint head alone."""

    def fuse(self, grids, training=False):
        still = {name: ops.stop_gradient(grid) for name, grid in grids.items()}
        return super().fuse(still, training)
