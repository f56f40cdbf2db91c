"""One split of a store, written from arrays or from samples that come one by one."""

import contextlib
import hashlib
import os
import reprlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cmvq_keras import fileio, tasks
from cmvq_keras.data import faults, kinds
from cmvq_keras.data.formats import npy
from cmvq_keras.data.listing import SkippedSample
from cmvq_keras.data.split import Split
from cmvq_keras.data.store import manifest
from cmvq_keras.fileio import naming

ROWS = 256  # of an array at a time: the memory that writing takes


@dataclass(frozen=True)
class Sample:
    """One sample for a store.

    Args:
        x: one array by modality, of the modality's shape, raw values (before
            normalization): uint8, float16 or float32. In a modality of kind "image"
            uint8 counts as 0 to 255, i.e. v / 255.
        y: the label, an index into the classes; `(height, width)` of them under
            segmentation, `(classes,)` of 0 and 1 for several labels, `(targets,)`
            numbers under regression.
        name: what the sample is, unique in the whole store, e.g. a clip's name.
        attributes: further columns of meta.csv; the same ones for every sample.
    """

    x: dict
    y: Any
    name: str
    attributes: dict = field(default_factory=dict)

    def __post_init__(self):
        for name, kind, what in (
            ("x", dict, "a dictionary of arrays by modality"),
            ("name", str, "text"),
            ("attributes", dict, "a dictionary of texts"),
        ):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(
                    f"`{name}` of a Sample(x, y, name, attributes) must be {what}. "
                    f"Received: {reprlib.repr(value)}"
                )


def write_split(folder, recipe, split, source, on_progress):
    """Writes one split and returns its entry of the manifest.

    Args:
        folder: an empty folder.
        recipe: the `Recipe`; its shapes, classes and task are checked.
        split: the split's name.
        source: see `cmvq_keras.data.store.store.Store.create`.
        on_progress: function `(split, rows written, rows in all or None)`.

    Raises:
        ValueError: for samples that do not fit, naming the sample.
    """
    files, skipped = {}, []
    with Register(folder, recipe, split) as register, contextlib.ExitStack() as stack:
        for block, total in _blocks(source, split):
            if isinstance(block, SkippedSample):
                skipped.append(block)
                continue
            x, y, names, attributes = block
            where = f"{split}: sample {names[0]}"
            for name, rows in _checked(recipe, x, names, where):
                write_rows(stack, files, folder / f"{name}.npy", rows, where)
            register.add(y, names, attributes)
            on_progress(split, len(register.names), total)
    return entry(folder, register, files, skipped)


def write_rows(stack, files, path, rows, where):
    """Appends rows to the file of that path, which is opened when it is needed.

    Args:
        stack: `contextlib.ExitStack` that closes the file.
        files: `npy.RowWriter`s by file name; a new one is put in.
        path: the file.
        rows: `(k, ...)`; every call's rows have the same shape and dtype.
        where: what the rows are of, for the message.
    """
    file = files.get(path.name)
    if file is None:
        file = stack.enter_context(npy.RowWriter(path, rows.dtype, rows.shape[1:]))
        files[path.name] = file
    if (rows.dtype, rows.shape[1:]) != (file.dtype, file.shape):
        raise ValueError(
            f"{where}, {path.name} must be {file.shape} {file.dtype}, as the samples "
            f"before it. Received: {rows.shape[1:]} {rows.dtype}"
        )
    file.append(rows)


