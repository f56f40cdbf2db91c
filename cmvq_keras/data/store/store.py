"""A prepared store: decoded once, read as memory-mapped arrays ever after.

    <root>/<recipe>/manifest.json            what there is, with checksums
    <root>/<recipe>/<split>/<modality>.npy   raw values, before normalization
    <root>/<recipe>/<split>/<modality>.rows.npy   which row is a sample's, where several
                                                  samples share one
    <root>/<recipe>/<split>/labels.npy       int32
    <root>/<recipe>/<split>/meta.csv         a line a sample: its name, attributes

A store's files are not trusted: names, sizes, shapes and dtypes are checked against
the manifest before use, and nothing is unpickled. `cmvq data check` checks the rest.
"""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cmvq_keras import fileio, tasks, validation
from cmvq_keras.data import automatic
from cmvq_keras.data.formats import npy
from cmvq_keras.data.listing import SkippedSample
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.store import builder, manifest
from cmvq_keras.data.store.rows import Rows
from cmvq_keras.data.store.split_writer import Sample, samples_checksum
from cmvq_keras.old_names import keyword_only, renamed_argument, renamed_attribute
from cmvq_keras.recipe import Modality, Recipe, TrainingSettings
from cmvq_keras.recipe.fields import AUTO
from cmvq_keras.resolved_recipe import ResolvedRecipe

__all__ = ["Part", "Sample", "SkippedSample", "Store"]


@dataclasses.dataclass(frozen=True)
class Part:
    """One split of a store as it lies on disk.

    Args:
        x: `cmvq_keras.data.store.rows.Rows` by modality, memory-mapped, `(n, height,
            width, channels)` uint8, float16 or float32, raw values.
        y: `(n, ...)` labels as the task has them; label maps are memory-mapped.
        samples: `(n,)` names.
        attributes: `(n,)` words by the name of the attribute.
    """

    x: dict[str, Any]
    y: np.ndarray
    samples: np.ndarray
    attributes: dict[str, np.ndarray]

    def __len__(self):
        return len(self.y)


