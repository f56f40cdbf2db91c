"""A tiny data set as a reader lists it; worker processes can import this module."""

import dataclasses

import numpy as np

from cmvq_keras.data.listing import Group, Listing
from cmvq_keras.recipe import Modality, Recipe

RECIPE = Recipe(
    name="own",
    title="tiny",
    modalities={
        "image": Modality((4, 4, 3), offset=0.5, scale=0.25),
        "sound": Modality((6, 5, 1), "audio"),
    },
    classes=("cat", "dog", "cow"),
)


def image(number, views=1):
    """`(views, 4, 4, 3)` uint8, or without the axis of views for one."""
    values = np.random.default_rng(number).integers(0, 256, (views, 4, 4, 3), np.uint8)
    return values if views > 1 else values[0]


def sound(number):
    """`(6, 5, 1)` float16."""
    return np.random.default_rng(number).normal(size=(6, 5, 1)).astype(np.float16)


@dataclasses.dataclass(frozen=True)
class Clip:
    """Reads a clip's number; the numbers in `damaged` cannot be read."""

    views: int = 1
    damaged: tuple = ()
    kill: int | None = None
    sound: bool = True

    def __call__(self, number):
        if number == self.kill:
            raise KeyboardInterrupt
        if number in self.damaged:
            raise ValueError(f"clip {number} is cut")
        sounds = {"sound": sound(number)} if self.sound else {}
        return {"image": image(number, self.views), **sounds}


def clips(first=0, count=30, **options):
    """A listing of clips: a unit a sample."""
    numbers = range(first, first + count)
    return Listing(
        names=[f"clip-{number}" for number in numbers],
        groups=(Group(list(numbers), Clip(**options)),),
        labels=np.array([number % 3 for number in numbers]),
        attributes={"actor": [str(number // 10) for number in numbers]},
        tolerant=True,
        hint="Fetch them again.",
    )


def read_image(number):
    """An image alone."""
    return {"image": image(number)}


def read_sound(number):
    """A sound alone."""
    return {"sound": sound(number)}


#: Which image and which sound each of five pairs has.
PAIRS = {"image": [0, 1, 2, 3, 4], "sound": [1, 0, 1, 1, 0]}


def pairs():
    """A listing whose samples share sounds."""
    return Listing(
        names=[f"pair-{number}" for number in range(5)],
        groups=(
            Group(range(5), read_image, costly=False),
            Group([100, 101], read_sound, np.array(PAIRS["sound"]), costly=False),
        ),
        labels=np.arange(5) % 3,
    )


#: The segmentation recipe whose samples are `scenes`.
SCENES = dataclasses.replace(RECIPE, task="segmentation")


def read_map(number):
    """A sound, and a label map that tells whose it is."""
    return read_sound(number) | {"labels": np.full((4, 4), number % 3, np.int64)}


def scenes(order=(7, 2, 5, 11, 4)):
    """A listing of label maps that are decoded in another order than the samples'."""
    items = sorted(order)
    return Listing(
        names=[f"scene-{number}" for number in order],
        groups=(
            Group(list(order), Clip(damaged=(5,), sound=False)),
            Group(items, read_map, np.searchsorted(items, order)),
        ),
        tolerant=True,
    )
