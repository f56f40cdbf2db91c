"""A table of files as a recipe and what each of its splits holds."""

import collections
import dataclasses
import pathlib
import re

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data import automatic, kinds
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.tables import columns, labels, listing, reading, splitting
from cmvq_keras.recipe import Modality, Recipe, Target, TrainingSettings
from cmvq_keras.recipe.fields import AUTO
from cmvq_keras.tasks.multi_label import SEPARATOR

_ALSO = {"val": "validation", "valid": "validation", "dev": "validation"}
_ALSO |= {"training": "train", "testing": "test"}
_LOOKED_AT = 1000  # rows of a column of numbers
LEVELS = 1 / 3  # of the variance between files; more is told
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


def open_table(
    path,
    chosen_kinds=None,
    chosen_shapes=None,
    seed=0,
    chosen_options=None,
    *,
    task=None,
    label_columns=(),
    centered=(),
):
    """Reads and checks a table of files; decodes no more than a few files.

    Columns are modalities (paths relative to the table, or numbers `sensor_x`,
    `sensor_y`), `label`, and where they are there `split`, `group` (kept in one split)
    and `name`; others are attributes. Without `split` the rows are split by class and
    group. Rows whose files are not there, or whose cells are no numbers, are skipped.

    Args:
        path: a CSV file, see `cmvq_keras.data.tables.reading.read`.
        chosen_kinds: by modality, where the kind is not to be guessed.
        chosen_shapes: by modality, likewise.
        seed: of the split.
        chosen_options: how files are read, by modality, where that is not measured.
        task, label_columns: see `cmvq_keras.data.tables.labels.read`.
        centered: names of sequences that are read less their mean over time.

    Returns:
        A `Table`.

    Raises:
        ValueError: in one line, for a table that cannot be trained from.
        OSError: for a table that cannot be read.
    """
    path = pathlib.Path(path)
    cells = reading.read(path)
    chosen = (chosen_kinds or {}, chosen_shapes or {}, chosen_options or {})
    try:
        found = labels.read(cells, task, label_columns)
        return _checked(path, cells, found, chosen, seed, centered)
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
        task=recipe.task,
        label_columns=_label_columns(recipe),
    )
    if found.recipe.outputs != recipe.outputs:
        raise ValueError(f"{path}: its labels are not the recipe's classes any more")
    return found.listings[split]


def _label_columns(recipe):
    """What `_recipe` noted of the columns of labels."""
    noted = recipe.data.get(columns.LABEL)
    return tuple(noted.split(SEPARATOR)) if noted else ()


def _checked(path, cells, found, chosen, seed, centered):
    roles = {name.lower(): name for name in cells.columns}
    folder = path.parent
    sources, attributes = columns.find(cells, folder, *chosen, taken=found.columns)
    sources = columns.centered(sources, centered)
    kept, notes = _unique_rows(cells, sources, found)
    cells, found = _of_rows(cells, found, kept)
    bad = {
        **_no_numbers(cells, sources),
        **_missing_files(cells, folder, sources),
        **found.bad,
    }
    skipped = {row: bad[row] for row in sorted(bad)}
    _check_left(cells, found, sources, skipped)
    groups = cells.column(roles["group"]) if "group" in roles else None
    task = tasks.get(found.task)
    parts = _splits(cells, roles, task, found.values, groups, seed, notes)
    names = _names(cells, roles, sources)
    _note_leaks(cells, sources, groups, parts, notes)
    usable = ~np.isin(np.arange(len(cells.rows)), list(skipped))
    _note_balance(found, parts, usable, notes)
    if skipped:
        reasons = _some(skipped.values())
        notes.append(f"{_are(len(skipped), 'row')} skipped: {reasons}")
    notes += labels.notes(found) + _coarse(cells, sources)
    _, _, options = chosen
    if not options:
        notes += _levels(cells, folder, sources)
    notes += [
        f"{' and '.join(keys)} {'differ' if len(keys) > 1 else 'differs'} in every "
        f"row, as keys do, and {'are' if len(keys) > 1 else 'is'} trained on in the "
        f"vector {name}. Rename or remove what is a key"
        for name, keys in columns.key_like(cells, sources).items()
    ]
    unread = columns.unread(cells, folder, attributes)
    notes += [
        f"No kind reads {ending}: the files of {name} are not used"
        for name, ending in unread.items()
    ]
    if idle := [name for name in attributes if name not in unread]:
        notes.append(
            f"Kept as attributes, not trained on: {', '.join(idle)}. "
            f"{columns.how_to_use(cells, idle)}"
        )
    words = {name: cells.column(name) for name in attributes}
    if groups is not None:
        words["group"] = groups
    listings = {
        split: listing.of_rows(
            np.flatnonzero(parts == split),
            cells,
            folder,
            sources,
            names,
            found.values,
            words,
            skipped,
        )
        for split in SPLITS
    }
    count = len(listings["train"])
    recipe = _recipe(path, sources, found, count, seed)
    return Table(path, recipe, tuple(sources), listings, tuple(notes))


