"""One input of a recipe."""

import dataclasses
import math

from cmvq_keras import validation
from cmvq_keras.recipe.fields import choice, setting

#: Axes of a sample, where they are not those of a picture.
AXES = {"sequence": ("steps", "features"), "pose": ("steps", "joints", "features")}
MAX_VALUES = 2**28  # of one sample; what a damaged file states must not fill the memory


@dataclasses.dataclass(frozen=True)
class Modality:
    """One input: its shape without the batch axis, its kind, its normalization.

    A raw value v enters the network as (v - offset) / scale.
    """

    shape: tuple[int, ...]
    kind: str = choice("image", "image", "audio", "pose", "depth", "sequence")
    offset: float = setting(0.0, math.isfinite, "a finite number")
    scale: float = setting(1.0, lambda value: 0 < value < math.inf, "a number > 0")


def shape_faults(modality, name):
    """One line if a modality's shape is invalid.

    Args:
        modality: a `Modality`.
        name: of the shape, for the message.
    """
    axes = AXES.get(modality.kind, ("height", "width", "channels"))
    shape = modality.shape
    listed = isinstance(shape, (tuple, list)) and len(shape) == len(axes)
    whole = listed and all(type(size) is int for size in shape)
    if whole and min(shape) > 0 and math.prod(shape) <= MAX_VALUES:
        return []
    expected = (
        f"({', '.join(axes)}), positive integers, {MAX_VALUES:,} values in all at most"
    )
    return [validation.must_be(name, expected, shape)]
