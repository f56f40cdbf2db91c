"""From raw files to a prepared store: decoded once, trained from many times."""

import dataclasses

import numpy as np

from cmvq_keras import recipes
from cmvq_keras.data import sources
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.split_writer import ROWS
from cmvq_keras.data.store import Store


def prepare(recipe, data_dir=None, out="store", force=False, told=None):
    """Writes a recipe's three splits into a store.

    A model that is fed from the store sees exactly the values that it would see
    from the raw files: pictures are stored as uint8 where that is exact, everything
    else as float32, before normalization.

    Args:
        recipe: a `Recipe`, or a recipe's name. Its `data` settings, modalities and
            `training.limit` decide what is stored; nothing else does.
        data_dir: as in `cmvq_keras.train`.
        out: the root; the store is `<out>/<recipe's name>`.
        force: whether a store that is there is replaced.
        told: function `(split, rows written, rows in all)`; called with 0 rows
            before a split's raw files are read.

    Returns:
        The `cmvq_keras.data.Store`.

    Raises:
        FileExistsError: when a store is there already; told before anything is read.
        FileNotFoundError: when raw data is missing; it says how to get it.
        ValueError: for settings and data that do not fit.
    """
    recipe = recipes.get(recipe) if isinstance(recipe, str) else recipe
    told = told or (lambda split, done, total: None)
    raw = _without_normalization(recipe)

    def read(split):
        told(split, 0, None)
        loaded = recipes.load_split(raw, split, data_dir, recipe.training.limit)
        x = {
            name: as_stored(values, recipe.modalities[name].kind)
            for name, values in loaded.x.items()
        }
        return dataclasses.replace(loaded, x=x)

    return Store.create(
        out,
        recipe,
        {split: lambda split=split: read(split) for split in SPLITS},
        force=force,
        origin=str(sources.data_root(data_dir).resolve()),
        told=told,
    )


def as_stored(values, kind):
    """Raw values in the smallest dtype that keeps them exactly.

    Args:
        values: `(n, ...)` float32 raw values.
        kind: of the modality; only an "image" in [0, 1] can become uint8.

    Returns:
        uint8 where every value is a whole number divided by 255, else `values`.
    """
    if kind != "image":
        return values
    whole = np.empty(values.shape, np.uint8)
    # In parts: the float copies of a whole split would double the memory.
    for start in range(0, len(values), ROWS):
        part = values[start : start + ROWS]
        if not (part.min() >= 0 and part.max() <= 1):
            return values
        rows = np.rint(part * 255).astype(np.uint8)
        if not np.array_equal(rows / np.float32(255), part):
            return values
        whole[start : start + ROWS] = rows
    return whole


def _without_normalization(recipe):
    settings = {}
    for name in recipe.modalities:
        settings[f"modalities.{name}.offset"] = 0.0
        settings[f"modalities.{name}.scale"] = 1.0
    return recipe.with_settings(settings)
