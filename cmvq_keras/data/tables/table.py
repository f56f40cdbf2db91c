"""A table of files as a recipe and what each of its splits holds."""

import collections
import dataclasses
import pathlib
import re

import numpy as np

from cmvq_keras.data import kinds
from cmvq_keras.data.formats import npy, npz
from cmvq_keras.data.kinds import tokens
from cmvq_keras.data.listing import Group, Listing, SkippedSample
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.tables import columns, reading, splitting
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings
from cmvq_keras.recipe.fields import AUTO

_ALSO = {"val": "validation", "valid": "validation", "dev": "validation"}
_ALSO |= {"training": "train", "testing": "test"}
FEW = 100  # files for which other processes are not worth their start
_SHOWN = 3  # of many files or rows in a message


@dataclasses.dataclass(frozen=True)
class Table:
    """A table that was read and checked.

    Args:
        path: of the CSV file.
        recipe: the `Recipe` that it makes.
        sources: `cmvq_keras.data.tables.columns.Source` of each modality.
        listings: `cmvq_keras.data.listing.Listing` by split.
        notes: lines on what is unusual about it: duplicates, leaks, imbalance.
    """

    path: pathlib.Path
    recipe: Recipe
    sources: tuple
    listings: dict
    notes: tuple


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


def open_table(
    path, chosen_kinds=None, chosen_shapes=None, seed=0, chosen_options=None
):
    """Reads and checks a table of files; decodes no more than a few files.

    Columns are modalities (paths relative to the table, or numbers `sensor_x`,
    `sensor_y`), `label`, and where they are there `split`, `group` (kept in one split)
    and `name`; others are attributes. Without `split` the rows are split by class and
    group.

    Args:
        path: a CSV file, see `cmvq_keras.data.tables.reading.read`.
        chosen_kinds: by modality, where the kind is not to be guessed.
        chosen_shapes: by modality, likewise.
        seed: of the split.
        chosen_options: how files are read, by modality, where that is not measured.

    Returns:
        A `Table`.

    Raises:
        ValueError: in one line, for a table that cannot be trained from.
        FileNotFoundError: for files that it names and that are not there.
        OSError: for a table that cannot be read.
    """
    path = pathlib.Path(path)
    cells = reading.read(path)
    chosen = (chosen_kinds or {}, chosen_shapes or {}, chosen_options or {})
    try:
        return _checked(path, cells, chosen, seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def open_split(recipe, split, path):
    """One split of a table that a recipe was made of, as its reader gives it.

    Args:
        recipe: the `Recipe`, its modalities' kinds and shapes as they are to be read.
        split: "train", "validation" or "test".
        path: of the table.
    """
    modalities = recipe.modalities.items()
    found = open_table(
        path,
        {name: modality.kind for name, modality in modalities},
        {name: modality.shape for name, modality in modalities},
        recipe.data.get("seed", 0),
        {name: kinds.options(recipe, name) for name, _ in modalities},
    )
    if found.recipe.classes != tuple(recipe.classes):
        raise ValueError(f"{path}: its labels are not the recipe's classes any more")
    return found.listings[split]


def _checked(path, cells, chosen, seed):
    roles = {name.lower(): name for name in cells.columns}
    if columns.LABEL not in roles:
        raise ValueError(f"it lacks the column label. {_listed(cells)}")
    folder = path.parent
    sources, attributes = columns.find(cells, folder, *chosen)
    notes = []
    cells = _without_duplicates(cells, sources, roles, notes)
    _check_files(cells, folder, sources)
    texts = cells.column(roles[columns.LABEL])
    _check_filled(cells, texts, "label")
    classes = _classes(texts)
    labels = np.array([classes.index(text) for text in texts])
    groups = cells.column(roles["group"]) if "group" in roles else None
    parts = _splits(cells, roles, labels, groups, seed, notes)
    names = _names(cells, roles, sources)
    _note_leaks(cells, sources, groups, parts, notes)
    _note_balance(classes, labels, parts, notes)
    words = {name: cells.column(name) for name in attributes}
    if groups is not None:
        words["group"] = groups
    listings = {
        split: _listing(
            np.flatnonzero(parts == split), cells, folder, sources, names, labels, words
        )
        for split in SPLITS
    }
    count = len(listings["train"])
    recipe = _recipe(path, sources, classes, count, seed)
    return Table(path, recipe, tuple(sources), listings, tuple(notes))


def _listed(cells):
    return f"Its columns: {', '.join(cells.columns)}"


def _check_filled(cells, texts, name):
    empty = [line for line, text in zip(cells.lines, texts, strict=True) if not text]
    if empty:
        raise ValueError(f"line {empty[0]} has no {name}")


def _classes(texts):
    known = set(texts)
    if len(known) < 2:
        raise ValueError(
            f"it has only one class, {next(iter(known))}. Classification needs two"
        )
    whole = all(re.fullmatch(r"-?[0-9]+", text) for text in known)
    return tuple(sorted(known, key=lambda text: (int(text), text) if whole else text))


def _without_duplicates(cells, sources, roles, notes):
    """The cells without rows whose modalities are those of a row before.

    Numbers may well be the same in two samples: rows of them alone are kept.
    """
    if not any(each.paths or each.kind == "tokens" for each in sources):
        return cells
    places = [
        cells.columns.index(column) for each in sources for column in each.columns
    ]
    label = cells.columns.index(roles[columns.LABEL])
    seen, kept = {}, []
    for row, values in enumerate(cells.rows):
        first = seen.setdefault(tuple(values[place] for place in places), row)
        if first == row:
            kept.append(row)
        elif cells.rows[first][label] != values[label]:
            raise ValueError(
                f"lines {cells.lines[first]} and {cells.lines[row]} are of the same "
                f"sample and disagree: {cells.rows[first][label]} and {values[label]}"
            )
    if len(kept) == len(cells.rows):
        return cells
    notes.append(f"{len(cells.rows) - len(kept)} rows are there twice: taken once")
    return dataclasses.replace(
        cells,
        lines=[cells.lines[row] for row in kept],
        rows=[cells.rows[row] for row in kept],
    )


def _check_files(cells, folder, sources):
    missing = []
    for source in (each for each in sources if each.paths):
        known = {}
        for line, cell in zip(
            cells.lines, cells.column(source.columns[0]), strict=True
        ):
            if not cell:
                raise ValueError(f"line {line} has no path in the column {source.name}")
            if cell not in known:
                known[cell] = (folder / cell).is_file()
                if not known[cell]:
                    missing.append(f"line {line}: {source.name} {folder / cell}")
    if missing:
        more = f" and {len(missing) - _SHOWN} more" * (len(missing) > _SHOWN)
        raise ValueError(
            f"{len(missing)} files are not there ({'; '.join(missing[:_SHOWN])}"
            f"{more}). Paths are relative to the table"
        )


def _splits(cells, roles, labels, groups, seed, notes):
    if "split" not in roles:
        notes.append(
            "No column split: 70 % train, 15 % validation, 15 % test, by class"
            + f"{' and group' * (groups is not None)} with seed {seed}"
        )
        return splitting.draw(labels, groups, seed)
    texts = [
        _ALSO.get(text.lower(), text.lower()) for text in cells.column(roles["split"])
    ]
    for line, text in zip(cells.lines, texts, strict=True):
        if text not in SPLITS:
            raise ValueError(
                f"line {line}: split must be train, validation or test. Received: "
                f"{text or 'nothing'}"
            )
    parts = np.array(texts, dtype="<U10")
    if "train" not in texts:
        raise ValueError("no row has the split train")
    if "validation" not in texts:
        rows = np.flatnonzero(parts == "train")
        own = None if groups is None else [groups[row] for row in rows]
        shares = {"train": 0.85, "validation": 0.15}
        parts[rows] = splitting.draw(labels[rows], own, seed, shares)
        notes.append(f"No row of validation: 15 % of train, with seed {seed}")
    if "test" not in texts:
        raise ValueError("no row has the split test: what is learned is measured on it")
    return parts


def _names(cells, roles, sources):
    if "name" in roles:
        names = cells.column(roles["name"])
        _check_filled(cells, names, "name")
        twice = [name for name, n in collections.Counter(names).items() if n > 1]
        if twice:
            raise ValueError(f"two rows have the name {twice[0]}")
        return names
    for source in (each for each in sources if each.paths):
        names = cells.column(source.columns[0])
        if len(set(names)) == len(names):
            return names
    return [f"line {line}" for line in cells.lines]


def _note_leaks(cells, sources, groups, parts, notes):
    keys = {f"files of {each.name}": each.columns[0] for each in sources if each.paths}
    values = {what: cells.column(column) for what, column in keys.items()}
    if groups is not None:
        values["groups"] = groups
    for what, texts in values.items():
        found = collections.defaultdict(set)
        for text, part in zip(texts, parts, strict=True):
            found[text].add(part)
        leaks = [text for text, split in found.items() if len(split) > 1]
        if leaks:
            notes.append(f"{len(leaks)} {what} are in two splits, e.g. {leaks[0]}")


def _note_balance(classes, labels, parts, notes):
    for split in SPLITS:
        counts = np.bincount(labels[parts == split], minlength=len(classes))
        if not counts.any():
            raise ValueError(f"the split {split} has no rows")
        lacking = [classes[label] for label in np.flatnonzero(counts == 0)]
        if lacking:
            notes.append(f"{split} has no {', '.join(lacking[:_SHOWN])}")
    counts = np.bincount(labels[parts == "train"], minlength=len(classes))
    if counts.max() > 5 * max(counts.min(), 1):
        notes.append(
            f"The classes are unequal: {counts.min()} to {counts.max()} rows in train "
            "(--set training.class_weight=balanced weights them)"
        )


def _listing(rows, cells, folder, sources, names, labels, words):
    left_out, good = [], []
    numbers = {
        source.name: [cells.columns.index(column) for column in source.columns]
        for source in sources
        if not source.paths and source.kind == "vector"
    }
    for row in rows:
        values = cells.rows[row]
        bad = [
            cells.columns[place]
            for places in numbers.values()
            for place in places
            if not columns.is_number(values[place])
        ]
        if bad:
            reason = f"line {cells.lines[row]}: {bad[0]} is no number"
            left_out.append(SkippedSample(names[row], reason))
        else:
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
        labels=labels[good],
        attributes={
            key: [values[row] for row in good] for key, values in words.items()
        },
        left_out=tuple(left_out),
        tolerant=True,
        hint="Take their rows out of the table, or write the files anew.",
        root=str(folder),
    )


