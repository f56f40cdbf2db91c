"""Samples of other libraries' tables: pandas, Hugging Face `datasets`, tf.data.

None of them is imported: who has such an object has its library.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import PIL.Image

from cmvq_keras import tasks
from cmvq_keras.data import faults, kinds
from cmvq_keras.data.formats import images
from cmvq_keras.data.kinds import tokens
from cmvq_keras.data.kinds.padded import pad
from cmvq_keras.data.listing import SkippedSample
from cmvq_keras.data.store.split_writer import Sample
from cmvq_keras.data.tables.columns import LABEL, NAME, stem
from cmvq_keras.tasks.multi_label import SEPARATOR


class Rows:
    """An object's rows as samples for a store; `len` where the object has one.

    Args:
        source: a pandas `DataFrame`, a `datasets.Dataset` or a `tf.data.Dataset`.
        recipe: the `Recipe`.
        split: the split's name, of which samples without a name are numbered.
    """

    def __init__(self, source: Any, recipe: Any, split: str) -> None:
        self._source, self._recipe, self._split = source, recipe, split

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Sample | SkippedSample]:
        task = tasks.get(self._recipe.task)
        for number, row in enumerate(_rows(self._source, self._recipe)):
            name = f"{self._split}/{number}"
            if isinstance(row, Mapping):
                yield _of_columns(row, self._recipe, task, name)
            else:
                x, y = row
                lacking = [key for key in self._recipe.modalities if key not in x]
                if lacking:
                    raise ValueError(
                        f"{name} lacks {lacking[0]}. Received: {', '.join(x)}"
                    )
                x = {
                    key: _named_stored(x[key], self._recipe, key, name)
                    for key in self._recipe.modalities
                }
                if reason := _no_numbers(y, self._recipe, task):
                    yield SkippedSample(name, reason)
                else:
                    yield Sample(x, y, name)


def rows_of(source, recipe, split):
    """A source as `Rows` where it is one of another library; else as it is."""
    if _library(source) in _READERS:
        return Rows(source, recipe, split)
    return source


def _library(source):
    return type(source).__module__.partition(".")[0]


def _rows(source, recipe):
    return _READERS[_library(source)](source, recipe)


def _of_frame(frame, recipe):
    names = [str(name) for name in frame.columns]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"a frame must have each column once. Received: {names.count(twice[0])} "
            f"columns {twice[0]}"
        )
    for row in frame.itertuples(index=False, name=None):
        yield dict(zip(names, row, strict=True))


def _of_dataset(dataset, recipe):
    # It knows the names of classes, of one a row and of lists of them.
    label = (getattr(dataset, "features", None) or {}).get(LABEL)
    named = getattr(label, "names", None)
    listed = getattr(getattr(label, "feature", None), "names", None)
    for number, row in enumerate(dataset):
        row = dict(row)
        if named and isinstance(row[LABEL], int):
            row[LABEL] = _named(named, row[LABEL], number)
        elif listed and row[LABEL] is not None:
            row[LABEL] = [_named(listed, each, number) for each in row[LABEL]]
        yield row


def _named(names, place, number):
    """A class's name by its place; a hidden label is -1, which is no place."""
    if not 0 <= place < len(names):
        raise ValueError(
            f"row {number}: label must be in [0, {len(names) - 1}]. Received: {place}. "
            "Leave rows without a label out"
        )
    return names[place]


def _of_tensorflow(dataset, recipe):
    spec = getattr(dataset, "element_spec", None)
    if not (isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], dict)):
        raise ValueError(
            "a tf.data.Dataset must give ({modality: values}, label), without weights. "
            f"Received: {spec}"
        )
    if int(dataset.cardinality()) == _ENDLESS:
        raise ValueError(
            "a tf.data.Dataset must end. Received: one without an end. Leave repeat() "
            "out, or give a number of rows, take(n)"
        )
    name = next(iter(recipe.modalities))
    rank = spec[0][name].shape.rank if name in spec[0] else None
    batched = rank == len(recipe.modalities[name].shape) + 1
    for x, y in dataset.as_numpy_iterator():
        if not batched:
            yield x, y
            continue
        for row in range(len(y)):
            yield {key: values[row] for key, values in x.items()}, y[row]


_ENDLESS = -1  # tf.data.INFINITE_CARDINALITY
_READERS = {
    "pandas": _of_frame,
    "datasets": _of_dataset,
    "tensorflow": _of_tensorflow,
}


def _of_columns(row, recipe, task, name):
    """A row of named cells as a `Sample`, or a `SkippedSample` for a damaged file."""
    name = str(row.get(NAME, name))
    vectors = {key: _numbered(row, key) for key in recipe.modalities if key not in row}
    used = {LABEL, NAME, *recipe.targets, *recipe.modalities}
    used |= {column for columns in vectors.values() for column in columns}
    x = {}
    for key in recipe.modalities:
        if key not in row and not vectors[key]:
            raise ValueError(
                f"{name} lacks {key}: a column of that name, or columns of numbers "
                f"{key}_... Its columns: {', '.join(row)}"
            )
        try:
            value = row[key] if key in row else [row[each] for each in vectors[key]]
            x[key] = _stored(value, recipe, key)
        except (ValueError, OSError) as error:
            return SkippedSample(name, f"{key}: {str(error).splitlines()[0]}")
    attributes = {
        key: str(value)
        for key, value in row.items()
        if key not in used and isinstance(value, (str, int, float, np.generic))
    }
    label = _label(row, recipe, task, name)
    if reason := _no_numbers(label, recipe, task):
        return SkippedSample(name, reason)
    return Sample(x, label, name, attributes)


