"""Rows of a table as a listing of what is to be read."""

import dataclasses

import numpy as np

from cmvq_keras.data import kinds
from cmvq_keras.data.formats import npy, npz
from cmvq_keras.data.kinds import tokens
from cmvq_keras.data.listing import Group, Listing, SkippedSample

FEW = 100  # files for which other processes are not worth their start


@dataclasses.dataclass(frozen=True)
class ReadFile:
    """Reads a modality's file: `Group.read` of a table.

    Args:
        name: of the modality.
        kind, shape, options: as in `cmvq_keras.data.tables.columns.Source`.
    """

    name: str
    kind: str
    shape: tuple
    options: tuple

    def __call__(self, path):
        readers = kinds.get(self.kind).readers(dict(self.options))
        read = {".npy": npz.read_npy, **readers}.get(path.suffix.lower())
        if read is None:
            raise ValueError(f"{path}: no file of kind {self.kind} ends so")
        values = np.asarray(read(path, self.shape))
        if values.dtype.name not in npy.DTYPES:
            # Only uint8 is kept as whole numbers, which stand for v / 255.
            whole = values.dtype.kind in "ui" and kinds.get(self.kind).counts_bytes
            values = (values / 255 if whole else values).astype(np.float32)
        return {self.name: values}


@dataclasses.dataclass(frozen=True)
class ReadNumbers:
    """Takes a modality's numbers, which stand in the table.

    Args:
        name: of the modality.
    """

    name: str

    def __call__(self, numbers):
        return {self.name: np.array(numbers, np.float32)}


@dataclasses.dataclass(frozen=True)
class ReadText:
    """Takes a modality's text, which stands in the table.

    Args:
        name: of the modality.
        shape: of its bytes.
    """

    name: str
    shape: tuple

    def __call__(self, text):
        return {self.name: tokens.of_text(text, self.shape)}


def of_rows(rows, cells, folder, sources, names, values_of, words, unusable):
    """Some rows as a `Listing`.

    Args:
        rows: their numbers.
        cells: `cmvq_keras.data.tables.reading.Cells`.
        folder: that paths are relative to.
        sources: `cmvq_keras.data.tables.columns.Source` of each modality.
        names: of all rows.
        values_of: labels of all rows, `(n, ...)`.
        words: attributes of all rows by name.
        unusable: why a row cannot be used, by its number.
    """
    skipped, good = [], []
    numbers = {
        source.name: [cells.columns.index(column) for column in source.columns]
        for source in sources
        if not source.paths and source.kind == "vector"
    }
    for row in rows:
        if row in unusable:
            skipped.append(SkippedSample(names[row], unusable[row]))
            continue
        good.append(row)
    groups = []
    for source in sources:
        if source.paths:
            place = cells.columns.index(source.columns[0])
            texts = [cells.rows[row][place] for row in good]
            units = {text: number for number, text in enumerate(dict.fromkeys(texts))}
            read = ReadFile(
                source.name, source.kind, source.shape, tuple(source.options.items())
            )
            shared = np.array([units[text] for text in texts], np.int64)
            own = len(units) == len(texts)
            items = [folder / text for text in units]
            costly = len(items) > FEW
            groups.append(Group(items, read, None if own else shared, costly))
        elif source.kind == "tokens":
            place = cells.columns.index(source.columns[0])
            items = [cells.rows[row][place] for row in good]
            read = ReadText(source.name, source.shape)
            groups.append(Group(items, read, costly=False))
        else:
            places = numbers[source.name]
            items = [
                tuple(float(cells.rows[row][place]) for place in places) for row in good
            ]
            groups.append(Group(items, ReadNumbers(source.name), costly=False))
    return Listing(
        names=[names[row] for row in good],
        groups=tuple(groups),
        labels=values_of[good],
        attributes={
            key: [values[row] for row in good] for key, values in words.items()
        },
        skipped=tuple(skipped),
        tolerant=True,
        tolerated=1.0,
        hint="Take their rows out of the table, or write the files anew.",
        root=str(folder),
    )
