"""Prototypical modal rebalance: the slower modality is drawn to class prototypes."""

import dataclasses
import math

from cmvq_keras.methods.late_fusion import OfTwo


@dataclasses.dataclass(frozen=True)
class Pmr(OfTwo):
    """PMR on the late fusion.

    Args:
        alpha: factor of the prototypical cross entropy (the published code: 1).
        mu: factor of the prototypical entropy; 0.01, ours.
        early: share of the epochs in which it counts; a tenth, ours.
        momentum: share of the prototype before (the published code: 0.2).
        share: of the training samples for the prototypes (the published code: 0.1).
    """

    alpha: float = 1.0
    mu: float = 0.01
    early: float = 0.1
    momentum: float = 0.2
    share: float = 0.1
    on_several_devices: bool = False

    def build_model(self, recipe):
        from cmvq_keras.rivals import late_fusion, prototypes

        kind = prototypes.PrototypeFusion
        return late_fusion.build(recipe, kind, alpha=self.alpha, mu=self.mu)

    def prepare(self, model, recipe, splits):
        names = ("alpha", "mu", "early", "momentum", "share")
        return {"pmr": {name: getattr(self, name) for name in names}}

    def callbacks(self, model, recipe, splits):
        from cmvq_keras.rivals import prototypes

        settings = recipe.training
        return [
            prototypes.Prototypes(
                splits["train"],
                self.momentum,
                early=math.ceil(self.early * settings.epochs),
                share=self.share,
                batch_size=settings.batch_size,
                seed=settings.seed,
            )
        ]


METHOD = Pmr(name="pmr", title="PMR", source="Fan et al., CVPR 2023, Section 3")
