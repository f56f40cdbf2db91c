"""What is wrong with a sample's values, and what to do about it."""

import numpy as np


def shape_fault(values, shape):
    """What to do about values of another shape than the recipe's; "" for no idea."""
    for axes in (values.shape, values.shape[1:]):
        if len(axes) == 3 and (axes[1], axes[2], axes[0]) == shape and axes != shape:
            return ": its channels come first. Do: np.moveaxis(x, -3, -1)"
    if values.shape in (shape[:-1], (1, *shape[:-1])) and shape[-1] == 1:
        return ": it lacks the last axis. Add it: x[..., None]"
    return ""


def dtype_fault(values):
    """What to do about values of another dtype than those of a store."""
    kind = values.dtype.kind
    if kind == "f":
        return 'Convert it: x.astype("float32")'
    if kind in "iub":
        return (
            'Pictures of 0 to 255: x.astype("uint8"); everything else: '
            'x.astype("float32")'
        )
    return "It must hold numbers"


def finite_fault(name, values):
    """One sentence for values that are not finite; None if all are."""
    if values.dtype.kind != "f":
        return None
    finite = np.isfinite(values)
    if finite.all():
        return None
    place = np.unravel_index(int(finite.argmin()), values.shape)
    where = ", ".join(map(str, place))
    return (
        f"{name} holds {values.size - int(finite.sum()):,} values that are not finite, "
        f"the first at [{where}]. Replace them (np.nan_to_num) or leave the sample out"
    )


def dtype_message(name, values, known):
    """One sentence for values of a dtype that is none of the known ones."""
    return (
        f"{name} must be {', '.join(known)}. Received: {values.dtype}. "
        f"{dtype_fault(values)}"
    )
