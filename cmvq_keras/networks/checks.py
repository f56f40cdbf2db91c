"""Checks of settings and shapes at the networks' door."""

import math
from collections.abc import Sequence

AXES = ("batch", "height", "width", "channels")


def check_axes(
    layer, input_shape, axes=AXES, multiple: int | Sequence[int] = 1, known=()
):
    """Checks a shape against named axes.

    Args:
        layer: whose input it is; its class stands in the message.
        input_shape: tuple of sizes, None where unknown.
        axes: names of the expected axes. The last one must be known.
        multiple: each side between first and last axis must be divisible by it, a
            number or one a side.
        known: names of further axes that must be known.

    Raises:
        ValueError: naming the axis at fault.
    """
    owner, received = type(layer).__name__, f"Received: input_shape={input_shape}"
    if len(input_shape) != len(axes):
        raise ValueError(
            f"{owner} takes inputs of {len(axes)} axes, ({', '.join(axes)}). {received}"
        )
    sides = len(axes) - 2
    divisors = (multiple,) * sides if isinstance(multiple, int) else tuple(multiple)
    for axis, (name, size, divisor) in enumerate(
        zip(axes, input_shape, (1, *divisors, 1), strict=True)
    ):
        where = f"{owner}: the {name} (axis {axis})"
        if size is None:
            if name in known or axis == len(axes) - 1:
                raise ValueError(f"{where} must be known. {received}")
        elif size < 1 and axis > 0:
            raise ValueError(f"{where} must be at least 1. {received}")
        elif axis > 0 and size % divisor:
            raise ValueError(f"{where} must be divisible by {divisor}. {received}")


def positive(name, value):
    """Returns `value` if it is a positive integer.

    Raises:
        TypeError: if it is not an integer.
        ValueError: if it is below 1.
    """
    if non_negative(name, value) < 1:
        raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    return value


def non_negative(name, value):
    """Returns `value` if it is an integer of 0 or more.

    Raises:
        TypeError: if it is not an integer.
        ValueError: if it is negative.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer. Received: {name}={value!r}")
    if value < 0:
        raise ValueError(f"`{name}` must not be negative. Received: {name}={value}")
    return value


def divisible(name, value, divisor):
    """Returns `value` if it is a positive multiple of `divisor`.

    Raises:
        TypeError: if it is not an integer.
        ValueError: if it is below 1 or leaves a remainder.
    """
    if positive(name, value) % divisor:
        raise ValueError(
            f"`{name}` must be divisible by {divisor}. Received: {name}={value}"
        )
    return value


def stages(num_stages, strides):
    """How much each stage shortens (height, width), as a tuple of pairs.

    Args:
        num_stages: of stride 2, where `strides` is None.
        strides: a number or a pair a stage, or None.

    Raises:
        ValueError: for anything else.
    """
    if strides is None:
        return ((2, 2),) * non_negative("num_stages", num_stages)
    return tuple(
        pair("strides", (each, each) if isinstance(each, int) else each)
        for each in strides
    )


def shrinkage(strides):
    """How much all stages together shorten (height, width)."""
    return tuple(math.prod(each) for each in zip(*strides, strict=True)) or (1, 1)


def stages_config(strides):
    """What `get_config` says of stages: their strides only where they are not 2."""
    if set(strides) <= {(2, 2)}:
        return {"num_stages": len(strides)}
    return {"num_stages": len(strides), "strides": strides}


def pair(name, value):
    """Returns (height, width) as a tuple of positive integers.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"`{name}` must be (height, width). Received: {name}={value}")
    return tuple(positive(name, size) for size in value)
