"""On-the-fly gradient modulation: the leading encoder's gradients are scaled down."""

import dataclasses

from cmvq_keras.methods.late_fusion import OfTwo


@dataclasses.dataclass(frozen=True)
class Ogm(OfTwo):
    """OGM, with or without GE.

    Args:
        alpha: > 0, how strongly a lead slows a modality down. The published code has
            no default; 0.8 is ours.
        noise: whether Gaussian noise is added (GE).
    """

    linear: bool = True
    alpha: float = 0.8
    noise: bool = False
    on_several_devices: bool = False

    def build_model(self, recipe):
        from cmvq_keras.rivals import late_fusion, modulation

        kind = modulation.ModulatedFusion
        return late_fusion.build(recipe, kind, self.linear, alpha=self.alpha)

    def optimizer(self, optimizer, model, recipe):
        from cmvq_keras.rivals import modulation

        seed = recipe.training.seed
        return modulation.wrapped(optimizer, model, self.noise, seed)

    def prepare(self, model, recipe, splits):
        return {"ogm": {"alpha": self.alpha, "noise": self.noise}}


METHOD = Ogm(name="ogm", title="OGM", source="Peng et al., CVPR 2022, eqs. 8 to 10")
