"""One input of a recipe."""

import dataclasses
import math
import typing

from cmvq_keras import registry, validation
from cmvq_keras.recipe.fields import automatic, choice, has_type, setting

#: Axes of a sample by kind; each kind's file in `cmvq_keras/data/kinds/` says its own.
AXES = registry.literals("data/kinds", "AXES")
MAX_VALUES = 2**28  # of one sample; what a damaged file states must not fill the memory


@dataclasses.dataclass(frozen=True)
class Modality:
    """One input: its shape without the batch axis, its kind, its normalization.

    A raw value v enters the network as (v - offset) / scale. Both are a number, or one
    for each entry of the last axis; "auto" takes the mean and the standard deviation of
    the training data, by entry of the last axis.
    """

    shape: tuple[int, ...]
    kind: str = choice("image", *sorted(AXES))
    offset: float | tuple[float, ...] | typing.Literal["auto"] = setting(
        0.0,
        automatic(lambda value: _each(value, math.isfinite)),
        "a finite number, one for each entry of the last axis, or auto",
    )
    scale: float | tuple[float, ...] | typing.Literal["auto"] = setting(
        1.0,
        automatic(lambda value: _each(value, lambda one: 0 < one < math.inf)),
        "a number > 0, one for each entry of the last axis, or auto",
    )


def _each(value, test):
    if not isinstance(value, tuple):
        return test(value)
    return all(has_type(one, float) and test(one) for one in value)


def shape_faults(modality, name):
    """One line for each fault of a modality's shape, and of what has to fit it.

    Args:
        modality: a `Modality`.
        name: of the shape, for the message.
    """
    axes = AXES.get(modality.kind, AXES["image"])
    shape = modality.shape
    listed = isinstance(shape, (tuple, list)) and len(shape) == len(axes)
    whole = listed and all(type(size) is int for size in shape)
    if whole and min(shape) > 0 and math.prod(shape) <= MAX_VALUES:
        return [
            validation.must_be(
                name.replace("shape", key), f"one number, or {shape[-1]}", value
            )
            for key in ("offset", "scale")
            if isinstance(value := getattr(modality, key), tuple)
            and len(value) != shape[-1]
        ]
    expected = (
        f"({', '.join(axes)}), positive integers, {MAX_VALUES:,} values in all at most"
    )
    return [validation.must_be(name, expected, shape)]