@renamed_attribute("left_out", "skipped")
class Store:
    """A prepared store. `Store.create` makes one, `Store.open` opens one.

    Args:
        folder: the store's own folder, with its manifest.

    Attributes:
        folder: the same.
        manifest: the content of manifest.json, its structure checked.
        recipe: the `Recipe` that it was prepared for.
        checksum: SHA-256 of manifest.json, which holds those of all files.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = pathlib.Path(folder)
        self.manifest, self.recipe = manifest.read(self.folder)
        self.checksum = npy.checksum(self.folder / manifest.FILE, self.folder)

    @classmethod
    @renamed_argument("told", "on_progress")
    @keyword_only
    def create(
        cls,
        root: str | os.PathLike,
        recipe: Any,
        splits: Mapping[str, Any],
        *,
        force: bool = False,
        origin: str = "",
        on_progress: Callable[[str, int, int], None] | None = None,
        workers: int | None = None,
    ) -> "Store":
        """Writes a store into `<root>/<recipe's name>`, whole or not at all.

        A killed call leaves `<root>/.<name>.partial`; the next one with the same
        `recipe`, split names and `origin` goes on there and ends with the same bytes.
        What a listing gave is kept if its files have not changed. Other finished
        splits are kept only where `origin` says what they are; their sources are not
        asked again.

        Args:
            root: folder, made if it is missing.
            recipe: a `Recipe`, or a pair (modalities, classes): a `Modality` or a
                shape by name, and the classes' names. `(height, width, channels)` is
                a picture, `(time, height, width, channels)` a clip, `(steps,
                features)` a sequence, `(features,)` a vector; the latter two are
                standardized. The recipe of a pair is named "own". Its
                grid is the largest that all of them share; network and training are
                those of `cmvq_keras.data.automatic`. For regression the second of the
                pair is a dictionary of `cmvq_keras.Target` by name.
            splits: by name ("train", "validation", "test") a `Split` of raw values,
                a tuple `(x, y)`, `(x, y, samples)` or `(x, y, samples, attributes)`
                of arrays, an iterable of `Sample` and `SkippedSample`, a
                `cmvq_keras.data.listing.Listing`, a pandas `DataFrame`, a Hugging Face
                `datasets.Dataset`, a `tf.data.Dataset`, or a function that gives one
                of these.
            force: whether a store that is there is replaced.
            origin: where the samples come from, in a word of your choice. With
                another one nothing of a killed call is kept; without one only what
                listings gave.
            on_progress: function `(split, rows written, rows in all or None)`, for a
                progress bar.
            workers: processes that decode a listing; None for one a core. The bytes
                do not depend on it.

        Returns:
            The `Store`.

        Raises:
            FileExistsError: when the folder is there, and `force` is not.
            ValueError: for samples that do not fit the recipe, in one line, and for a
                "train" split without "validation".

        Example:
            >>> shapes = {"image": (32, 32, 1), "audio": (64, 64, 1)}
            >>> splits = {name: (x[name], labels[name]) for name in x}
            >>> Store.create("store", (shapes, ("cat", "dog")), splits)
        """
        finish = None
        if not isinstance(recipe, Recipe):
            recipe, finish = _own_recipe(*recipe), automatic.choose_settings
        manifest.check_names(recipe)
        if not splits:
            raise ValueError("A store needs at least one split.")
        for split in splits:
            validation.one_of(split, SPLITS, "split")
        if "train" in splits and "validation" not in splits:
            raise ValueError(
                "A store to train from needs a validation split: it chooses the best "
                f"epoch. Received: {', '.join(splits)}"
            )
        folder = pathlib.Path(root) / recipe.name
        on_progress = on_progress or _silent
        builder.build(
            folder, recipe, splits, force, origin, on_progress, workers, finish
        )
        return cls(folder)

    @classmethod
    def open(cls, path: str | os.PathLike, name: str | None = None) -> "Store":
        """Opens a store.

        Args:
            path: the store's own folder, or the root above it.
            name: the recipe's name, for a root that holds several.

        Raises:
            FileNotFoundError: when there is none.
            ValueError: for a damaged manifest, or several stores and no `name`.
        """
        path = pathlib.Path(path)
        if (path / manifest.FILE).exists():
            return cls(path)
        found = [entry.parent.name for entry in sorted(path.glob(f"*/{manifest.FILE}"))]
        found = [each for each in found if not each.startswith(".")]
        if name in found or len(found) == 1:
            return cls(path / (name if name in found else found[0]))
        if found:
            raise ValueError(f"{path} holds several stores: {', '.join(found)}.")
        raise FileNotFoundError(f"{path} holds no store: no {manifest.FILE} is there.")

    def split(self, name: str) -> "Part":
        """One split as a `Part`.

        Raises:
            ValueError: for a split that the store does not have, and for files that
                are not what the manifest says.
            FileNotFoundError: for a missing file.
        """
        validation.one_of(name, self.manifest["splits"], f"split of {self.folder}")
        x = {modality: self.rows(name, modality) for modality in self.recipe.modalities}
        y = self.array(name, manifest.LABELS)
        task = tasks.get(self.recipe.task)
        if not task.has_maps:
            y = np.array(y)
            if task.outside(y, self.recipe):
                path = self.folder / name / manifest.LABELS
                raise ValueError(f"{path} holds labels out of range.")
        samples, attributes = self.meta(name)
        return Part(x, y, samples, attributes)

    def skipped(self, split: str) -> list[dict]:
        """The manifest's notes of the split's samples that could not be prepared."""
        return [note for note in self.manifest["left_out"] if note["split"] == split]

    def rows(self, split: str, modality: str) -> Rows:
        """One modality's values as `cmvq_keras.data.store.rows.Rows`; see `split`."""
        values = self.array(split, f"{modality}.npy")
        name = manifest.rows_file(f"{modality}.npy")
        index = None
        if name in self.manifest["splits"][split]["files"]:
            index = np.array(self.array(split, name))
            if index.min() < 0 or index.max() >= len(values):
                path = self.folder / split / name
                raise ValueError(
                    f"{path} holds rows that {modality}.npy does not have."
                )
        views = values.ndim > 1 + len(self.recipe.modalities[modality].shape)
        return Rows(values, index, views)

    def array(self, split: str, file: str) -> np.ndarray:
        """One memory-mapped array, e.g. of "train" and "image.npy"; see `split`."""
        about = self.manifest["splits"][split]["files"][file]
        path = _present(self.folder / split / file)
        expected = about["dtype"], about["shape"], about["bytes"]
        return npy.open_rows(path, *expected, self.folder)

    def meta(self, split: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """`(samples, attributes)` of one split; see `Part` and `split`."""
        path = _present(self.folder / split / manifest.META)
        entry = self.manifest["splits"][split]
        with fileio.opened(path, "CSV file", root=self.folder) as file:
            if fileio.size(file) != entry["files"][manifest.META]["bytes"]:
                raise ValueError("it does not have the manifest's size")
            found = [cells for _, cells in fileio.csv_rows(file.read())]
            if entry.get("quoted"):
                found = [[fileio.unquoted(each) for each in row] for row in found]
            header, *rows = found
        widths = {len(row) for row in rows}
        if not header or len(rows) != entry["count"] or widths != {len(header)}:
            raise ValueError(
                f"{path} must have {entry['count']} lines of {len(header)} columns. "
                f"Received: {len(rows)} of {sorted(widths)}. Prepare the store again"
            )
        first, *columns = (np.array(column) for column in zip(*rows, strict=True))
        if header[0] != "sample" or samples_checksum(first) != entry["samples_sha256"]:
            raise ValueError(f"{path} does not name the manifest's samples.")
        return first, dict(zip(header[1:], columns, strict=True))


_KINDS_BY_AXES = {1: "vector", 2: "sequence", 4: "video"}


def _own_recipe(modalities, classes):
    known = {
        name: item if isinstance(item, Modality) else _of_shape(tuple(item))
        for name, item in modalities.items()
    }
    recipe = Recipe("own", "data of one's own", known, **_learned(classes))
    try:
        ResolvedRecipe(recipe)
    except ValueError as error:
        # Told now, and not when somebody trains. A store may be for reading alone.
        logging.getLogger(__name__).warning(
            "No model takes this store as it is: %s", error
        )
    return recipe


def _learned(outputs) -> dict[str, Any]:
    """A recipe's fields for classes, or for a dictionary of targets."""
    if isinstance(outputs, Mapping):
        training = TrainingSettings(select_by=tasks.get("regression").score)
        return {"task": "regression", "targets": dict(outputs), "training": training}
    return {"classes": tuple(outputs)}


def _of_shape(shape):
    """A modality by its axes: numbers without places are standardized."""
    kind = _KINDS_BY_AXES.get(len(shape), "image")
    if len(shape) < 3:
        return Modality(shape, kind, AUTO, AUTO)
    return Modality(shape, kind)


def _present(path):
    """`path`, or a FileNotFoundError that says what it is about."""
    if not os.path.lexists(path):
        raise FileNotFoundError(f"{path} is missing.")
    return path


def _silent(split, done, total):
    pass
