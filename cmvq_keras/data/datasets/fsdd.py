"""FSDD, spoken digits: `fsdd/recordings/{digit}_{speaker}_{index}.wav`."""

import re

import numpy as np

from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.pairing import Samples
from cmvq_keras.data.datasets.unused import unused
from cmvq_keras.data.formats import audio
from cmvq_keras.data.transforms import mel

SHAPE = (64, 64, 1)
# At 8 kHz 64 frames of 16 ms are about one second. Loudness varies 30-fold, so
# decibels are relative to the clip's own loudest value.
MEL = mel.LogMel(rate=8000, n_fft=512, window=512, hop=128, relative=True)
_ENDINGS = "|".join(ending[1:] for ending in audio.ENDINGS)
# The speaker may be written in any way: anna2, Bob, mary_ann.
_NAME = re.compile(rf"([0-9])_(.+)_([0-9]+)\.({_ENDINGS})", re.ASCII | re.IGNORECASE)


def open_part(part, data_dir=None):
    """One official part, "test" (takes 0 to 4: 300) or "train" (2,700), as `Samples`.

    Reading gives `(64, 64, 1)` float32 log-mel spectrograms in [-80, 0] dB.

    Raises:
        OSError: without a folder `fsdd/recordings` that may be read.
        ValueError: if it has no recordings of the part, or one of them twice.
    """
    folder = sources.find("fsdd", "recordings", data_dir)
    found = [(_NAME.fullmatch(path.name), path) for path in sorted(folder.iterdir())]
    found = [(name, path) for name, path in found if name]
    takes = {}
    for name, path in found:
        if (int(name[3]) < 5) == (part == "test"):
            # 7_jackson_3 and 7_jackson_03 are the same take.
            take = (int(name[1]), name[2], int(name[3]))
            if take in takes:
                raise ValueError(f"{path} is a duplicate of {takes[take].name}.")
            takes[take] = path
    chosen = [(digit, path) for (digit, _, _), path in takes.items()]
    if not chosen:
        raise ValueError(
            f"{folder} has no {part} recordings named like 7_jackson_32.wav."
        )
    paths = [path for _, path in chosen]
    return Samples(
        np.array([digit for digit, _ in chosen]),
        np.array([f"fsdd/{path.stem}" for path in paths]),
        paths,
        _spectrogram,
        costly=True,
        skipped=unused(
            folder,
            [path.name for _, path in found],
            "it is not named like 7_jackson_32.wav",
        ),
    )


def read_log_mel(path, shape):
    """A sound file's log-mel spectrogram, `shape` float32 in [-80, 0] dB.

    Raises:
        ValueError, OSError: as `audio.read_sound`, and for a file of silence.
    """
    signal = audio.read_sound(path, MEL.rate)
    if not signal.any():
        raise ValueError(f"{path} is silent")
    return MEL(signal, shape)


def _spectrogram(path):
    return read_log_mel(path, SHAPE)
