"""FSDD, spoken digits: `fsdd/recordings/{digit}_{speaker}_{index}.wav`."""

import re

import numpy as np

from cmvq_keras.data import audio, sources
from cmvq_keras.data.pairing import Samples

SHAPE = (64, 64, 1)
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")


def open_part(part, data_dir=None):
    """One official part, "test" (takes 0 to 4: 300) or "train" (2,700), as `Samples`.

    Reading gives `(64, 64, 1)` float32 log-mel spectrograms in [-80, 0] dB.

    Raises:
        FileNotFoundError: without `fsdd/recordings`.
        ValueError: if it has no recordings of the part.
    """
    folder = sources.find("fsdd", "recordings", data_dir)
    found = [(_NAME.fullmatch(path.name), path) for path in sorted(folder.iterdir())]
    chosen = [
        (int(name[1]), path)
        for name, path in found
        if name and (int(name[3]) < 5) == (part == "test")
    ]
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
    )


def _spectrogram(path):
    return audio.read_log_mel(path, SHAPE)
