"""How CREMA-D is split: the published lists, a user's own, or by actors."""

import functools
import pathlib

import numpy as np

from cmvq_keras.data.datasets.crema_d.names import EMOTIONS, match, parse
from cmvq_keras.data.datasets.pairing import hold_out
from cmvq_keras.data.formats import csv as csv_files

PUBLISHED, ACTORS = "cmvqvae", "actor-disjoint"
FOLDS = 5
# A list's file by split; a user's may have either name for the second.
FILES = {
    "train": ("train.csv",),
    "validation": ("validation.csv", "val.csv"),
    "test": ("test.csv",),
}
_LISTS = pathlib.Path(__file__).parent / "split_lists"
_NAME_COLUMNS = ("filename", "clip", "clip_id", "file", "name", "video")
_LABEL_COLUMNS = ("emotion", "label", "class")
_INDEX_COLUMN = "emotion_idx"  # ANG 0 ... SAD 5, as in the authors' own lists


def members(data, split, actors):
    """The clips of one split.

    Args:
        data: the recipe's settings `split`, `fold`, `seed` and `validation_share`.
            `split` is "cmvqvae" (the lists that the authors of CM-VQVAE published),
            "actor-disjoint" (no actor is in two parts: of 5 parts of the actors,
            balanced by sex and drawn by `seed`, part `fold` is to test, the next to
            validate, the others to train) or a folder with train.csv, test.csv and
            perhaps validation.csv or val.csv.
        split: "train", "validation" or "test".
        actors: as `actors.read_actors` gives them.

    Returns:
        List of `cmvq_keras.data.datasets.crema_d.names.Name`.

    Raises:
        ValueError: for settings out of range; in one line, with the file and the
            line, for lists that are not as they have to be.
    """
    if data["split"] == PUBLISHED:
        return _listed(_LISTS)[split]
    if data["split"] == ACTORS:
        return _by_actors(data, split, actors)
    folder = pathlib.Path(data["split"]).expanduser()
    if not folder.is_dir():
        raise ValueError(
            f"data.split must be {PUBLISHED}, {ACTORS} or a folder with train.csv and "
            f"test.csv. Received: {csv_files.shown(data['split'])}"
        )
    return _own(folder, data)[split]


@functools.cache
def known():
    """The names of all official clips, a set."""
    lists = _listed(_LISTS, check=False)
    return frozenset(name.clip for names in lists.values() for name in names)


def read_list(path, check=True):
    """One list of clips.

    Args:
        path: a CSV file, with or without a header, e.g. lines `1001_IEO_NEU_XX,NEU`.
            Without one the first cell is the clip and the second, if there is one,
            its emotion.
        check: whether a clip has to be an official one.

    Returns:
        List of `Name`.

    Raises:
        ValueError: in one line, with the path and the line: for a name that is no
            official clip's, is there twice, or is not of the emotion that is said.
        OSError: if it is not there, or cannot be read.
    """
    rows = csv_files.read(path)
    line, first = rows[0]
    with csv_files.naming(path, line):
        columns = _columns(first)
    found = {}
    for line, row in rows if match(first[0]) else rows[1:]:
        with csv_files.naming(path, line):
            name = _entry(row, columns)
            if check and name.clip not in known():
                raise ValueError(f"CREMA-D has no clip {name.clip}")
            if name.clip in found:
                raise ValueError(f"{name.clip} is there twice")
            found[name.clip] = name
    if not found:
        raise ValueError(f"{path}: it lists no clips")
    return list(found.values())


def _columns(first):
    """Where the clip's name is, and (column, header) of its emotion or None."""
    if match(first[0]):
        return 0, ((1, "emotion") if len(first) > 1 else None)
    header = [cell.lower() for cell in first]
    names = [header.index(name) for name in _NAME_COLUMNS if name in header]
    if not names:
        raise ValueError(
            "it must start with a clip, e.g. 1001_IEO_NEU_XX,NEU, or have a column "
            f"{_NAME_COLUMNS[0]}. Received: {csv_files.shown(first[0])}"
        )
    known = [name for name in (*_LABEL_COLUMNS, _INDEX_COLUMN) if name in header]
    return names[0], ((header.index(known[0]), known[0]) if known else None)


def _entry(row, columns):
    place, label = columns
    if len(row) <= max(place, label[0] if label else 0):
        raise ValueError("it has too few cells")
    name = parse(row[place])
    if label:
        said = _emotion(row[label[0]], label[1])
        if said != name.emotion:
            raise ValueError(
                f"{name.clip} is {name.emotion} by its name. Received: {said}"
            )
    return name


def _emotion(cell, header):
    """An emotion's code."""
    words = {name.upper(): code for code, name in EMOTIONS.items()}
    if header == _INDEX_COLUMN:
        words = {str(index): code for index, code in enumerate(EMOTIONS)}
    code = words.get(cell.upper(), cell.upper())
    if code not in EMOTIONS:
        raise ValueError(
            f"an emotion is one of {', '.join(EMOTIONS)}. Received: "
            f"{csv_files.shown(cell)}"
        )
    return code


@functools.cache
def _listed(folder, check=True):
    return {
        split: read_list(folder / files[0], check) for split, files in FILES.items()
    }


def _own(folder, data):
    """A user's lists by split."""
    lists, seen = {}, {}
    for split, files in FILES.items():
        paths = [folder / name for name in files if (folder / name).exists()]
        if len(paths) > 1:
            raise ValueError(f"{folder} must not have both {' and '.join(files)}")
        if not paths and split != "validation":
            raise ValueError(f"{folder} has no {files[0]}")
        for path in paths:
            lists[split] = read_list(path)
            for name in lists[split]:
                if seen.setdefault(name.clip, path) != path:
                    raise ValueError(
                        f"{name.clip} is in {seen[name.clip].name} and in {path}"
                    )
    if "validation" not in lists:
        lists["train"], lists["validation"] = _held_out(lists["train"], data)
    return lists


def _held_out(names, data):
    labels = np.array([name.emotion for name in names])
    generator = np.random.default_rng(data["seed"])
    parts = hold_out(labels, data["validation_share"], generator)
    return tuple([names[row] for row in part] for part in parts)


def _by_actors(data, split, actors):
    fold = data["fold"]
    if not (isinstance(fold, int) and 0 <= fold < FOLDS):
        raise ValueError(f"data.fold must be in 0 to {FOLDS - 1}. Received: {fold!r}")
    names = [parse(clip) for clip in sorted(known())]
    folds = actor_folds({name.actor for name in names}, actors, data["seed"])
    parts = {fold: "test", (fold + 1) % FOLDS: "validation"}
    return [name for name in names if parts.get(folds[name.actor], "train") == split]


def actor_folds(numbers, actors, seed):
    """The part of each actor: 0 to 4, each with as many of a sex, give or take one.

    Args:
        numbers: the actors' numbers.
        actors: as `actors.read_actors` gives them.
        seed: of the draw.

    Raises:
        ValueError: for an actor who is not in the table.
    """
    absent = sorted(set(numbers) - set(actors))
    if absent:
        raise ValueError(f"VideoDemographics.csv lacks actor {absent[0]}")
    generator = np.random.default_rng(seed)
    dealt = []  # one sex after the other, so that the parts differ by one in all
    for sex in sorted({actors[number].sex for number in numbers}):
        same = sorted(number for number in numbers if actors[number].sex == sex)
        dealt += generator.permutation(same).tolist()
    return {number: place % FOLDS for place, number in enumerate(dealt)}