def _coarse(cells, sources):
    """Lines on columns whose values float32 cannot tell apart."""
    found = []
    for source in sources:
        if source.paths or source.kind != "vector":
            continue
        for name in source.columns:
            texts = cells.column(name)
            rows = np.linspace(0, len(texts) - 1, min(_LOOKED_AT, len(texts)))
            some = [texts[row] for row in rows.astype(int)]
            values = np.array([float(each) for each in some if columns.is_number(each)])
            if _is_coarse(values):
                found.append(
                    f"{name} lies so far from 0 that float32 rounds differences away. "
                    "Subtract a number first, e.g. its mean"
                )
    return found


def _levels(cells, folder, sources):
    """Notes on sequences that differ in their level more than in what they do.

    Raises:
        ValueError: for a centered one that has nothing but its level.
    """
    shares, notes = columns.level_shares(cells, folder, sources), []
    for source in sources:
        name, share = source.name, shares.get(source.name, 0.0)
        if not source.options.get("center"):
            if share > LEVELS:
                notes.append(
                    f"{share:.0%} of the variance of {name} lies between its files. "
                    f"If levels tell nothing, as where a person stands, add --center "
                    f"{name}"
                )
        elif share == 1:
            raise ValueError(
                f"{name} does not change over time in the files looked at: nothing is "
                f"left of it less its mean. Leave --center {name} out"
            )
    return notes


def _is_coarse(values):
    """Whether the distance of neighbors in float32 is a hundredth of the spread."""
    spread = np.ptp(values) if len(values) else 0.0
    return 0 < spread < 100 * np.spacing(np.float32(np.abs(values).max()))


def _some(reasons):
    reasons = list(reasons)
    return "; ".join(reasons[:_SHOWN]) + "; ..." * (len(reasons) > _SHOWN)


def _are(count, what):
    """A count of things and its verb."""
    first, *rest = what.split(" ")
    many = " ".join([f"{first}s", *rest])
    return f"1 {what} is" if count == 1 else f"{count} {many} are"


def _check_filled(cells, texts, name):
    empty = [line for line, text in zip(cells.lines, texts, strict=True) if not text]
    if empty:
        raise ValueError(f"line {empty[0]} has no {name}")


def _unique_rows(cells, sources, found):
    """The rows whose modalities are not those of a row before, and notes on others.

    Numbers may well be the same in two samples: rows of them alone are kept.
    """
    everything = list(range(len(cells.rows)))
    if not any(each.paths or each.kind == "tokens" for each in sources):
        return everything, []
    places = [
        cells.columns.index(column) for each in sources for column in each.columns
    ]
    labels_at = [cells.columns.index(name) for name in found.columns]
    seen, kept = {}, []
    for row, values in enumerate(cells.rows):
        first = seen.setdefault(tuple(values[place] for place in places), row)
        if first == row:
            kept.append(row)
            continue
        for place in labels_at:
            if cells.rows[first][place] != values[place]:
                raise ValueError(
                    f"lines {cells.lines[first]} and {cells.lines[row]} are of the "
                    f"same sample and disagree: {cells.rows[first][place]} and "
                    f"{values[place]}"
                )
    twice = len(everything) - len(kept)
    return kept, [f"{_are(twice, 'row')} there twice: taken once"] * bool(twice)


def _of_rows(cells, found, rows):
    """Cells and labels of some rows."""
    if len(rows) == len(cells.rows):
        return cells, found
    places = {row: place for place, row in enumerate(rows)}
    bad = {places[row]: why for row, why in found.bad.items() if row in places}
    return dataclasses.replace(
        cells,
        lines=[cells.lines[row] for row in rows],
        rows=[cells.rows[row] for row in rows],
    ), dataclasses.replace(found, values=found.values[rows], bad=bad)


def _no_numbers(cells, sources):
    """Why a row cannot be used, by the row: a cell of a vector is no number."""
    bad = {}
    for source in sources:
        if source.paths or source.kind != "vector":
            continue
        for name in source.columns:
            for row, cell in enumerate(cells.column(name)):
                if not columns.is_number(cell):
                    why = f"line {cells.lines[row]}: {name} {columns.no_number(cell)}"
                    bad.setdefault(row, why)
    return bad


