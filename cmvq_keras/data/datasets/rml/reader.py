"""RML: frames and spectrograms as in the published code, and how it is split."""

import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.pairing import hold_out
from cmvq_keras.data.datasets.rml.files import find_clips
from cmvq_keras.data.formats import audio, images, video
from cmvq_keras.data.listing import Group, Listing
from cmvq_keras.data.transforms import clips, mel

OFFSETS = (-22, 23)  # frames, of a frame to train with
RATE = 32_000  # Hz
MEL = mel.LogMel(RATE, n_fft=2048, window=512, hop=353)
LIMITS = video.Limits(max_bytes=128_000_000, max_seconds=30)  # clips last 3 to 6
SPLITS = ("random", "speaker")
_SHARE = 0.1  # of every class to test, and as much to validate
_SMALL = 240  # pixels: the height of the smaller clips


class Item(NamedTuple):
    """A clip that is to be decoded: its path, and frames relative to the middle."""

    clip: str
    offsets: tuple = (0,)


def open_split(recipe, split, data_dir=None):
    """One split of RML, in an order by `data.seed`.

    Args:
        recipe: a `Recipe` with some of the modalities "image" and "audio". Settings:
            `data.split`, "random" (80 / 10 / 10 % of every class, drawn by `data.seed`)
            or "speaker" (speaker `data.fold`, counted from 0, is to test, the next one
            to validate); `data.frames` of a clip are drawn to train with;
            `data.seconds` of sound; `data.rate_factor`, see `Reader`.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.datasets.sources.data_root`.

    Returns:
        `cmvq_keras.data.listing.Listing`. Attributes: speaker, language; with "image"
        frames, relative to the middle one. What is no clip is left out of "train".

    Raises:
        FileNotFoundError: without the folder.
        ValueError: for settings out of range, and for a split without clips.
    """
    for name in recipe.modalities:
        validation.one_of(name, ("image", "audio"), "modality")
    data = recipe.data
    _check(data)
    found, skipped = find_clips(sources.find("rml", "", data_dir))
    rows = _members(found, split, data)
    rows = np.random.default_rng(data["seed"]).permutation(rows)
    chosen = [found[row] for row in rows]
    items = [Item(clip.path, _offsets(clip, split, data)) for clip in chosen]
    attributes = {
        "speaker": [f"s{clip.speaker}" for clip in chosen],
        "language": [clip.language for clip in chosen],
    }
    if "image" in recipe.modalities:
        attributes["frames"] = [clips.offsets_shown(item.offsets) for item in items]
    return Listing(
        names=[clip.name for clip in chosen],
        groups=(Group(items, Reader.of(recipe)),),
        labels=np.array([recipe.classes.index(clip.emotion) for clip in chosen]),
        attributes=attributes,
        disjoint=("speaker",) if data["split"] == "speaker" else (),
        skipped=tuple(skipped) if split == "train" else (),
        tolerant=True,
        missing_hint=sources.how_to_get("rml"),
    )


@dataclasses.dataclass(frozen=True)
class Reader:
    """Decodes an `Item`.

    Args:
        image: shape of "image", `(height, width, 3)`; None without it.
        audio: shape of "audio", `(mels, frames, 1)`; None without it.
        seconds: of sound, from the middle of the clip.
        rate_factor: 2 takes the sound for one of twice its rate, as the published code
            does: it then lasts half as long, and is an octave higher.
    """

    image: tuple | None = None
    audio: tuple | None = None
    seconds: float = 2.5
    rate_factor: int = 1

    @classmethod
    def of(cls, recipe):
        """The reader of a recipe's modalities and settings."""
        shapes = {name: each.shape for name, each in recipe.modalities.items()}
        seconds, factor = recipe.data["seconds"], recipe.data["rate_factor"]
        return cls(**shapes, seconds=seconds, rate_factor=factor)

    def __call__(self, item):
        rows = {}
        with video.open_clip(item.clip, LIMITS) as clip:
            if self.image:
                crop = _crop(clip.size)
                rows["image"] = clips.pictures(clip, item.offsets, crop, self.image)
            if self.audio:
                signal = clips.mono(clip, RATE, self.rate_factor)
                rows["audio"] = self.spectrogram(signal)
        return rows

    def spectrogram(self, signal):
        """The log-mel spectrogram of the middle of a signal."""
        return MEL(_middle(signal, round(self.seconds * RATE)), self.audio)


