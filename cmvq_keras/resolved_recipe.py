"""A resolved recipe: what is read, built, trained and stored.

`cmvq_keras.recipes.resolve` makes one. A file of its own, so that a `Recipe` stays
plain data and the type that all rooms take is found by its name.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cmvq_keras.recipe import Recipe

#: Input pixels a cell of each ResNet18 stage's grid, the finest first.
RESNET18_STRIDES = (4, 8, 16, 32)


class ResolvedRecipe(Recipe):
    """A recipe whose data settings took effect and whose grid can be built.

    The functions that change a recipe give a plain `Recipe` again, made of what was
    asked for: the finest grid may be another one then.

    Args:
        asked: the `Recipe` as it was asked for, its data settings applied.

    Attributes:
        asked: the same.
    """

    asked: Recipe

    def __new__(cls, asked=None, **fields) -> Any:
        """A plain `Recipe` for fields by name: that is how `dataclasses.replace` makes
        a changed copy, and a changed recipe is not resolved."""
        return Recipe(**fields) if fields else super().__new__(cls)

    def __init__(self, asked: Recipe) -> None:
        own = {
            each.name: getattr(asked, each.name) for each in dataclasses.fields(asked)
        }
        model = dataclasses.replace(asked.model, grid=_fitting_grid(asked))
        super().__init__(**{**own, "model": model})
        object.__setattr__(self, "asked", asked)

    def with_settings(self, settings: Mapping[str, Any]) -> Recipe:
        """As `Recipe.with_settings`; a plain `Recipe`."""
        return self.asked.with_settings(settings)

    def with_modality(self, name: str) -> Recipe:
        """As `Recipe.with_modality`; a plain `Recipe`."""
        return self.asked.with_modality(name)

    def with_method(
        self, name: str, settings: Mapping[str, Any] | None = None
    ) -> Recipe:
        """As `Recipe.with_method`; a plain `Recipe`."""
        return self.asked.with_method(name, settings)


def _fitting_grid(recipe):
    """The side of the grid that is built for all modalities.

    ResNet18 has no stage finer than a quarter of its input: with that backbone a finer
    `model.grid` becomes that one. Poses have any grid.
    """
    if recipe.model.backbone != "resnet18":
        return recipe.model.grid
    sides = [
        min(modality.shape[:2]) // RESNET18_STRIDES[0]
        for modality in recipe.modalities.values()
        if modality.kind not in ("pose", "sequence")
    ]
    return min([recipe.model.grid, *sides])
