"""RML's clips on disk: `rml/s1/an1.avi` or `rml/s1/English/an1.avi`, or copies."""

import dataclasses
import os
import re

from cmvq_keras.data.datasets.unused import clutter, printable_name
from cmvq_keras.data.decoding import reason_of
from cmvq_keras.data.formats import containers
from cmvq_keras.data.listing import SkippedSample

# Classes by the first two letters of a file's name.
EMOTIONS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happy",
    "sa": "sad",
    "su": "surprise",
}
# The official one first.
_ENDINGS = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".flv")
UNKNOWN = "unknown"  # language
_SPEAKER = re.compile(r"s([1-9]\d?)", re.ASCII | re.IGNORECASE)
_CLIP = re.compile(
    rf"({'|'.join(EMOTIONS)})[a-z]*[ _-]?\(?\d+\)?", re.ASCII | re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Found:
    """One clip.

    Args:
        name: unique, e.g. "rml/s1/English/an1".
        path: of the file.
        speaker: number.
        language: the name of the folder between, or "unknown".
        emotion: one of the classes.
    """

    name: str
    path: str
    speaker: int
    language: str
    emotion: str


def find_clips(folder):
    """All clips in a folder, in the order of their names, and all that is not one.

    Args:
        folder: `pathlib.Path` of `rml`.

    Returns:
        List of `Found`, and list of `SkippedSample` with the reason. What does not end
        in .avi, or as a copy in another format, is expected, unless it is a link that
        leads nowhere.

    Raises:
        ValueError: for two files of the same name but for its case or ending.
    """
    found, skipped = {}, []
    for path in _files(folder, depth=3):
        name = f"rml/{path.relative_to(folder).with_suffix('').as_posix()}"
        why = clutter(path)
        if why:
            shown = printable_name(f"rml/{path.relative_to(folder).as_posix()}")
            skipped.append(SkippedSample(shown, why, expected=True))
            continue
        try:
            clip = _clip(folder, path, name)
            containers.read_head(path)
        except (ValueError, OSError) as error:
            other = path.suffix.lower() not in _ENDINGS and os.path.exists(path)
            shown = f"{name}{path.suffix}" if other else name
            skipped.append(
                SkippedSample(printable_name(shown), reason_of(error), expected=other)
            )
            continue
        if name.lower() in found:
            raise ValueError(f"{path} appears twice, with another case or ending.")
        found[name.lower()] = clip
    return list(found.values()), skipped


def _files(folder, depth):
    """Paths of what is in a folder and, to a depth, in the folders in it."""
    for path in sorted(folder.iterdir()):
        if depth > 1 and path.is_dir() and not _leads_up(path, folder):
            yield from _files(path, depth - 1)
        else:
            yield path


def _leads_up(path, folder):
    """Whether a folder is a link to one above: it would bring the same clips again."""
    return folder.resolve().is_relative_to(path.resolve())


def _clip(folder, path, name):
    path.stat()  # a link that leads nowhere may stand for a whole speaker
    speaker, *between = path.relative_to(folder).parent.parts or ("",)
    number = _SPEAKER.fullmatch(speaker)
    emotion = _CLIP.fullmatch(path.stem)
    if path.suffix.lower() not in _ENDINGS:
        raise ValueError(
            f"it is not an .avi file or a copy in {', '.join(_ENDINGS[1:])}"
        )
    if number is None:
        raise ValueError("it is not in a speaker's folder, e.g. s1")
    if emotion is None or not name.isprintable():
        raise ValueError(f"its name starts with none of {', '.join(EMOTIONS)}")
    language = between[0] if between else UNKNOWN
    return Found(
        name, str(path), int(number[1]), language, EMOTIONS[emotion[1].lower()]
    )