def _recipe(path, sources, classes, count, seed):
    """What is trained on a table: settings by the number of training samples."""
    pictures = [each for each in sources if not kinds.get(each.kind).has_own_grid]
    conv = all(kinds.get(each.kind).grids(each.shape, "conv") for each in pictures)
    return Recipe(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:40] or "table",
        title=f"the table {path.name}",
        modalities={
            each.name: Modality(each.shape, each.kind)
            if each.kind == "tokens"
            else Modality(each.shape, each.kind, AUTO, AUTO)
            for each in sources
        },
        classes=classes,
        model=ModelSettings(
            backbone="conv" if conv else "vqvae",
            head="pooled",
            hidden_channels=64,
            embedding_dim=64,
            num_embeddings=128,
            mask_start=0.05,
            threshold=0.025,
        ),
        training=TrainingSettings(
            optimizer="adamw",
            learning_rate=4e-3,
            weight_decay=0.01,
            schedule="one-cycle",
            label_smoothing=0.1,
            augmentation=all(kinds.get(each.kind).augment for each in sources),
            batch_size=32 if count < 2000 else 128,
            epochs=int(np.clip(round(160_000 / max(count, 1)), 5, 80)),
        ),
        data={
            "seed": seed,
            **{
                f"{each.name}_{option}": value
                for each in sources
                for option, value in each.options.items()
            },
        },
    )
