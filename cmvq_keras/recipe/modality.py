"""One input of a recipe."""

import dataclasses
import math

from cmvq_keras import registry, validation
from cmvq_keras.recipe.fields import choice, setting

#: Axes of a sample by kind; each kind's file in `cmvq_keras/data/kinds/` says its own.
AXES = registry.literals("data/kinds", "AXES")
MAX_VALUES = 2**28  # of one sample; what a damaged file states must not fill the memory


@dataclasses.dataclass(frozen=True)
class Modality:
    """One input: its shape without the batch axis, its kind, its normalization.

    A raw value v enters the network as (v - offset) / scale.
    """

    shape: tuple[int, ...]
    kind: str = choice("image", *sorted(AXES))
    offset: float = setting(0.0, math.isfinite, "a finite number")
    scale: float = setting(1.0, lambda value: 0 < value < math.inf, "a number > 0")


def shape_faults(modality, name):
    """One line if a modality's shape is invalid.

    Args:
        modality: a `Modality`.
        name: of the shape, for the message.
    """
    axes = AXES.get(modality.kind, AXES["image"])
    shape = modality.shape
    listed = isinstance(shape, (tuple, list)) and len(shape) == len(axes)
    whole = listed and all(type(size) is int for size in shape)
    if whole and min(shape) > 0 and math.prod(shape) <= MAX_VALUES:
        return []
    expected = (
        f"({', '.join(axes)}), positive integers, {MAX_VALUES:,} values in all at most"
    )
    return [validation.must_be(name, expected, shape)]