def read_image(path, shape):
    """The middle frame of one clip, `shape` uint8."""
    return Reader(image=shape)(Item(str(path)))["image"]


def read_picture(path, shape):
    """A picture file, `shape` uint8.

    One that could be a clip's frame is cropped like one: of up to 1920 x 1080 pixels,
    not square, and large enough. Of any other the largest central square is taken: a
    square picture counts as cropped already.
    """
    return images.read_image(path, shape, _picture_crop)


def _picture_crop(size):
    height, width = size
    could_be_a_frame = height != width and height * width <= LIMITS.max_pixels
    if could_be_a_frame and min(size) >= _side(height):
        return _crop(size)
    return clips.central_square(size)


def read_audio(path, shape):
    """The log-mel spectrogram of the middle 2.5 seconds of one clip or sound file,
    `shape` float16."""
    read = Reader(audio=shape)
    if pathlib.Path(path).suffix.lower() in audio.ENDINGS:
        return read.spectrogram(clips.read_sound(path, RATE))
    return read(Item(str(path)))["audio"]


def _crop(size):
    height, width = size
    side = _side(height)
    if min(height, width) < side:
        raise ValueError(
            f"it must have {side} x {side} pixels or more. Received: {width} x {height}"
        )
    return (height - side) // 2, (width - side) // 2, side


def _side(height):
    """Pixels of the square that is taken of a clip's pictures."""
    return 190 if height == _SMALL else 380


def _middle(signal, count):
    start = max(0, (len(signal) - count) // 2)
    return signal[start : start + count]


def _check(data):
    validation.one_of(data["split"], SPLITS, "data.split")
    clips.check_frames(data, OFFSETS)
    if data["rate_factor"] not in (1, 2):
        raise ValueError(
            f"data.rate_factor must be 1 or 2. Received: {data['rate_factor']!r}"
        )
    if not 0.1 <= data["seconds"] <= LIMITS.max_seconds:
        raise ValueError(
            f"data.seconds must be in 0.1 to {LIMITS.max_seconds}. Received: "
            f"{data['seconds']!r}"
        )


def _offsets(clip, split, data):
    if split != "train":
        return (0,)
    return clips.draw_offsets(clip.name, OFFSETS, data["frames"], data["seed"])


def _members(found, split, data):
    """Positions of a split's clips."""
    parts = _by_speaker(found, data) if data["split"] == "speaker" else None
    if found and parts is None:
        parts = _at_random(np.array([clip.emotion for clip in found]), data["seed"])
    if not found or not len(parts[split]):
        raise ValueError(
            f"RML has no clips for the {split} split: {len(found)} in all."
        )
    return parts[split]


def _at_random(labels, seed):
    generator = np.random.default_rng(seed)
    rest, test = hold_out(labels, _SHARE, generator)
    # The same number again, of what is left.
    kept, held = hold_out(labels[rest], _SHARE / (1 - _SHARE), generator)
    return {"train": rest[kept], "validation": rest[held], "test": test}


def _by_speaker(found, data):
    numbers = np.array([clip.speaker for clip in found])
    speakers, fold = np.unique(numbers).tolist(), data["fold"]
    if len(speakers) < 3:
        raise ValueError(
            f"A split by speakers needs 3 speakers or more. Found: {len(speakers)}"
        )
    if not (isinstance(fold, int) and 0 <= fold < len(speakers)):
        raise ValueError(
            f"data.fold must be in 0 to {len(speakers) - 1}. Received: {fold!r}"
        )
    test, validation = speakers[fold], speakers[(fold + 1) % len(speakers)]
    held = {"validation": validation, "test": test}
    parts = {part: np.flatnonzero(numbers == who) for part, who in held.items()}
    parts["train"] = np.flatnonzero(~np.isin(numbers, [test, validation]))
    return parts
