"""A store as the input of a model: rows are normalized when they are read."""

import numpy as np

from cmvq_keras.data import checks
from cmvq_keras.data.split import Split, normalize
from cmvq_keras.data.store import Store

PAIR = " + "  # between the names of a pair's parts, see `cmvq_keras.data.pairing`


class StoredArray:
    """Rows of a memory-mapped array, normalized when they are read.

    `array[rows]` takes a slice or an index array and gives float32; it reads in
    ascending order, whatever the order of the index. The whole never is in memory.

    Args:
        values: memory-mapped raw values `(n, ...)`.
        modality: the `Modality` with offset and scale.
    """

    def __init__(self, values, modality):
        self.values = values
        self.modality = modality
        self.shape = values.shape
        self.dtype = np.dtype(np.float32)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            return normalize(raw(self.values[rows], self.modality), self.modality)
        order = np.argsort(rows, kind="stable")
        read = normalize(raw(self.values[rows[order]], self.modality), self.modality)
        placed = np.empty_like(read)
        placed[order] = read
        return placed


def raw(values, modality):
    """Stored values as raw ones: uint8 in a picture counts as 0 to 255."""
    if modality.kind == "image" and values.dtype == np.uint8:
        return values / np.float32(255)
    return values


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
    checks.check_limit(limit)
    store = store if isinstance(store, Store) else Store.open(store, recipe.name)
    part = store.split(split)
    check_fit(recipe, store, PAIR in part.samples[0])
    x = {
        name: StoredArray(part.x[name][:limit], modality)
        for name, modality in recipe.modalities.items()
    }
    return Split(x, part.y[:limit], part.samples[:limit])


def of_run(run, data_dir=None, store=None):
    """The store to measure a run on: the one that was named, else its own.

    Args:
        run: an open `cmvq_keras.run.Run`.
        data_dir: where raw files were named, these are taken.
        store: the named store: a folder, or a `Store`.

    Returns:
        A `Store`, or None for raw files.

    Raises:
        FileNotFoundError: when the run's own store is gone.
        ValueError: when it is not the one any more that the run was trained from.
    """
    if store is not None:
        return store if isinstance(store, Store) else Store.open(store, run.recipe.name)
    noted = run.environment.get("store")
    if noted is None or data_dir is not None:
        return None
    hint = "Name one with --store, or raw files with --data-dir."
    try:
        folder, expected = str(noted["folder"]), noted["manifest"]
    except (TypeError, KeyError):
        raise ValueError(
            f"{run.directory}: environment.json names no readable store. {hint}"
        ) from None
    try:
        found = Store.open(folder, run.recipe.name)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{run.directory} was trained from the store {folder}, which is not "
            f"there. {hint}"
        ) from None
    if found.checksum != expected:
        raise ValueError(
            f"{folder} is not the store any more that {run.directory} was trained "
            f"from. {hint}"
        )
    return found


def check_fit(recipe, store, paired=False):
    """Raises ValueError, in one line, when a store is not of a recipe's data."""
    own, theirs = recipe, store.recipe
    faults = []
    for name, mine, stored in (
        ("recipe", own.name, theirs.name),
        ("classes", own.classes, theirs.classes),
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
        raise ValueError(f"{store.folder} does not fit the recipe: {'; '.join(faults)}")
