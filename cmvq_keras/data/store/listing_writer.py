"""One split of a store, decoded from what a listing names; goes on where it stopped."""

import contextlib
import dataclasses
import os
import time

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data.decoding import DamagedSamples, decode, positions, reason_of
from cmvq_keras.data.formats import npy
from cmvq_keras.data.listing import LABELS
from cmvq_keras.data.store import manifest
from cmvq_keras.data.store.fingerprint import fingerprint
from cmvq_keras.data.store.split_writer import Register, entry, write_rows

SECONDS = 5  # between two notes of what is on disk: what a kill can cost
MAPS = "label_maps.npy"  # as they were decoded; labels.npy is in the samples' order


def write_listing(folder, recipe, split, listing, on_progress, journal, workers=None):
    """Writes one split and returns its entry of the manifest.

    Args:
        folder: the split's folder, empty or as a killed call left it.
        recipe: the `Recipe`; shapes, classes and task are checked.
        split: the split's name.
        listing: a `cmvq_keras.data.listing.Listing`.
        on_progress: function `(split, units decoded, units in all)`.
        journal: dict, kept on disk by its `save()`: what a killed call had done.
        workers: see `cmvq_keras.data.decoding.decode`.

    Raises:
        ValueError, OSError: for samples that do not fit, naming them; see
            `cmvq_keras.data.decoding.DamagedSamples`.
    """
    _check(listing, recipe, split)
    checksum = fingerprint(listing)
    if journal.get("listing") != checksum:
        journal.clear()
        journal["listing"] = checksum
    damaged, parts, done = DamagedSamples(listing), [], 0
    missing = _wanted(recipe)
    total = sum(len(group.items) for group in listing.groups)
    for number, group in enumerate(listing.groups):
        state = journal.setdefault(str(number), {"next": 0, "failed": {}, "files": {}})
        last = number == len(listing.groups) - 1
        needed = missing if last else None
        with _GroupWriter(folder, split, group, state, journal, needed) as writer:
            for unit, reason in state["failed"].items():
                damaged.add(group, int(unit), ValueError(reason))
            units = range(state["next"], len(group.items))
            for unit, result in decode(group, recipe, units, workers):
                if isinstance(result, Exception):
                    damaged.add(group, unit, result)
                writer.add(unit, result)
                on_progress(split, done + unit + 1, total)
        if len(group.items) and not writer.usable().any():
            some = "; ".join(f"{e.name}: {e.reason}" for e in damaged.skipped[:3])
            raise ValueError(f"{split}: no sample can be used ({some})")
        done += len(group.items)
        missing = missing - writer.files.keys()
        parts.append((writer.files, _rows(group, writer.usable(), len(listing))))
    kept = np.all([rows >= 0 for _, rows in parts], axis=0)
    files = {name: file for written, _ in parts for name, file in written.items()}
    for written, rows in parts:
        files |= _write_index(folder, written, rows[kept])
        if MAPS in written:
            files[manifest.LABELS] = _write_labels(folder, files.pop(MAPS), rows[kept])
    with Register(folder, recipe, split) as register:
        _write_register(register, listing, np.flatnonzero(kept))
    skipped = [_without_root(each, listing.root) for each in damaged.skipped]
    _check_classes(listing, recipe, split, kept, skipped)
    about = entry(folder, register, files, skipped)
    return {**about, "disjoint": list(listing.disjoint), "listing": checksum}


class _GroupWriter(contextlib.AbstractContextManager):
    """The files of one group's modalities, and the note of what is in them.

    `needed` are the names of the files that the group has to give; None for those that
    its first unit gives.
    """

    def __init__(self, folder, split, group, state, journal, needed):
        self.folder, self.split, self.group = folder, split, group
        self.state, self.journal, self.needed = state, journal, needed
        self._stack = contextlib.ExitStack()
        self._noted = time.monotonic()
        self.files = self._restore()

    def _restore(self):
        """The files as they were when they were noted the last time."""
        try:
            return {
                name: self._stack.enter_context(
                    npy.RowWriter(self.folder / name, *about)
                )
                for name, about in self.state["files"].items()
            }
        except (ValueError, OSError):
            self._stack.close()
            self.state |= {"next": 0, "failed": {}, "files": {}}
            return {}

    def add(self, unit, result):
        """Rows of a unit, or the error that it is left out for."""
        if isinstance(result, Exception):
            self.state["failed"][str(unit)] = reason_of(result)
        else:
            where = f"{self.split}: unit {unit}"
            self._check_names(result, where)
            for name, values in result.items():
                path = self.folder / _file(name)
                write_rows(self._stack, self.files, path, values[None], where)
        self.state["next"] = unit + 1
        if time.monotonic() - self._noted > SECONDS:
            self._note()

    def _check_names(self, rows, where):
        needed = set(self.files) if self.needed is None else self.needed
        found = {_file(name) for name in rows}
        if found != needed and (needed or not found):
            raise ValueError(
                f"{where} must give {_listed(needed)}. Received: {_listed(found)}"
            )

    def _note(self):
        for file in self.files.values():
            file.sync()
        units = self.state["next"]
        failed = {
            unit: reason
            for unit, reason in self.state["failed"].items()
            if int(unit) < units
        }
        # Not the files' own counts: what ends the writing may come between two files.
        rows = units - len(failed)
        files = {
            name: [str(file.dtype), list(file.shape), rows]
            for name, file in self.files.items()
        }
        self.state |= {"failed": failed, "files": files if rows else {}}
        self.journal.save()
        self._noted = time.monotonic()

    def usable(self):
        """`(units,)` booleans: which are in the files."""
        usable = np.ones(len(self.group.items), bool)
        usable[[int(unit) for unit in self.state["failed"]]] = False
        return usable

    def __exit__(self, kind, error, trace):
        with contextlib.suppress(OSError):  # a full disk: the last note stays
            self._note()
        self._stack.__exit__(kind, error, trace)


