"""A table as the text of a recipe file."""

import dataclasses
import os

_TEXT = '''"""A table of files as a recipe. Change what you like."""

import dataclasses
import pathlib

from cmvq_keras.data import tables
from cmvq_keras.recipe import {names}

TABLE = pathlib.Path(__file__).parent / {path!r}
RECIPE = Recipe(
    name={recipe.name!r},
    title={recipe.title!r},
    modalities={{
{modalities}
    }},
{outputs}    model=ModelSettings({model}),
    training=TrainingSettings({training}),
    data={recipe.data!r},
)


def open_split(recipe, split, data_dir):
    # A modality alone is read from the rows that all are read from.
    whole = dataclasses.replace(recipe, modalities=RECIPE.modalities)
    return tables.open_split(whole, split, TABLE)
'''


def written(table, path):
    """The text of a recipe file that reads a table as it is read now.

    Args:
        table: a `cmvq_keras.data.tables.Table`.
        path: `pathlib.Path` where the file is going to lie.
    """
    recipe = table.recipe
    return _TEXT.format(
        path=os.path.relpath(table.path.resolve(), path.resolve().parent),
        recipe=recipe,
        modalities="\n".join(
            f"        {name!r}: Modality({each.shape}, {each.kind!r}, "
            f"{each.offset!r}, {each.scale!r}),"
            for name, each in recipe.modalities.items()
        ),
        model=_changed(recipe.model),
        training=_changed(recipe.training),
        names=", ".join(_names(recipe)),
        outputs=_outputs(recipe),
    )


def _names(recipe):
    """What the file imports."""
    used = ["Modality", "ModelSettings", "Recipe", "TrainingSettings"]
    return sorted([*used, *["Target"] * bool(recipe.targets)])


def _outputs(recipe):
    """The task, unless it is classification, and its classes or targets."""
    lines = [f"    task={recipe.task!r},\n"] * (recipe.task != "classification")
    if recipe.targets:
        targets = ", ".join(f"{name!r}: Target()" for name in recipe.targets)
        return "".join([*lines, f"    targets={{{targets}}},\n"])
    return "".join([*lines, f"    classes={recipe.classes!r},\n"])


def _changed(section):
    """The settings that are not the usual ones, as arguments."""
    usual = type(section)()
    names = [field.name for field in dataclasses.fields(section)]
    return (
        "".join(
            f"\n        {name}={getattr(section, name)!r},"
            for name in names
            if getattr(section, name) != getattr(usual, name)
        )
        + "\n    "
    )
