"""The labels of a table: which columns hold them, and what they are for a task."""

import dataclasses
import re
import unicodedata

import numpy as np

from cmvq_keras import tasks, validation
from cmvq_keras.data.tables import columns
from cmvq_keras.tasks.multi_label import SEPARATOR

_NOTHING = ("nan", "na", "n/a", "null", "<na>")
MANY = 20  # different numbers as labels: more than that may be no classes


@dataclasses.dataclass(frozen=True)
class Labels:
    """What a table's rows are to learn.

    Args:
        task: one of `cmvq_keras.tasks.names()`.
        columns: the table's columns that hold it.
        outputs: names of the classes or targets.
        values: `(n,)` or `(n, outputs)`, as the task stores them; 0 in rows of `bad`.
        bad: why a row cannot be used, by the row.
    """

    task: str
    columns: tuple
    outputs: tuple
    values: np.ndarray
    bad: dict


def read(cells, task=None, chosen=()):
    """The labels of a table.

    Args:
        cells: `cmvq_keras.data.tables.reading.Cells`.
        task: the task; None for classification.
        chosen: names of the columns; the column `label` where there is none.

    Returns:
        `Labels`. A class is a cell's text, for several labels the texts between `|`,
        or the columns' names over 0 and 1. Under regression a row whose cell is no
        finite number is bad.

    Raises:
        ValueError: in one line: for columns that are not there, an empty label and
            fewer classes than two.
    """
    task = validation.one_of(task or "classification", _READERS, "task of a table")
    found = columns_of(cells, chosen)
    if len(found) > 1 and task == "classification":
        raise ValueError(
            f"classification has one column of labels. Received: {', '.join(found)}. "
            "Several are for --task multi-label or regression"
        )
    texts = [cells.column(name) for name in found]
    outputs, values, bad = _READERS[task](cells, found, texts)
    about = tasks.get(task)
    return Labels(task, found, outputs, values.astype(about.dtype), bad)


def columns_of(cells, chosen):
    """The names of the columns of labels, as the header has them; see `read`."""
    lower = {name.lower(): name for name in cells.columns}
    if not chosen and columns.LABEL not in lower:
        raise ValueError(
            f"it lacks the column label (another one: --label COLUMN). Its columns: "
            f"{', '.join(cells.columns)}"
        )
    for name in chosen:
        validation.one_of(name, cells.columns, "column")
    return tuple(dict.fromkeys(chosen)) or (lower[columns.LABEL],)


def notes(labels):
    """Lines on classes that look like one, like none, or like numbers to be learned."""
    found = [_look_alikes(labels), _no_class(labels), note(labels)]
    return [text for text in found if text]


def _look_alikes(labels):
    """Of two classes that differ in case, spaces, invisible marks or form alone."""
    seen = {}
    for name in labels.outputs:
        other = seen.setdefault(_plain(name), name)
        if other != name:
            return (
                f"The classes {name!a} and {other!a} count as two. Write them alike if "
                "they are one"
            )
    return None


def _plain(name):
    if columns.is_number(name):
        return float(name)
    letters = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(each for each in letters if unicodedata.category(each) != "Cf")
    return " ".join(visible.split())


def _no_class(labels):
    """Of a class whose name says that there is none."""
    found = [name for name in labels.outputs if name.casefold() in _NOTHING]
    if labels.task == "regression" or not found:
        return None
    return f"{found[0]} counts as a class. Remove its rows if it stands for no label"


def note(labels):
    """A line where the classes look like numbers to be learned, or None."""
    count = len(labels.outputs)
    if labels.task != "classification" or count <= MANY:
        return None
    if not all(map(columns.is_number, labels.outputs)):
        return None
    return (
        f"The label has {count} different values, all numbers. To learn them as "
        "numbers: --task regression"
    )


def _classes(cells, found, texts):
    (texts,) = texts
    for line, text in zip(cells.lines, texts, strict=True):
        if not text:
            raise ValueError(f"line {line} has no {found[0]}")
    known = set(texts)
    if len(known) < 2:
        raise ValueError(
            f"it has only one class, {next(iter(known))}. Classification needs two"
        )
    classes = _in_order(known)
    return classes, np.array([classes.index(text) for text in texts]), {}


def _sets(cells, found, texts):
    if len(found) > 1:
        return found, *_zeros_and_ones(cells, found, texts)
    sets = [
        {part.strip() for part in text.split(SEPARATOR)} - {""} for text in texts[0]
    ]
    classes = _in_order(set().union(*sets))
    if len(classes) < 2:
        shown = ", ".join(classes) or "none"
        raise ValueError(
            f"it must have two classes at least, separated by {SEPARATOR} where a row "
            f"has several. Received: {shown}"
        )
    return classes, np.array([[name in each for name in classes] for each in sets]), {}


def _zeros_and_ones(cells, found, texts):
    values = np.zeros((len(cells.rows), len(found)))
    for place, (name, column) in enumerate(zip(found, texts, strict=True)):
        for row, text in enumerate(column):
            if text not in ("0", "1"):
                raise ValueError(
                    f"line {cells.lines[row]}: {name} must be 0 or 1. Received: "
                    f"{text or 'nothing'}"
                )
            values[row, place] = text == "1"
    return values, {}


def _numbers(cells, found, texts):
    targets = tuple(re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") for name in found)
    if len(set(targets)) < len(targets) or not all(targets):
        raise ValueError(
            "the columns of labels must differ in their letters and digits. Received: "
            f"{', '.join(found)}"
        )
    values, bad = np.zeros((len(cells.rows), len(found))), {}
    for place, column in enumerate(texts):
        for row, text in enumerate(column):
            if columns.is_number(text):
                values[row, place] = float(text)
            else:
                why = columns.no_number(text)
                bad[row] = f"line {cells.lines[row]}: {found[place]} {why}"
    if len(bad) == len(cells.rows):
        why = next(filter(None, (columns.misfit(cells, name) for name in found)), None)
        raise ValueError(
            f"no row has a number in {', '.join(found)}. "
            f"{why or f'Received: {texts[0][0]!r}'}"
        )
    values[list(bad)] = 0
    return targets, values, bad


def _in_order(known):
    whole = all(re.fullmatch(r"-?[0-9]+", text) for text in known)
    return tuple(sorted(known, key=lambda text: (int(text), text) if whole else text))


_READERS = {
    "classification": _classes,
    "multi-label": _sets,
    "regression": _numbers,
}
