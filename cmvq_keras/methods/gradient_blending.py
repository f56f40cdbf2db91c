"""Gradient-Blending: a loss for each modality, weighed by how well it generalizes."""

import dataclasses

from cmvq_keras.methods.late_fusion import LateFusion


@dataclasses.dataclass(frozen=True)
class GradientBlending(LateFusion):
    """Offline G-Blend on the late fusion, for two modalities or more.

    It trains each modality alone and all jointly first: M + 2 trainings in all.
    """

    on_several_devices: bool = False

    def reason_against(self, recipe):
        if len(recipe.task_modalities or recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        return super().reason_against(recipe)

    def build_model(self, recipe):
        from cmvq_keras.rivals import blending, late_fusion

        heads = {
            name: late_fusion.head(recipe, self.linear, name=f"{name}_head")
            for name in recipe.modalities
        }
        return late_fusion.build(
            recipe, blending.BlendedFusion, self.linear, heads=heads
        )

    def prepare(self, model, recipe, splits):
        from cmvq_keras.rivals import blending

        return {"gradient_blending": blending.prepare(model, recipe, splits)}


METHOD = GradientBlending(
    name="gradient-blending",
    title="Grad-Blend",
    source="Wang, Tran, Feiszli, CVPR 2020, Proposition 1 and Algorithm 1 (offline)",
)