class Register(contextlib.AbstractContextManager):
    """Labels and names of one split's samples: labels.npy and meta.csv.

    Args:
        folder: the split's folder.
        recipe: the `Recipe`.
        split: the split's name.

    Attributes:
        names: of the samples so far, the keys of a dict.
        counts: samples (under segmentation pixels) of each class or target.
        files: the `npy.RowWriter` of labels.npy by its name.
        quoted: whether a cell of meta.csv is, see `cmvq_keras.fileio.quoted`.
    """

    def __init__(self, folder, recipe, split):
        self.folder, self.recipe, self.split = folder, recipe, split
        self.names, self._columns = {}, None
        self.task = tasks.get(recipe.task)
        self.counts = np.zeros(len(recipe.outputs), np.int64)
        self.files, self._stack = {}, contextlib.ExitStack()
        self._meta_path = folder / manifest.META
        self._meta = fileio.writable(self._meta_path)
        self.quoted = False

    def add(self, labels, names, attributes):
        """Appends samples.

        Args:
            labels: `(k, ...)` as the task has them; None for label maps that are in
                the folder already, see `count_labels`.
            names: `(k,)` names.
            attributes: `(k,)` words by the name of the attribute.
        """
        where = f"{self.split}: sample {names[0]}"
        if labels is not None:
            labels = self._checked_labels(labels, names, where)
            self.count_labels(labels)
            path = self.folder / manifest.LABELS
            write_rows(self._stack, self.files, path, labels, where)
        self._write_meta(names, attributes, where)

    def count_labels(self, labels):
        """Adds stored labels to the counts."""
        self.counts += self.task.counts(labels, self.recipe)

    def _checked_labels(self, y, names, where):
        faults.check_unmasked(y, f"{where}: its label")
        y, count = np.asarray(y), len(names)
        if len(y) != count:
            raise ValueError(f"{where}: {count} labels are needed. Received: {len(y)}")
        if (row := faults.first_missing(y)) is not None:
            raise ValueError(
                f"{self.split}: sample {names[row]} has no label. Received: {y[row]}. "
                "Leave samples without a label out"
            )
        return self.task.checked(y, self.recipe, where)

    def _write_meta(self, names, attributes, where):
        if self._columns is None:
            self._columns = list(attributes)
            self._check_columns()
            self._write_line(["sample", *self._columns])
        if set(attributes) != set(self._columns):
            raise ValueError(
                f"{where} must have the attributes {self._columns}. Received: "
                f"{list(attributes)}"
            )
        columns = [attributes[name] for name in self._columns]
        for name, *row in zip(names, *columns, strict=True):
            name = str(name)
            if name in self.names or not name or not name.isprintable():
                raise ValueError(
                    f"{self.split}: every sample needs a name of its own on one "
                    f"line. Received: {name!r}"
                )
            self.names[name] = None
            words = map(self._checked_word, self._columns, row)
            self._write_line([name, *words])

    def _write_line(self, cells):
        self.quoted |= any(fileio.quoted(each) != each for each in cells)
        with naming(self._meta_path):
            self._meta.write(fileio.csv_line(cells).encode())

    def _check_columns(self):
        for name in self._columns:  # pyright: ignore
            if not isinstance(name, str) or not name.isprintable() or not name:
                raise ValueError(
                    f"{self.split}: an attribute needs a name of one line of printable "
                    f"text. Received: {name!r}"
                )

    def _checked_word(self, attribute, value):
        """An attribute's value as text that meta.csv gives back as it is."""
        word = str(value)
        if not word.isprintable():
            raise ValueError(
                f"{self.split}: sample {list(self.names)[-1]}: the attribute "
                f"{attribute} must be one line of printable text. Received: {word!r}"
            )
        return word

    def __exit__(self, kind, error, trace):
        self._stack.__exit__(kind, error, trace)
        with naming(self._meta_path), self._meta:
            self._meta.flush()
            os.fsync(self._meta.fileno())


