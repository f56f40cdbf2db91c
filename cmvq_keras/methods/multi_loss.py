"""A joint loss, and the loss of a head of each modality's own."""

import dataclasses
import math

from cmvq_keras.methods.ensemble import PLAIN
from cmvq_keras.methods.method import Method
from cmvq_keras.models import build
from cmvq_keras.models.multi_head import MultiHeadClassifier
from cmvq_keras.recipe import setting


@dataclasses.dataclass(frozen=True)
class HeadSettings:
    """`weight`: factor of the loss of each modality's own head."""

    weight: float = setting(1.0, lambda value: 0 <= value < math.inf, "a number >= 0")


@dataclasses.dataclass(frozen=True)
class MultiLoss(Method):
    """Plain fusion, L = L_joint + weight * sum of the modalities' own losses."""

    settings: dict = dataclasses.field(default_factory=lambda: dict(PLAIN))
    own: type = HeadSettings

    def reason_against(self, recipe):
        if len(recipe.task_modalities or recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        return None

    def build_model(self, recipe):
        return self._build(recipe, MultiHeadClassifier)

    def _build(self, recipe, kind):
        solver = build.task_solver(recipe)
        weight = self.values(recipe).weight
        return build.with_heads(recipe, kind, solver, head_weight=weight)


METHOD = MultiLoss(
    name="multi-loss",
    title="several losses",
    source="Wang, Tran, Feiszli, CVPR 2020, the blended loss with equal weights",
    tuned=("method.weight", (0.1, 0.3, 1.0, 3.0)),
)
