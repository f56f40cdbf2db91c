"""Is a store what its manifest says, and is it fit to train on? All faults at once."""

import dataclasses

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data.datasets.pairing import PAIR
from cmvq_keras.data.formats import npy
from cmvq_keras.data.store import manifest
from cmvq_keras.old_names import renamed_argument, renamed_attribute

ROWS = 256  # of an array at a time
MAX_TOLD = 5  # names of samples in one fault


@renamed_attribute("left_out", "skipped")
@dataclasses.dataclass(frozen=True)
class Report:
    """What `check` found.

    Args:
        faults: one line each; empty for a good store.
        counts: samples of each class, a list, by split.
        skipped: the manifest's list of samples that could not be prepared.
    """

    faults: tuple[str, ...]
    counts: dict[str, list[int]]
    skipped: tuple[dict, ...]


@renamed_argument("told", "on_progress")
def check(store, on_progress=None):
    """Checks every byte of a store.

    Counts, sizes, shapes and checksums against the manifest; values for being
    finite; labels for their range and the manifest's counts; and leakage: a sample,
    one part of a pair, or under an actor-disjoint split an actor, in two splits.
    Classes without a sample are no fault.

    Args:
        store: an open `cmvq_keras.data.Store`.
        on_progress: function `(file name)`, called before each file.

    Returns:
        A `Report` with all faults.
    """
    faults, counts, members, attributes = [], {}, {}, {}
    for split, entry in store.manifest["splits"].items():
        for name, about in entry["files"].items():
            if on_progress:
                on_progress(f"{split}/{name}")
            faults += _file_faults(store, split, name, about)
        labels = _try(faults, store.array, split, manifest.LABELS)
        if labels is not None:
            counts[split] = _class_counts(faults, store, split, labels)
        for name in store.recipe.modalities:
            _try(faults, store.rows, split, name)
        meta = _try(faults, store.meta, split)
        if meta is not None:
            members[split], attributes[split] = meta
            faults += _repeated(split, meta[0])
    faults += leakage(members)
    faults += _shared_attributes(store, attributes)
    # The same fault can be met twice: in the file, and in what is read of it.
    unique = tuple(dict.fromkeys(faults))
    return Report(unique, counts, tuple(store.manifest["left_out"]))


def leakage(members):
    """One line for each two splits that share samples.

    Args:
        members: names of samples by split; a pair's parts are joined by " + ".
    """
    parts = {
        split: {part for name in names for part in (name, *str(name).split(PAIR))}
        for split, names in members.items()
    }
    splits = list(parts)
    faults = []
    for index, first in enumerate(splits):
        for second in splits[index + 1 :]:
            shared = sorted(map(str, parts[first] & parts[second]))
            if shared:
                faults.append(
                    f"{first} and {second} share {len(shared)}: {_some(shared)}"
                )
    return faults


def _shared_attributes(store, attributes):
    """One line for each two splits that share an actor, or what else must differ."""
    for name in store.manifest.get("disjoint", ()):
        words = {split: found.get(name, ()) for split, found in attributes.items()}
        yield from (f"{name}: {fault}" for fault in leakage(words))


def _file_faults(store, split, name, about):
    faults = []
    path = store.folder / split / name
    found = _try(faults, npy.checksum, path, store.folder)
    if found is not None and found != about["sha256"]:
        faults.append(f"{path} does not have the manifest's checksum.")
    if name.endswith(".npy"):
        array = _try(faults, store.array, split, name)
        if array is not None and array.dtype.kind == "f":
            faults += _not_finite(path, array)
    return faults


def _not_finite(path, array):
    for start in range(0, len(array), ROWS):
        finite = np.isfinite(array[start : start + ROWS])
        finite = finite.reshape(len(finite), -1).all(axis=1)
        if not finite.all():
            row = start + int(finite.argmin())
            yield f"{path} holds values that are not finite, first in row {row}."
            return


def _class_counts(faults, store, split, labels):
    recipe = store.recipe
    path, task = store.folder / split / manifest.LABELS, tasks.get(recipe.task)
    counts = np.zeros(len(recipe.outputs), np.int64)
    outside = 0
    for start in range(0, len(labels), ROWS):
        part = np.array(labels[start : start + ROWS])
        outside += task.outside(part, recipe)
        counts += task.counts(part, recipe)
    if outside and not task.has_targets:
        low, high = task.limits(recipe)
        faults.append(f"{path} holds {outside} labels out of range [{low}, {high}].")
    if counts.tolist() != store.manifest["splits"][split].get("class_counts"):
        faults.append(f"{path} does not have the manifest's counts of classes.")
    return counts.tolist()


def _repeated(split, names):
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < len(names):
        repeated = [str(name) for name in unique[counts > 1]]
        yield f"{split} has {len(repeated)} samples more than once: {_some(repeated)}"


def _some(names):
    more = ", ..." if len(names) > MAX_TOLD else ""
    return ", ".join(names[:MAX_TOLD]) + more


def _try(faults, function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        faults.append(_reason(error))
    except ValueError as error:
        faults.append(str(error))
    return None


def _reason(error):
    if not error.strerror:
        return str(error)
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is missing."
    return f"{error.filename}: {error.strerror}"