def _without_root(skipped, root):
    reason = skipped.reason.replace(f"{root}{os.sep}", "") if root else skipped.reason
    return dataclasses.replace(skipped, reason=reason)


def _wanted(recipe):
    """The names of the files that a listing's groups have to give."""
    maps = {LABELS} if tasks.get(recipe.task).has_maps else set()
    return {_file(name) for name in (*recipe.modalities, *maps)}


def _file(name):
    """Where the rows go that a group gives by that name."""
    return MAPS if name == LABELS else f"{name}.npy"


def _listed(files):
    names = (LABELS if file == MAPS else file.removesuffix(".npy") for file in files)
    return ", ".join(sorted(names)) or "nothing"


def _check(listing, recipe, split):
    columns = dict(listing.attributes)
    for name in listing.disjoint:
        if name not in columns:
            raise ValueError(f"{split}: {name} must be an attribute of the listing.")
    if listing.labels is not None:
        columns[LABELS] = listing.labels
    for name, values in columns.items():
        if len(values) != len(listing):
            raise ValueError(
                f"{split}: {name} must have {len(listing)} rows. Received: "
                f"{len(values)}"
            )
    for group in listing.groups:
        units = positions(group, len(listing))
        if len(units) != len(listing) or units.max(initial=-1) >= len(group.items):
            raise ValueError(
                f"{split}: a group must have one item per sample, or `units` that say "
                f"which is whose. Received: {len(group.items)} items, {len(listing)} "
                "samples"
            )
    if tasks.get(recipe.task).has_maps != (listing.labels is None):
        raise ValueError(
            f"{split}: a listing for segmentation has no `labels` (its group gives "
            "label maps), every other listing has them."
        )


def _check_classes(listing, recipe, split, kept, skipped):
    """Raises ValueError for training data that lost all samples of a class."""
    if split != "train" or not tasks.get(recipe.task).one_class:
        return
    labels = np.asarray(listing.labels)
    lost = np.setdiff1d(labels, labels[kept])
    if lost.size:
        some = "; ".join(f"{each.name}: {each.reason}" for each in skipped[:3])
        raise ValueError(
            f"{split}: no sample of the class {recipe.classes[lost[0]]} can be used "
            f"({some})"
        )


def _rows(group, usable, count):
    """`(count,)` the row of each sample in the group's files, -1 for none."""
    row = np.where(usable, np.cumsum(usable) - 1, -1)
    return row[positions(group, count)]


def _write_index(folder, written, rows):
    """`<modality>.rows.npy` of a group's files, unless sample i is in row i."""
    if np.array_equal(rows, np.arange(len(rows))) and all(
        file.count == len(rows) for file in written.values()
    ):
        return {}
    files = {}
    for name in (each for each in written if each != MAPS):
        path = folder / manifest.rows_file(name)
        with npy.RowWriter(path, npy.LABELS, ()) as file:
            file.append(rows)
        files[path.name] = file
    return files


def _write_labels(folder, maps, rows):
    """`labels.npy`: a label map a sample. What is fed reads no index for labels.

    A kill behind it costs the split: its label maps are gone.
    """
    if maps.count == len(rows) and np.array_equal(rows, np.arange(len(rows))):
        os.replace(folder / MAPS, folder / manifest.LABELS)
        return maps
    decoded = npy.open_own(folder / MAPS)
    with npy.RowWriter(folder / manifest.LABELS, maps.dtype, maps.shape) as file:
        for row in rows:
            file.append(decoded[row][None])
    del decoded  # Windows removes no file that is mapped
    (folder / MAPS).unlink()
    return file


def _write_register(register, listing, kept):
    """Labels and names of the samples that are kept, an index array."""
    if not len(kept):
        raise ValueError(f"{register.split} has no samples.")
    labels = None
    if listing.labels is None:
        path = register.folder / manifest.LABELS
        maps = npy.open_own(path)
        for row in maps:
            register.count_labels(np.array(row))
    else:
        labels = np.asarray(listing.labels)[kept]
    names = [str(listing.names[row]) for row in kept]
    columns = {
        key: [words[row] for row in kept] for key, words in listing.attributes.items()
    }
    register.add(labels, names, columns)
