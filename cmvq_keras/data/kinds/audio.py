"""Sounds, as spectrograms."""

import dataclasses

import numpy as np

from cmvq_keras.data.formats import audio
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation, mel

AXES = {"audio": ("height", "width", "channels")}
KINDS = {"audio": "AUDIO"}
RATE, WINDOW = 16_000, 512  # Hz, samples
BANDS = 64
_SECONDS = (0.5, 20.0)  # of a file that nobody chose, shortest and longest


class Audio(Kind):
    """Spectrograms `(bands, frames, channels)`."""

    augment = staticmethod(augmentation.spec_augment)

    def picture(self, values, side):
        """Low frequencies below."""
        return super().picture(values[::-1], side)

    def readers(self, options):
        """Sound files; `options["seconds"]` are spread over the frames, 1 by default.

        A longer file loses both ends; what a shorter one lacks is silence.
        """
        return dict.fromkeys(audio.ENDINGS, ReadSpectrogram(options.get("seconds", 1)))

    def measure(self, paths):
        """64 bands; as many frames as the longest of the files needs, 64 or 128."""
        if paths[0].suffix.lower() == ".npy":
            return super().measure(paths)
        longest = max(len(audio.read_sound(path, RATE)) for path in paths) / RATE
        seconds = round(float(np.clip(longest, *_SECONDS)), 1)
        return (BANDS, 64 if seconds <= 2 else 128, 1), {"seconds": seconds}


@dataclasses.dataclass(frozen=True)
class ReadSpectrogram:
    """A sound file as a log-mel spectrogram, in dB below its loudest value.

    Args:
        seconds: what the frames cover.
    """

    seconds: float

    def __call__(self, path, shape):
        signal = audio.read_sound(path, RATE)
        if not signal.any():
            raise ValueError(f"{path} is silent")
        hop = max(1, round(self.seconds * RATE / shape[1]))
        # No sample lies between two windows, however long the file is.
        window = max(WINDOW, 1 << (hop - 1).bit_length())
        spectrogram = mel.LogMel(RATE, window, window, hop, relative=True)
        return spectrogram(signal, shape)


AUDIO = Audio()
