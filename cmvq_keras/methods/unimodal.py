"""Each modality alone: its encoder and its task head, nothing else."""

import dataclasses

from cmvq_keras.methods.ensemble import PLAIN
from cmvq_keras.methods.method import Method


@dataclasses.dataclass(frozen=True)
class Unimodal(Method):
    """One training a modality: what two of them have to beat.

    Quantizers, decoders and a mask of its own would cost a modality accuracy that a
    fusion then seems to win. The presets "paper" and "code" keep them, as published.
    """

    settings: dict = dataclasses.field(default_factory=lambda: dict(PLAIN))

    def reason_against(self, recipe):
        if len(recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        return None

    def variants(self, recipe):
        # On the grid of all of them: the network is that of the fusion.
        grid = {"model.grid": recipe.model.grid}
        return {
            f"{name}-alone": self.applied(
                recipe.with_modality(name).with_settings(grid)
            )
            for name in recipe.modalities
        }

    def settings_for(self, recipe):
        return {} if recipe.preset in ("paper", "code") else self.settings


METHOD = Unimodal(
    name="unimodal",
    title="each alone",
    source="Tejero-de-Pablos, WACV 2024, Table 2; presets paper and code: as there",
)