def _missing_files(cells, folder, sources):
    """Why a row cannot be used, by the row: a file is not there, or has no path."""
    missing = {}
    for source in (each for each in sources if each.paths):
        known = {}
        for row, cell in enumerate(cells.column(source.columns[0])):
            line = cells.lines[row]
            if not cell:
                missing[row] = f"line {line} has no path in the column {source.name}"
                continue
            if cell not in known:
                known[cell] = (folder / cell).is_file()
            if not known[cell]:
                missing[row] = f"line {line}: {source.name} {cell} is not there"
    return missing


def _check_left(cells, found, sources, skipped):
    """Raises ValueError where no row, or none of a class, is left."""
    left = np.array([row for row in range(len(cells.rows)) if row not in skipped], int)
    hint = ". Paths are relative to the table"
    why = f"({_some(skipped.values())})" + hint * any(each.paths for each in sources)
    if not left.size:
        raise ValueError(f"none of its {len(cells.rows)} rows can be used {why}")
    if tasks.get(found.task).one_class:
        lost = set(range(len(found.outputs))) - set(found.values[left].tolist())
        if lost:
            name = found.outputs[min(lost)]
            raise ValueError(f"no row of the class {name} can be used {why}")


def _splits(cells, roles, task, values, groups, seed, notes):
    strata = task.strata(values)
    if "split" not in roles:
        notes.append(
            "No column split: 70 % train, 15 % validation, 15 % test, by "
            f"{task.strata_words}{' and group' * (groups is not None)} with seed {seed}"
        )
        return splitting.draw(strata, groups, seed)
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
        parts[rows] = splitting.draw(strata[rows], own, seed, shares)
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
    keys = {f"file of {each.name}": each.columns[0] for each in sources if each.paths}
    values = {what: cells.column(column) for what, column in keys.items()}
    if groups is not None:
        values["group"] = groups
    for what, texts in values.items():
        found = collections.defaultdict(set)
        for text, part in zip(texts, parts, strict=True):
            found[text].add(part)
        # A cell without a path is a fault of its row, not a file that rows share.
        leaks = [text for text, split in found.items() if text and len(split) > 1]
        if leaks:
            notes.append(f"{_are(len(leaks), what)} in two splits, e.g. {leaks[0]}")


def _note_balance(found, parts, usable, notes):
    for split in SPLITS:
        if not usable[parts == split].any():
            hint = labels.note(found)
            raise ValueError(f"the split {split} has no rows. {hint or ''}".strip())
    task = tasks.get(found.task)
    if task.has_targets:
        return
    counts = {
        split: _counts(found, task, found.values[usable & (parts == split)])
        for split in SPLITS
    }
    for split, held in counts.items():
        lacking = [found.outputs[label] for label in np.flatnonzero(held == 0)]
        if lacking:
            notes.append(f"{split} has no {', '.join(lacking[:_SHOWN])}")
    train = counts["train"]
    if task.one_class and train.max() > 5 * max(train.min(), 1):
        notes.append(
            f"The classes are unequal: {train.min()} to {train.max()} rows in train "
            "(--set training.class_weight=balanced weights them)"
        )


def _counts(found, task, values):
    """Rows that have each class."""
    if task.one_class:
        return np.bincount(values, minlength=len(found.outputs))
    return values.sum(axis=0)


def _recipe(path, sources, found, count, seed):
    """What is trained on a table: settings by the number of training samples."""
    task = tasks.get(found.task)
    recipe = Recipe(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:40] or "table",
        title=f"the table {path.name}",
        modalities={
            each.name: Modality(each.shape, each.kind)
            if each.kind == "tokens"
            else Modality(each.shape, each.kind, AUTO, AUTO)
            for each in sources
        },
        task=found.task,
        classes=() if task.has_targets else found.outputs,
        targets=dict.fromkeys(found.outputs, Target()) if task.has_targets else {},
        # What any task may be kept by, until the rest is fitted.
        training=TrainingSettings(select_by="last"),
        data={
            "seed": seed,
            **_noted_columns(found),
            **{
                f"{each.name}_{option}": value
                for each in sources
                for option, value in each.options.items()
            },
        },
    )
    return automatic.choose_settings(recipe, count)


def _noted_columns(found):
    """Columns of labels that a recipe has to name: others than `label`."""
    if [name.lower() for name in found.columns] == [columns.LABEL]:
        return {}
    return {columns.LABEL: SEPARATOR.join(found.columns)}
