"""What a method is: how a recipe becomes trainings that can be compared."""

import dataclasses

from cmvq_keras import tasks, validation
from cmvq_keras.recipe import choice, faults, optional, setting

#: Tasks of methods whose equations are about one class for each label.
OF_CLASSES = ("classification", "segmentation")
#: A number that most methods have, to choose from when methods are tuned alike.
DROPOUT = ("model.dropout", (0.0, 0.1, 0.3, 0.5))
#: lambda, of methods with a mask whose penalty counts.
PENALTY_WEIGHT = ("model.penalty_weight", (1e-4, 1e-3, 3e-3, 1e-2))
#: Of methods without a dropout.
WEIGHT_DECAY = ("training.weight_decay", (1e-3, 1e-2, 3e-2, 1e-1))


@dataclasses.dataclass(frozen=True)
class NoSettings:
    """Of a method that has nothing of its own to set."""


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """Of a method whose authors train otherwise than the recipe.

    `preset` "authors" takes the values of their code. None leaves what the recipe says.
    Weight decay is decoupled, as in Keras: under SGD with momentum PyTorch's differs.
    """

    preset: str = choice("default", "default", "authors")
    optimizer: str | None = choice(None, None, "adam", "adamw", "sgd")
    learning_rate: float | None = setting(
        None, optional(lambda value: value > 0), "a number > 0, or none"
    )
    sgd_momentum: float | None = setting(
        None, optional(lambda value: 0 <= value < 1), "in [0, 1), or none"
    )
    weight_decay: float | None = setting(
        None, optional(lambda value: 0 <= value < 1), "in [0, 1), or none"
    )

    def of_recipe(self):
        """Those that are settings of a recipe too, by their name there."""
        found = {
            "training.optimizer": self.optimizer,
            "training.learning_rate": self.learning_rate,
            "training.momentum": self.sgd_momentum,
            "training.weight_decay": self.weight_decay,
        }
        return {name: value for name, value in found.items() if value is not None}


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
        own: the dataclass of the method's own settings, `method.NAME` of a recipe;
            its fields are made by `cmvq_keras.recipe.setting`.
        authors: values of own settings under `method.preset` "authors".
        tasks: those that it can train.
        tuned: the one number that `cmvq compare --tune` chooses: its dotted name and
            four values, in the order in which equal ones win.
    """

    name: str
    title: str
    source: str
    settings: dict = dataclasses.field(default_factory=dict)
    on_several_devices: bool = True
    own: type = NoSettings
    authors: dict = dataclasses.field(default_factory=dict)
    tuned: tuple = DROPOUT
    tasks: tuple = tasks.names()

    def reason(self, recipe):
        """One line on why the method cannot train a recipe, or None."""
        if recipe.task not in self.tasks:
            return f"it trains {' and '.join(self.tasks)}, this recipe is {recipe.task}"
        return self.reason_against(recipe)

    def reason_against(self, recipe):
        """As `reason`, for what a method asks of a recipe besides its task."""

    def own_names(self):
        """Names of the method's own settings, without "method."."""
        return tuple(field.name for field in dataclasses.fields(self.own))

    def values(self, recipe):
        """The method's own settings as a recipe has them.

        Args:
            recipe: a `Recipe` of this method.

        Returns:
            An instance of `own`.

        Raises:
            ValueError: for unknown names and values out of range, all of them.
        """
        given = recipe.method_settings
        unknown = [name for name in given if name not in self.own_names()]
        if unknown and not self.own_names():
            raise ValueError(
                f"The method {self.name} has no settings of its own. Received: "
                + ", ".join(f"method.{name}" for name in unknown)
            )
        for name in unknown:
            what = f"setting of {self.name}, method."
            validation.one_of(name, self.own_names(), what)
        if given.get("preset") == "authors" and not self.authors:
            raise ValueError(
                f"method.preset must be default for {self.name}. Received: authors"
            )
        base = self.authors if given.get("preset") == "authors" else {}
        found = self.own(**{**base, **given})
        wrong = faults(found, "method")
        if wrong:
            raise ValueError("\n".join(wrong))
        return found

    def variants(self, recipe):
        """The recipes to train, by label: one, but for "unimodal".

        Args:
            recipe: a `ResolvedRecipe`.
        """
        return {self.name: self.applied(recipe)}

    def applied(self, recipe):
        """A copy of a recipe that is trained by this method."""
        own = {
            name: value
            for name, value in recipe.method_settings.items()
            if name in self.own_names()
        }
        recipe = recipe.with_method(self.name, own)
        values = self.values(recipe)
        further = values.of_recipe() if isinstance(values, OptimizerSettings) else {}
        return recipe.with_settings({**self.settings_for(recipe), **further})

    def settings_for(self, recipe):
        """The settings on top of a recipe's; `settings`, unless it depends on it."""
        return self.settings

    def has_mask(self, recipe):
        """Whether a mask chooses channels; without one all of them pass.

        Args:
            recipe: a `Recipe`.
        """
        settings = self.settings_for(recipe)
        mode = settings.get("model.mask_mode", recipe.model.mask_mode)
        return mode != "none"

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

    def optimizer(self, optimizer, model, recipe, steps=None):
        """The optimizer to compile with: the recipe's own, or one around it.

        Args:
            optimizer: what the recipe's settings say.
            model: built, not compiled.
            recipe: its `Recipe`.
            steps: of an epoch.
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
