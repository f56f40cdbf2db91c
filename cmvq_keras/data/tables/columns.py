"""What each column of a table is: a modality, the label, a split, or an attribute."""

import dataclasses
import pathlib
import re

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data import kinds
from cmvq_keras.data.formats import npz, numbers_text
from cmvq_keras.data.kinds import sequence, tokens
from cmvq_keras.recipe.checks import NAME as MODALITY_NAME

LABEL, SPLIT, GROUP, NAME = ROLES = ("label", "split", "group", "name")
LOOKED_AT = 20  # files of a modality, to guess its kind and shape
_OF_MANY = 1000  # cells of a column that is no modality
OTHERS = 5  # one of so many files may be of another kind: a damaged sample
CHANNELS = (1, 3, 4)  # of pictures: gray, color, color that may be transparent
LARGEST = float(np.finfo(np.float32).max)
_NUMBERED = re.compile(r"(.+?)_[^_]+")


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a modality's values stand.

    Args:
        name: of the modality.
        kind: its kind.
        shape: of a sample.
        options: how its files are read, see `cmvq_keras.data.kinds.kind.Kind.measure`.
        columns: the table's columns: one of paths, or those of the numbers.
        paths: whether it is one of paths.
        guessed: whether the kind was guessed.
    """

    name: str
    kind: str
    shape: tuple
    options: dict
    columns: tuple
    paths: bool
    guessed: bool


def find(cells, folder, chosen_kinds, chosen_shapes, chosen_options, taken=()):
    """The modalities of a table.

    A column is one of paths when its cells end as files do that a kind reads; two or
    more columns `sensor_x`, `sensor_y` of numbers are the vector `sensor`. One column
    of numbers is a vector, and one of texts tokens, where its kind is chosen.

    Args:
        cells: `cmvq_keras.data.tables.reading.Cells`.
        folder: `pathlib.Path` that its paths are relative to.
        chosen_kinds: kinds by modality that are not guessed.
        chosen_shapes, chosen_options: shapes and options by modality, likewise.
        taken: columns of labels.

    Returns:
        `(sources, attributes)`: a list of `Source`, and the names of the columns left.

    Raises:
        ValueError: in one line: for a kind that is unknown, a modality that is not
            there, and files of mixed shapes.
    """
    free = [
        name
        for name in cells.columns
        if name.lower() not in ROLES and name not in taken
    ]
    paths = [name for name in free if _are_paths(cells, name, chosen_kinds.get(name))]
    texts = [
        name
        for name in free
        if name not in paths and chosen_kinds.get(name) == "tokens"
    ]
    left = [name for name in free if name not in (*paths, *texts)]
    numbers = numbered(cells, left)
    for name in (*chosen_kinds, *chosen_shapes):
        if name not in left or name in numbers:
            continue
        if not are_numbers(cells.column(name)):
            if why := misfit(cells, name):
                raise ValueError(f"{name} must hold numbers. {why}")
        else:
            if chosen_kinds.get(name) != "vector":
                chosen = chosen_kinds.get(name)
                raise ValueError(
                    f"{name} holds numbers: its kind must be vector, by --kind "
                    f"{name}=vector. Received: {chosen or 'a shape alone'}"
                )
            numbers[name] = (name,)
    known = [*paths, *numbers, *texts]
    for name in [*chosen_kinds, *chosen_shapes]:
        validation.one_of(name, known, "modality")
    for kind in chosen_kinds.values():
        validation.one_of(kind, kinds.names(), "kind")
    sources = [
        _of_paths(cells, folder, name, chosen_kinds, chosen_shapes, chosen_options)
        for name in paths
    ]
    for name in texts:
        shape = chosen_shapes.get(name) or tokens.shape_of(cells.column(name))
        sources.append(Source(name, "tokens", shape, {}, (name,), False, False))
    for name, columns in numbers.items():
        if chosen_kinds.get(name, "vector") != "vector":
            raise ValueError(f"the columns {name}_... hold numbers: a vector")
        shape = (len(columns),)
        if chosen_shapes.get(name, shape) != shape:
            has = f"{len(columns)} column{'s' * (len(columns) > 1)}"
            raise ValueError(f"{name} has {has}: its shape is {shape}")
        sources.append(
            Source(name, "vector", shape, {}, columns, False, name not in chosen_kinds)
        )
    _check_names(source.name for source in sources)
    used = {column for source in sources for column in source.columns}
    if not sources:
        raise ValueError(
            "it has no modality: no column of paths to files that a kind reads "
            f"({', '.join(sorted(_endings()))}), and no columns of numbers named like "
            f"sensor_x and sensor_y. Its columns: {', '.join(cells.columns)}"
            f"{_how_to_begin(cells, left)}"
        )
    return sources, [name for name in free if name not in used]


def _check_names(names):
    bad = [repr(name) for name in names if not MODALITY_NAME.fullmatch(name)]
    if bad:
        raise ValueError(
            "columns of modalities must be named by letters, digits, _ and -. "
            f"Received: {', '.join(bad)}. Rename them in the header"
        )


def _endings():
    """Endings of files by the kinds that read them."""
    found = {".npy": kinds.names()}
    for kind in kinds.names():
        for ending in kinds.get(kind).readers({}):
            found[ending] = (*found.get(ending, ()), kind)
    return found


def unread(cells, folder, attributes):
    """By column that is no modality, the ending of its files that no kind reads.

    Args:
        cells, folder: as in `find`.
        attributes: names of the columns.
    """
    found = {}
    for name in attributes:
        seen = [pathlib.PurePath(cell) for cell in cells.column(name)[:LOOKED_AT]]
        files = [path for path in seen if path.suffix and (folder / path).is_file()]
        if 2 * len(files) > len(seen):
            found[name] = files[0].suffix
    return found


def _how_to_begin(cells, names):
    """Sentences on the first columns that hold numbers, or nearly; "" without one."""
    held = [name for name in names if are_numbers(cells.column(name))]
    why = _first_misfit(cells, names)
    return f". {why}" * bool(why) + (
        f". To train on a column of numbers: {_options(cells, held)}" * bool(held)
    )


def how_to_use(cells, names):
    """What makes modalities of columns that are none, in one or two sentences.

    Args:
        cells: as in `find`.
        names: of the columns.
    """
    usable = [name for name in names if not misfit(cells, name)]
    how = f"To train on such columns: {_options(cells, usable)}" * bool(usable)
    return ". ".join(filter(None, (how, _first_misfit(cells, names))))


def _first_misfit(cells, names):
    return next(filter(None, (misfit(cells, name) for name in names)), None)


def _options(cells, names):
    kind_of = {True: "vector", False: "tokens"}
    kinds_of = [kind_of[are_numbers(cells.column(name))] for name in names]
    first = [kinds_of.index(kind) for kind in dict.fromkeys(kinds_of)]
    return " and ".join(f"--kind {names[place]}={kinds_of[place]}" for place in first)


def _are_paths(cells, name, kind):
    known = _endings()
    seen = cells.column(name)[:LOOKED_AT]
    if are_numbers(seen):
        return False
    endings = [pathlib.PurePath(cell).suffix.lower() for cell in seen]
    is_chosen = kind not in (None, "tokens")  # a text may end in a full stop
    # One that lacks a path is a fault of its row, which is told later.
    usable = sum(each in known for each in endings)
    return any(endings) if is_chosen else 2 * usable > len(endings)


def numbered(cells, columns):
    """Columns of numbers by what stands before their last underscore, two at least.

    They are sorted by name: another table may have them in another order.

    Args:
        cells: as in `find`.
        columns: names of those that may hold numbers.

    Returns:
        Tuples of columns by the name of the vector.

    Raises:
        ValueError: for numbers with decimal commas.
    """
    groups = {}
    for name in columns:
        if not (start := stem(name)):
            continue
        values = cells.column(name)
        if are_numbers(values):
            groups.setdefault(start, []).append(name)
        elif 2 * sum(map(_is_decimal_comma, values)) > len(values):
            raise ValueError(
                f"the numbers in {name} must have decimal points. Received: {values[0]}"
            )
    return {start: tuple(sorted(n)) for start, n in groups.items() if len(n) > 1}


def stem(column):
    """The vector that a column `sensor_x` may be part of; None for other names."""
    match = _NUMBERED.fullmatch(column)
    return match[1] if match and match[1].lower() not in ROLES else None


def are_numbers(values):
    """Whether most cells are numbers: a few that are not are damaged samples."""
    return 2 * sum(map(is_number, values)) > len(values)


def is_number(text):
    """Whether a cell holds a finite number of float32."""
    return numbers_text.is_number(text) and abs(float(text)) <= LARGEST


def no_number(text):
    """Why a cell is no number: the end of a sentence that begins with its column."""
    if text.lower() in ("true", "false"):
        return f"is {text}, which is no number: write 1 or 0"
    if numbers_text.is_number(text) and any(map(str.isdigit, text)):
        return f"is {text}, which float32 cannot hold"
    return _NO_NUMBER


_NO_NUMBER = "is no number"


def misfit(cells, name):
    """A sentence on a column that would hold numbers but for how they are written.

    Args:
        cells: as in `find`.
        name: of the column.

    Returns:
        The first such cell and what to do, where most of the first cells are numbers,
        truth values or too large, and not most are numbers. Else None.
    """
    values = cells.column(name)[:_OF_MANY]
    bad = [
        (line, why)
        for line, value in zip(cells.lines, values, strict=False)
        if not is_number(value) and (why := no_number(value)) != _NO_NUMBER
    ]
    numbers = sum(map(is_number, values))
    if not bad or 2 * numbers > len(values) or 2 * (numbers + len(bad)) <= len(values):
        return None
    line, why = bad[0]
    return f"In line {line} {name} {why}"


def key_like(cells, sources):
    """Columns of guessed vectors that number the rows, as keys do.

    Args:
        cells: as in `find`.
        sources: of `Source`.

    Returns:
        Names of columns whose whole numbers differ in all rows, by the vector.
    """
    found = {}
    for source in sources:
        if source.kind == "vector" and not source.paths and source.guessed:
            keys = [name for name in source.columns if _is_key(cells.column(name))]
            if keys:
                found[source.name] = keys
    return found


def _is_key(values):
    whole = len(values) >= LOOKED_AT and all(map(str.isdecimal, values))
    return whole and len(set(values)) == len(values)


def _is_decimal_comma(text):
    return re.fullmatch(r"[-+]?[0-9.]*,[0-9]+", text) is not None


def centered(sources, names):
    """The sources, of which some are read less their mean over time.

    Args:
        sources: of `Source`.
        names: of modalities that are files of sequences.

    Raises:
        ValueError: for others, in one line.
    """
    known = [each.name for each in sources if _may_center(each)]
    for name in names:
        if name not in known:
            raise ValueError(
                "only files of sequences can be read less their mean "
                f"({', '.join(known) or 'here is none'}). Received: {name}"
            )
    return [
        dataclasses.replace(each, options={**each.options, "center": True})
        if each.name in names
        else each
        for each in sources
    ]


def level_shares(cells, folder, sources):
    """By modality how much of the variance of its files lies between them.

    Args:
        cells, folder: as in `find`.
        sources: of `Source`; files of sequences among them count.

    Returns:
        Shares in [0, 1], of the numbers as the files hold them.
    """
    found = {}
    for source in filter(_may_center, sources):
        about = kinds.get(source.kind)
        seen = _readable(about, _some_files(cells, folder, source.name))
        as_held = {**source.options, "center": False}
        found[source.name] = about.level_share(seen, as_held)
    return found


def _may_center(source):
    return source.paths and kinds.get(source.kind).may_center


def _some_files(cells, folder, name):
    named = [folder / cell for cell in dict.fromkeys(cells.column(name))]
    files = [path for path in named if path.is_file()]
    if not files:
        raise ValueError(
            f"{name}: none of its {len(named)} files is there, such as {named[0]}. "
            "Paths are relative to the table"
        )
    # Evenly over the table, so that each class is likely to be among them.
    rows = np.linspace(0, len(files) - 1, min(LOOKED_AT, len(files))).astype(int)
    return [files[row] for row in rows]


def _of_paths(cells, folder, name, chosen_kinds, chosen_shapes, chosen_options):
    seen = _some_files(cells, folder, name)
    kind = chosen_kinds.get(name) or _kind_of(name, seen[0])
    about = kinds.get(kind)
    if seen[0].suffix.lower() not in {".npy", *about.readers({})}:
        raise ValueError(
            f"{name}: no file of kind {kind} ends in {seen[0].suffix}. Received: "
            f"{seen[0].name}"
        )
    _check_one_kind(name, kind, seen)
    if name in chosen_shapes and name in chosen_options:
        shape, options = chosen_shapes[name], chosen_options[name]
    else:
        try:
            shape, options = about.measure(_readable(about, seen))
        except (ValueError, OSError) as error:
            raise ValueError(f"{name}: {error}") from None
        shape = chosen_shapes.get(name) or _channels_last(name, kind, shape)
    return Source(name, kind, shape, options, (name,), True, name not in chosen_kinds)


def _check_one_kind(name, kind, files):
    """Raises ValueError where many of a column's files are of another kind. A few are
    damaged samples, which are skipped and listed."""
    known = _endings()
    read = {".npy", *kinds.get(kind).readers({})}
    endings = [path.suffix.lower() for path in files]
    others = [each for each in endings if each in known and each not in read]
    if OTHERS * len(others) > len(files):
        first = next(each for each in endings if each in read)
        raise ValueError(
            f"{name}: its files must be of one kind. Received: files that end in "
            f"{first} ({kind}) and in {others[0]} ({known[others[0]][0]}). Give each "
            "kind a column of its own"
        )


def _channels_last(name, kind, shape):
    """The shape of pictures in arrays; refused where the channels seem to be first."""
    if kind == "image" and shape[0] in CHANNELS and shape[2] not in CHANNELS:
        sides, height = "x".join(map(str, shape)), shape[0]
        raise ValueError(
            f"{name}: the channels of pictures must be the last axis. Received: arrays "
            f"of shape {shape}. Do: np.moveaxis(x, 0, -1). If these are pictures "
            f"{height} pixel{'s' * (height > 1)} high: --shape {name}={sides}"
        )
    return shape


def _readable(about, files):
    """Those of some files that can be measured; one damaged file hides no shape."""
    good, faults = [], []
    for path in files:
        try:
            about.measure([path])
            good.append(path)
        except (ValueError, OSError) as error:
            faults.append(error)
    if not good:
        raise faults[0]
    return good


def _kind_of(name, path):
    """The kind of a column of files, from the ending and the content of one."""
    able = _endings().get(path.suffix.lower(), ())
    if path.suffix.lower() == ".npy":
        shape = npz.shape_of(path)
        if len(shape) > 2:
            return "image" if len(shape) == 3 else "video"
        return "vector" if len(shape) == 1 or 1 in shape else "sequence"
    if "sequence" in able and "vector" in able:
        try:
            return "vector" if 1 in sequence.array_of(path).shape else "sequence"
        except ValueError:
            if "tokens" in able:
                return "tokens"
            raise
    return able[0]
