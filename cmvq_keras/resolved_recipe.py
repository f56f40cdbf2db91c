"""A resolved recipe: what is read, built, trained and stored.

`cmvq_keras.recipes.resolve` makes one. A file of its own, so that a `Recipe` stays
plain data and the type that all rooms take is found by its name.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cmvq_keras.data import kinds
from cmvq_keras.data.kinds.grids import RESNET18_STRIDES
from cmvq_keras.recipe import Recipe
from cmvq_keras.recipe.fields import AUTO


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
    `model.grid` becomes that one.

    Raises:
        ValueError: for a grid that a modality's shape does not allow.
    """
    grid, backbone = recipe.model.grid, recipe.model.backbone
    allowed = {
        name: kinds.get(modality.kind).grids(modality.shape, backbone)
        for name, modality in recipe.modalities.items()
    }
    _check_backbone(recipe, allowed)
    if grid == AUTO:
        return _automatic_grid(recipe, allowed)
    if backbone == "resnet18":
        sides = [
            min(modality.shape[:2]) // RESNET18_STRIDES[0]
            for modality in recipe.modalities.values()
            if not kinds.get(modality.kind).has_own_grid
        ]
        grid = min([grid, *sides])
    for name, sides in allowed.items():
        if grid not in sides:
            shape = recipe.modalities[name].shape
            asked = recipe.model.grid
            # Nobody asked for a grid that follows from another modality's shape.
            follows = f", which is {grid} with {backbone}" if grid != asked else ""
            raise ValueError(
                f"model.grid must be {_one_of(sides)} for {name} {shape} with "
                f"model.backbone {backbone}. Received: {asked}{follows}"
            )
    return grid


def _check_backbone(recipe, allowed):
    """Raises ValueError for a modality that the backbone has no grid for."""
    for name, sides in allowed.items():
        if not sides:
            about, backbone = recipe.modalities[name], recipe.model.backbone
            of_resnet18 = backbone == "resnet18" and len(about.shape) == 3
            square = " (resnet18 takes square pictures alone)" * of_resnet18
            raise ValueError(
                f"model.backbone {backbone} cannot take {name} {about.shape} of kind "
                f"{about.kind}, whatever model.grid is. Change its shape{square} or "
                "the backbone"
            )


def _automatic_grid(recipe, allowed):
    """The largest grid that all modalities have, up to what is usual for each."""
    common = set.intersection(*map(set, allowed.values()))
    if not common:
        each = "; ".join(
            f"{name} {recipe.modalities[name].shape} {_one_of(sides)}"
            for name, sides in allowed.items()
        )
        raise ValueError(
            f"No model.grid fits all modalities with model.backbone "
            f"{recipe.model.backbone}: {each}. Change a shape, so that they share a "
            "grid"
        )
    usual = [
        kinds.get(modality.kind).usual_grid(modality.shape)
        for modality in recipe.modalities.values()
    ]
    most = min((side for side in usual if side is not None), default=1)
    return max((side for side in common if side <= most), default=min(common))


def _one_of(sides):
    if len(sides) > 8 and sides[0] - sides[-1] == len(sides) - 1:
        return f"from {sides[-1]} to {sides[0]}"
    return "one of " + ", ".join(map(str, sides))
