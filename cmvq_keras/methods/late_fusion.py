"""Two ResNet18, their averages concatenated, a hidden layer, a classifier."""

import dataclasses

from cmvq_keras.methods.method import Method

FUSION = {
    "model.reconstruction": False,
    "model.mask_mode": "none",
    "model.modality_dropout": 0.0,
}


@dataclasses.dataclass(frozen=True)
class LateFusion(Method):
    """The network of the rivals, trained by cross entropy alone.

    Args:
        linear: whether the classifier is one dense layer.
        settings: as in `Method`.
    """

    linear: bool = False
    settings: dict = dataclasses.field(default_factory=lambda: dict(FUSION))

    def reason_against(self, recipe):
        if recipe.task == "segmentation":
            return "late fusion gives one label a sample, this recipe one a pixel"
        return None

    def build_model(self, recipe):
        from cmvq_keras.rivals import late_fusion

        return late_fusion.build(recipe, linear=self.linear)


@dataclasses.dataclass(frozen=True)
class OfTwo(LateFusion):
    """A rival whose equations are for two modalities."""

    def reason_against(self, recipe):
        count = len(recipe.task_modalities or recipe.modalities)
        if count != 2:
            return f"its equations are for two modalities, this recipe has {count}"
        return super().reason_against(recipe)


METHOD = LateFusion(
    name="late-fusion",
    title="late fusion",
    source="Tejero-de-Pablos, WACV 2024, Section 4 (docs/method.md, Section 6)",
)