def _no_numbers(label, recipe, task):
    """Why a regression's label cannot be used, as a table of files says it, or None."""
    if not task.has_targets:
        return None
    values = np.ravel(label)
    columns = list(recipe.targets) if len(values) == len(recipe.targets) else [LABEL]
    for column, value in zip(columns, values, strict=False):
        try:
            is_number = np.isfinite(float(value))
        except (TypeError, ValueError):
            is_number = False
        if not is_number:
            return f"{column} is no number. Received: {value!s:.40}"
    return None


def _numbered(row, name):
    """The columns `name_x`, `name_y` of a vector, sorted, as in a table of files."""
    return sorted(column for column in row if stem(column) == name)


def _named_stored(value, recipe, name, sample):
    """As `_stored`; its error names the sample and the modality."""
    try:
        return _stored(value, recipe, name)
    except ValueError as error:
        raise ValueError(f"{sample}: {name}: {error}") from None


def _stored(value, recipe, name):
    """A cell as a modality's raw values: numbers, a picture, a text or a path."""
    modality = recipe.modalities[name]
    kind, shape = kinds.get(modality.kind), modality.shape
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, (str, pathlib.Path)):
        path = pathlib.Path(value)
        read = kinds.get(modality.kind).readers(kinds.options(recipe, name))
        if path.suffix.lower() in read:
            value = read[path.suffix.lower()](path, shape)
        elif modality.kind == "tokens":
            value = tokens.of_text(str(value), shape)
        else:
            raise ValueError(
                f"a text must be the path of a file of kind {modality.kind}. Received: "
                f"{value!r:.60}"
            )
    if isinstance(value, PIL.Image.Image) and kind.counts_bytes:
        value = images.of_pillow(value, shape[-1])
    faults.check_unmasked(value, name)
    found = np.asarray(value)
    if found.dtype.kind not in "uifb":
        raise ValueError(f"it must hold numbers. Received: {found.dtype}")
    if kind.has_mask and found.ndim == 2 and found.shape[1] == shape[1] - 1:
        found = pad(found, shape[0])
    if found.shape == shape[:-1] and shape[-1] == 1:
        found = found[..., None]
    if found.shape != shape:
        raise ValueError(f"it must be {shape}. Received: {found.shape}")
    if found.dtype.kind in "ui" and kind.counts_bytes:
        if found.min() < 0 or found.max() > 255:
            raise ValueError(
                "whole numbers of pictures must be in [0, 255]. Received: "
                f"{found.min()} to {found.max()}"
            )
        return found.astype(np.uint8)
    if found.dtype == np.uint8 or found.dtype.name in ("float16", "float32"):
        return found
    return found.astype(np.float32)


def _label(row, recipe, task, name):
    """What the task is to learn of a row."""
    own = () if task.one_class else recipe.targets or recipe.classes
    found = [column for column in own if column in row and column != LABEL]
    if LABEL in row and not task.has_targets and own and len(found) == len(own):
        raise ValueError(
            f"{name} has both {LABEL} and a column for each class, {', '.join(own)}. "
            "Leave one out"
        )
    # A column of a target's own name is meant, whatever else is called label.
    is_label = not own or (LABEL in row and not (task.has_targets and found))
    columns = [LABEL] if is_label else list(own)
    missing = [column for column in columns if column not in row]
    if missing:
        raise ValueError(
            f"{name} lacks the column {missing[0]}. Its columns: {', '.join(row)}"
        )
    if columns != [LABEL]:
        return np.asarray([row[column] for column in columns])
    value = row[LABEL]
    if task.one_class and faults.is_missing(value):
        raise ValueError(
            f"{name} has no label. Received: {value}. Leave rows without a label out"
        )
    if task.one_class and isinstance(value, (float, np.floating)):
        raise ValueError(
            f"{name}: label must be a class's name or its place. Received: {value}. "
            "A frame makes floats of whole numbers where one is missing: leave rows "
            "without a label out, and give integers, e.g. by .astype(int)"
        )
    if task.one_class and isinstance(value, str):
        if value not in recipe.classes:
            raise ValueError(
                f"{name}: label must be one of {', '.join(recipe.classes)}. Received: "
                f"{value}"
            )
        return recipe.classes.index(value)
    if task.one_class:
        _check_not_a_name(value, recipe.classes, name)
    if not task.has_targets and not task.one_class and not task.has_maps:
        return _set(value, recipe, name)
    return np.atleast_1d(value) if task.has_targets else np.asarray(value)


def _check_not_a_name(value, classes, name):
    """Raises ValueError for a number that may be a place and a name of two classes."""
    if str(value) in classes and classes.index(str(value)) != value:
        raise ValueError(
            f"{name}: label {value} may be the class {value} or the one at place "
            f"{value}. The classes: {', '.join(classes)}. Give names as texts: "
            'frame["label"].astype(str)'
        )


def _set(value, recipe, name):
    """0 and 1 for each class, from these or from the classes' names, in a list or as
    a table of files has them, `a|b`."""
    if value is None or isinstance(value, float):
        raise ValueError(
            f"{name}: label must be names of classes, or an empty text for none. "
            f"Received: {value}"
        )
    if isinstance(value, str):
        value = [part.strip() for part in value.split(SEPARATOR) if part.strip()]
    if len(value) and not isinstance(value[0], str):
        return np.asarray(value)
    unknown = [each for each in value if each not in recipe.classes]
    if unknown:
        raise ValueError(
            f"{name}: label must name some of {', '.join(recipe.classes)}. Received: "
            f"{unknown[0]}"
        )
    return np.array([int(each in value) for each in recipe.classes])
