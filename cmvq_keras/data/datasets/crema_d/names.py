"""CREMA-D's clips: what their names say, and which ones are damaged."""

import dataclasses
import re

from cmvq_keras.data.formats import csv as csv_files

# The recipe's classes by their code in a name.
EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
SENTENCES = (
    *("IEO", "TIE", "IOM", "IWW", "TAI", "MTI"),
    *("IWL", "ITH", "DFA", "ITS", "TSI", "WSI"),
)
# Official clips that nobody can use, and why.
DAMAGED = {
    "1064_IEO_DIS_MD": "known: its pictures are a minute of every emotion",
    "1064_TIE_SAD_XX": "known: it has no duration",
    "1076_MTI_SAD_XX": "known: it has no sound",
}
SOUND_IN_WAV = ("1076_MTI_NEU_XX",)  # the clip has no sound, its WAV file is fine
_NAME = re.compile(
    rf"(1\d\d\d)_({'|'.join(SENTENCES)})_({'|'.join(EMOTIONS)})_(LO|MD|HI|XX)", re.ASCII
)


@dataclasses.dataclass(frozen=True)
class Name:
    """A clip's name and its parts.

    Args:
        clip: the whole name, e.g. "1001_IEO_ANG_HI".
        actor: a number from 1001 to 1091.
        sentence: one of `SENTENCES`.
        emotion: one of `EMOTIONS`.
        level: of the emotion: LO, MD, HI, or XX where none was asked for.
    """

    clip: str
    actor: int
    sentence: str
    emotion: str
    level: str


def parse(word):
    """A clip's `Name`.

    Args:
        word: the name, with or without ".flv" or ".wav".

    Raises:
        ValueError: for a word that is no clip's name.
    """
    found = match(word)
    if found is None:
        raise ValueError(
            f"a clip is named like 1001_IEO_ANG_HI. Received: {csv_files.shown(word)}"
        )
    return found


def match(word):
    """As `parse`, with None for a word that is no clip's name."""
    found = _NAME.fullmatch(re.sub(r"\.(flv|wav)$", "", word, flags=re.IGNORECASE))
    if found is None:
        return None
    actor, sentence, emotion, level = found.groups()
    return Name(found[0], int(actor), sentence, emotion, level)
