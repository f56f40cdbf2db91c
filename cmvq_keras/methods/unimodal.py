"""Each modality alone, with a VQ-VAE and a mask of its own."""

from cmvq_keras.methods.method import Method


class Unimodal(Method):
    """One training a modality: what two of them have to beat."""

    def reason_against(self, recipe):
        if len(recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        return None

    def variants(self, recipe):
        return {
            f"{name}-alone": self.applied(recipe.with_modality(name))
            for name in recipe.modalities
        }


METHOD = Unimodal(
    name="unimodal",
    title="each alone",
    source="Tejero-de-Pablos, WACV 2024, Table 2",
)
