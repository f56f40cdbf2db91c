"""What a method is: how a recipe becomes trainings that can be compared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to train a recipe's modalities together. One module holds one of them.

    The class itself is CM-VQVAE as the recipe says; a method overrides what it does
    otherwise. What it makes of a recipe is a `Recipe` again, so that a run folder says
    everything and `cmvq evaluate` reads it like any other.

    Args:
        name: its module's name in kebab-case.
        title: how tables name it.
        source: paper and equation, table or file.
        settings: settings by dotted name, on top of the recipe's.
        on_several_devices: whether it trains on them as on one.
    """

    name: str
    title: str
    source: str
    settings: dict = dataclasses.field(default_factory=dict)
    on_several_devices: bool = True

    def reason_against(self, recipe):
        """One line on why the method does not apply to a recipe, or None."""

    def variants(self, recipe):
        """The recipes to train, by label: one, but for "unimodal".

        Args:
            recipe: a `ResolvedRecipe`.
        """
        changed = recipe.with_settings(self.settings)
        return {self.name: changed.with_method(self.name)}

    def build_model(self, recipe):
        """The model, built and not compiled: CM-VQVAE as the recipe says.

        Args:
            recipe: a `ResolvedRecipe`.

        Returns:
            A `cmvq_keras.models.multimodal.MultimodalClassifier`.
        """
        # Here, so that methods are listed without Keras.
        from cmvq_keras.models import build

        return build.masked(recipe)

    def optimizer(self, optimizer, model, recipe):
        """The optimizer to compile with: the recipe's own, or one around it.

        Args:
            optimizer: what the recipe's settings say.
            model: built, not compiled.
            recipe: its `Recipe`.
        """
        return optimizer

    def prepare(self, model, recipe, splits):
        """What has to be known before the training starts.

        Args:
            model: compiled, not trained yet.
            recipe: its `Recipe`.
            splits: `cmvq_keras.data.split.Split` by name.

        Returns:
            Entries of the run's environment.json, a dictionary.
        """
        return {}

    def callbacks(self, model, recipe, splits):
        """Further Keras callbacks; arguments as in `prepare`."""
        return []
