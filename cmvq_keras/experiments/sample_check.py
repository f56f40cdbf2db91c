"""The test samples that all trials are measured on, counted and named."""

import dataclasses
import hashlib

import numpy as np

from cmvq_keras import recipes, tasks
from cmvq_keras.errors import WrongSamplesError
from cmvq_keras.tasks.task import INTEGERS

SPLIT = "test"


@dataclasses.dataclass(frozen=True)
class About:
    """Which samples were evaluated.

    Args:
        n: how many.
        size: how many the split has, without those that were left out; None for a
            store that holds the first ones alone.
        left_out: how many could not be read, as the store's manifest lists them.
        checksum: SHA-256 of the evaluated samples' names and labels.
        store: SHA-256 of the store's manifest; None for data that is made up.
    """

    n: int
    size: int | None
    left_out: int
    checksum: str
    store: str | None

    def check(self):
        """Raises ValueError for a field of another type, as a damaged file may have."""
        counts = ("n", int, 1), ("size", int | None, 1), ("left_out", int, 0)
        for name, kind, least in counts:
            value = getattr(self, name)
            whole = isinstance(value, kind) and not isinstance(value, bool)
            if not whole or (value is not None and not least <= value < 2**63):
                raise ValueError(f"{name} must be a whole number >= {least}")
        if not isinstance(self.checksum, str) or not isinstance(self.store, str | None):
            raise ValueError("checksum and store must be text")


def load(full, recipe, source):
    """The test split that a recipe's model is measured on.

    It is the one of all modalities, of which a modality alone sees its own: in a
    recipe of pairs that modality's own test split has other samples.

    Args:
        full: the `ResolvedRecipe` with all modalities.
        recipe: the one whose model is measured; it may have fewer.
        source: a `cmvq_keras.runs.data_source.DataSource`.

    Returns:
        `(split, about)`: a `cmvq_keras.data.split.Split` and an `About`.

    Raises:
        WrongSamplesError: when there are other samples than the split's size, its
            listed exclusions and the limit say.
        FileNotFoundError, ValueError: as in `cmvq_keras.train`.
    """
    modalities = {**full.modalities, **recipe.modalities}
    asked = dataclasses.replace(full.asked, modalities=modalities, data=recipe.data)
    data = recipes.resolve(asked)
    limit = recipe.training.limit
    source = source.for_recipe(full)
    split, store = source.split(data, SPLIT), source.store
    size, left_out = _size(data, split, source)
    is_cut = store is not None and store.recipe.training.limit == size
    about = About(
        n=len(split),
        size=None if is_cut else size,
        left_out=left_out,
        checksum=checksum(split, tasks.get(full.task).dtype),
        store=store.checksum if store else None,
    )
    expected = size if limit is None else min(limit, size)
    check_count(about.n, expected, full.name)
    return split, about


def check_count(found, expected, what):
    """Raises WrongSamplesError unless as many samples were found as expected."""
    if found != expected:
        raise WrongSamplesError(
            f"{what}: {expected:,} samples of the {SPLIT} split must be evaluated. "
            f"Received: {found:,}"
        )


def _size(recipe, split, source):
    if store := source.store:
        entry = store.manifest["splits"][SPLIT]
        left_out = [each["split"] for each in store.manifest["left_out"]]
        return entry["count"], left_out.count(SPLIT)
    if recipe.training.limit is None:
        return len(split), 0
    return len(recipes.load_split(recipe, SPLIT, source.data_dir)), 0


def checksum(split, dtype=INTEGERS):
    """SHA-256 of a split's names and labels, in their order.

    Args:
        split: a `cmvq_keras.data.split.Split`.
        dtype: of the labels, see `cmvq_keras.tasks.task.Task`.
    """
    found = hashlib.sha256("\n".join(map(str, split.samples)).encode())
    found.update(
        np.ascontiguousarray(split.y, np.dtype(dtype).newbyteorder("<")).tobytes()
    )
    return found.hexdigest()
