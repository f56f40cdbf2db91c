"""A store as the input of a model: rows are normalized when they are read."""

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets.pairing import PAIR
from cmvq_keras.data.split import Split, normalize_stored
from cmvq_keras.data.store.store import Store


class StoredArray:
    """Samples in a store's file, normalized when they are read.

    `array[samples]` takes a slice or an index array and gives float32, of several
    views the first. The whole never is in memory.

    Args:
        rows: `cmvq_keras.data.store.rows.Rows` of raw values.
        modality: the `Modality` with offset and scale.
    """

    def __init__(self, rows, modality):
        self.rows = rows
        self.modality = modality
        self.shape = rows.shape
        self.views = rows.views
        self.dtype = np.dtype(np.float32)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, samples):
        return self.read(samples)

    def read(self, samples, view=0):
        """Normalized values; see `cmvq_keras.data.store.rows.Rows.read`."""
        return normalize_stored(self.rows.read(samples, view), self.modality)


def load(recipe, split, store, limit=None):
    """One split of a store as a model reads it, normalized by `recipe`.

    Args:
        recipe: a `Recipe` whose data settings are those of the store.
        split: "train", "validation" or "test".
        store: a `Store`, its folder, or the root above it.
        limit: only the first samples; None for all.

    Returns:
        `cmvq_keras.data.split.Split` with a `StoredArray` a modality.

    Raises:
        ValueError: for a store of other data than the recipe's, and a damaged one.
        FileNotFoundError: when there is no store.
    """
    validation.check_limit(limit)
    store = store if isinstance(store, Store) else Store.open(store, recipe.name)
    part = store.split(split)
    check_fit(recipe, store, PAIR in part.samples[0])
    x = {
        name: StoredArray(part.x[name].first(limit), modality)
        for name, modality in recipe.modalities.items()
    }
    return Split(x, part.y[:limit], part.samples[:limit])


def fits(recipe, store):
    """Whether `load` would take a store for a recipe."""
    samples, _ = store.meta(next(iter(store.manifest["splits"])))
    try:
        check_fit(recipe, store, PAIR in samples[0])
    except ValueError:
        return False
    return True


def check_fit(recipe, store, paired=False):
    """Raises ValueError, in one line, when a store is not of a recipe's data."""
    own, theirs = recipe, store.recipe
    if own.name != theirs.name:
        raise ValueError(
            f"{store.folder} does not fit the recipe {own.name}: it is of the recipe "
            f"{theirs.name}."
        )
    faults = []
    for name, mine, stored in (
        ("classes", own.classes, theirs.classes),
        ("targets", tuple(own.targets), tuple(theirs.targets)),
        ("task", own.task, theirs.task),
        *(
            (f"data.{key}", own.data.get(key), theirs.data.get(key))
            for key in sorted({*own.data, *theirs.data})
        ),
    ):
        if mine != stored:
            faults.append(f"{name} is {stored}, not {mine}")
    for name, modality in own.modalities.items():
        other = theirs.modalities.get(name)
        if other is None:
            faults.append(f"it has no modality {name}")
        elif (other.shape, other.kind) != (modality.shape, modality.kind):
            faults.append(f"{name} is {other.shape} {other.kind}")
    if paired and set(own.modalities) != set(theirs.modalities):
        # Pairs repeat the samples of one side: another data set for one modality.
        faults.append(f"it holds pairs of {' and '.join(theirs.modalities)}")
    limit, most = own.training.limit, theirs.training.limit
    if most is not None and (limit is None or limit > most):
        faults.append(f"it holds the first {most} samples only (--limit {most})")
    if faults:
        raise ValueError(
            f"{store.folder} does not fit the recipe: {'; '.join(faults)}. Take the "
            "store's settings, or prepare another store with these."
        )
