"""CREMA-D's actors: `crema_d/VideoDemographics.csv`, as in the official repository."""

import dataclasses

from cmvq_keras import validation
from cmvq_keras.data.formats import csv as csv_files

COLUMNS = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
SEXES = ("Female", "Male")
_LONGEST = 40  # characters of a word


@dataclasses.dataclass(frozen=True)
class Actor:
    """What the table says of one actor: years, and its words."""

    age: int
    sex: str
    race: str
    ethnicity: str


def read_actors(path):
    """The actors by their number.

    Args:
        path: of the CSV file; its columns may be in any order.

    Returns:
        Dictionary of `Actor`s.

    Raises:
        ValueError: in one line, with the path and the line: for absent columns,
            numbers and words that cannot be, and an actor who is there twice.
        OSError: if it is not there, or cannot be read.
    """
    (first, header), *rows = csv_files.read(path)
    with csv_files.naming(path, first):
        absent = [name for name in COLUMNS if header.count(name) != 1]
        if absent:
            raise ValueError(f"it must have one column {', '.join(absent)}")
    actors = {}
    for line, row in rows:
        with csv_files.naming(path, line):
            if len(row) != len(header):
                raise ValueError(f"it has {len(row)} cells, not {len(header)}")
            number, actor = _actor(dict(zip(header, row, strict=True)))
            if number in actors:
                raise ValueError(f"actor {number} is there twice")
            actors[number] = actor
    return actors


def check(names, actors, path):
    """Raises ValueError for a clip whose actor is not in the table.

    Args:
        names: sequence of `cmvq_keras.data.datasets.crema_d.names.Name`.
        actors: as `read_actors` gives them.
        path: where they come from, for the message.
    """
    for name in names:
        if name.actor not in actors:
            raise ValueError(f"{path} lacks actor {name.actor} (clip {name.clip})")


def _actor(cells):
    number = _whole(cells, "ActorID", 1001, 1999)
    age = _whole(cells, "Age", 1, 120)
    words = [_word(cells, name) for name in ("Race", "Ethnicity")]
    return number, Actor(
        age, validation.one_of(_word(cells, "Sex"), SEXES, "Sex"), *words
    )


def _whole(cells, name, low, high):
    text = cells[name]
    plain = text.isascii() and text.isdigit() and len(text) < 5
    if not (plain and low <= int(text) <= high):
        raise ValueError(
            f"{name} must be in {low} to {high}. Received: {csv_files.shown(text)}"
        )
    return int(text)


def _word(cells, name):
    text = cells[name]
    if not (0 < len(text) <= _LONGEST and text.isprintable()):
        raise ValueError(
            f"{name} must have 1 to {_LONGEST} characters. Received: "
            f"{csv_files.shown(text)}"
        )
    return text
