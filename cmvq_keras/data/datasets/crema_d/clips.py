"""CREMA-D's clips as inputs: frames and spectrograms as in the published code."""

import dataclasses
import logging
import pathlib
from typing import NamedTuple

from cmvq_keras.data.decoding import reason_of
from cmvq_keras.data.formats import audio, images, video
from cmvq_keras.data.transforms import clips, mel

SIZE = (360, 480)  # pixels: height, width
CROP = (0, 100, 280)  # pixels: top, left, size
OFFSETS = (-15, 15)  # frames at 30 a second, of a frame to train with
RATE = 44_100  # Hz
MEL = mel.LogMel(RATE, n_fft=2048, window=512, hop=353)
LIMITS = video.Limits(max_bytes=64_000_000, max_seconds=10)  # clips last 1.3 to 5


class Item(NamedTuple):
    """A clip that is to be decoded.

    Args:
        clip: path of its FLV file; None where it is not needed.
        wav: path of its WAV file; None without one.
        offsets: of its frames, relative to the middle one.
        own_sound: whether the clip has a sound of its own, as far as is known.
    """

    clip: str | None
    wav: str | None
    offsets: tuple = (0,)
    own_sound: bool = True


@dataclasses.dataclass(frozen=True)
class Reader:
    """Decodes an `Item`.

    Args:
        image: shape of "image", `(height, width, 3)`; None without it.
        audio: shape of "audio", `(mels, frames, 1)`; None without it.
    """

    image: tuple | None = None
    audio: tuple | None = None

    @classmethod
    def of(cls, recipe):
        """The reader of a recipe's modalities."""
        return cls(**{name: each.shape for name, each in recipe.modalities.items()})

    def __call__(self, item):
        rows = {}
        try:
            self._read_clip(item, rows)
        except (ValueError, OSError) as error:
            # What is missing may be the sound alone.
            if item.wav is None or set(rows) != self._wanted() - {"audio"}:
                raise
            logging.getLogger(__name__).warning(
                "%s; its WAV file is taken instead.", reason_of(error)
            )
        if self.audio and "audio" not in rows:
            rows["audio"] = self._spectrogram(clips.read_sound(item.wav, RATE))
        return rows

    def _wanted(self):
        shapes = {"image": self.image, "audio": self.audio}
        return {name for name, shape in shapes.items() if shape}

    def _read_clip(self, item, rows):
        """Fills `rows` with what the FLV file has."""
        if item.clip is None or not (self.image or item.own_sound):
            return
        with video.open_clip(item.clip, LIMITS) as clip:
            if self.image:
                rows["image"] = _pictures(clip, item.offsets, self.image)
            if self.audio and item.own_sound:
                rows["audio"] = self._spectrogram(clips.mono(clip, RATE))

    def _spectrogram(self, signal):
        return MEL(signal, self.audio)


def read_image(path, shape):
    """The middle frame of one clip, `shape` uint8."""
    return Reader(image=shape)(Item(str(path), None))["image"]


def read_picture(path, shape):
    """A picture file, `shape` uint8.

    One of 480 x 360 pixels is a clip's frame, and cropped like one. Of any other the
    largest central square is taken: a square picture counts as cropped already.
    """
    return images.read_image(path, shape, _crop)


def _crop(size):
    return CROP if size == SIZE else clips.central_square(size)


def read_audio(path, shape):
    """The log-mel spectrogram of one clip or sound file, `shape` float16."""
    sound = pathlib.Path(path).suffix.lower() in audio.ENDINGS
    item = Item(None, str(path)) if sound else Item(str(path), None)
    return Reader(audio=shape)(item)["audio"]


def _pictures(clip, offsets, shape):
    if clip.size != SIZE:
        height, width = clip.size
        raise ValueError(f"it has {width} x {height} pixels, not {SIZE[1]} x {SIZE[0]}")
    # The range is one second's, whatever the rate.
    scaled = [round(offset * clip.rate / 30) for offset in offsets]
    return clips.pictures(clip, scaled, CROP, shape)