def entry(folder, register, files, skipped):
    """What the manifest says of a split that is written.

    Args:
        folder: the split's folder.
        register: its `Register`, closed.
        files: its `npy.RowWriter`s by file name, closed.
        skipped: `SkippedSample`s.

    Raises:
        ValueError: for a split without samples.
    """
    if not register.names:
        first = [f" {each.name}: {each.reason}" for each in skipped[:1]]
        raise ValueError(f"{register.split} has no samples.{''.join(first)}")
    content = {
        name: {"dtype": str(file.dtype), "shape": [file.count, *file.shape]}
        for name, file in {**files, **register.files}.items()
    }
    for name, about in (*content.items(), (manifest.META, {})):
        path = folder / name
        about |= {"bytes": path.stat().st_size, "sha256": npy.checksum(path, folder)}
        content[name] = about
    return {
        "count": len(register.names),
        "class_counts": register.counts.tolist(),
        "samples_sha256": samples_checksum(register.names),
        "files": content,
        # Said only where it is so: other stores keep the bytes that they always had.
        **({"quoted": True} if register.quoted else {}),
        "left_out": [
            {"split": register.split, "sample": each.name, "reason": each.reason}
            for each in skipped
        ],
    }


def samples_checksum(names):
    """SHA-256 of the samples' names in their order."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _checked(recipe, x, names, where):
    """Pairs of a modality's name and its checked rows."""
    if set(x) != set(recipe.modalities):
        raise ValueError(
            f"{where} must have {', '.join(recipe.modalities)}. Received: "
            f"{', '.join(map(str, x))}"
        )
    for name, modality in recipe.modalities.items():
        yield name, _checked_rows(x[name], modality, names, f"{where}, {name}")


def _checked_rows(rows, modality, names, where):
    faults.check_unmasked(rows, where)
    rows, shape = np.asarray(rows), modality.shape
    if rows.dtype.name not in npy.DTYPES:
        raise ValueError(faults.dtype_message(where, rows, npy.DTYPES))
    rows = rows.astype(rows.dtype.name, copy=False)  # in this machine's byte order
    if rows.shape != (len(names), *shape):
        remedy = faults.shape_fault(rows[0], shape) if len(rows) else ""
        raise ValueError(f"{where} must be {shape}. Received: {rows.shape[1:]}{remedy}")
    if rows.dtype.kind == "f":
        finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
        if not finite.all():
            row = int(finite.argmin())
            fault = faults.finite_fault(str(names[row]), rows[row])
            raise ValueError(f"{where}: {fault}.")
    if fault := kinds.get(modality.kind).fault(rows):
        raise ValueError(f"{where}: {fault}")
    return rows


def _blocks(source, split):
    """Pairs of (rows or `SkippedSample`, rows in all or None)."""
    source = source() if callable(source) else source
    if isinstance(source, Split):
        source = (source.x, source.y, source.samples)
    if isinstance(source, tuple):
        yield from _slices(split, *source)
        return
    try:
        total = len(source)  # pyright: ignore
    except TypeError:
        total = None
    for sample in source:  # pyright: ignore
        if isinstance(sample, SkippedSample):
            yield sample, total
        elif isinstance(sample, Sample):
            x = {name: np.asanyarray(value)[None] for name, value in sample.x.items()}
            columns = {key: [value] for key, value in sample.attributes.items()}
            yield (x, np.asanyarray(sample.y)[None], [sample.name], columns), total
        else:
            raise TypeError(
                f"{split} must give Sample or SkippedSample. Received: "
                f"{type(sample).__name__}"
            )


def _slices(split, x, y, samples=None, attributes=None):
    if y is None:
        raise ValueError(f"{split} has no labels. Received: None")
    count = len(y)
    if samples is None:
        samples = [f"{split}/{row}" for row in range(count)]
    columns = {**x, "samples": samples, **(attributes or {})}
    for name, values in columns.items():
        if len(values) != count:
            raise ValueError(
                f"{split}: {name} must have {count} rows, as the labels. Received: "
                f"{len(values)}"
            )
    for start in range(0, count, ROWS):
        part = slice(start, start + ROWS)
        rows = {name: values[part] for name, values in x.items()}
        more = {name: values[part] for name, values in (attributes or {}).items()}
        yield (rows, y[part], samples[part], more), count
