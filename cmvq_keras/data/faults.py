"""What is wrong with a sample's values, and what to do about it."""

import numpy as np

from cmvq_keras import validation

_FAR = 1e4  # of inputs that are normalized to about 1
_ROWS = 256  # at a time


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


def check_unmasked(values, name):
    """Raises ValueError for a masked array."""
    if fault := validation.masked_fault(values, name):
        raise ValueError(fault)


def is_missing(label):
    """Whether a label is None, NaN or what pandas and Arrow have in their place."""
    return label is None or (not isinstance(label, str) and str(label) in _MISSING)


_MISSING = ("nan", "NaT", "<NA>")


def first_missing(labels):
    """The first row of some labels that lacks one, or None.

    Args:
        labels: `(k, ...)` array of any dtype.
    """
    if labels.dtype.kind == "f":
        missing = np.isnan(labels)
    elif labels.dtype.kind == "O":
        missing = np.asarray(np.frompyfunc(is_missing, 1, 1)(labels), bool)
    else:
        return None
    rows = missing.any(axis=tuple(range(1, labels.ndim)))
    return int(rows.argmax()) if rows.any() else None


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


def outliers(splits):
    """A sentence on inputs so far from 0 that a training leaves the finite numbers.

    Args:
        splits: iterable of `cmvq_keras.data.split.Split`.

    Returns:
        The largest value of the first modality that has one above 1e4, after
        normalization, with its sample; "" for none.
    """
    for split in splits:
        for name, values in split.x.items():
            row, largest = _largest(values)
            # A NaN is not below it either.
            if not largest <= _FAR:
                return (
                    f"The data are at fault: {name} of sample {split.samples[row]} is "
                    f"{largest:.3g} after (value - offset) / scale. Correct the "
                    f"sample, leave it out, or set modalities.{name}.offset and .scale"
                )
    return ""


def _largest(values):
    """`(row, value)` of the value farthest from 0."""
    found = []
    for start in range(0, len(values), _ROWS):
        rows = np.abs(np.asarray(values[start : start + _ROWS]))
        largest = rows.reshape(len(rows), -1).max(axis=1)
        row = int(largest.argmax())
        found.append((start + row, float(largest[row])))
    return max(found, key=lambda each: each[1])


def dtype_message(name, values, known):
    """One sentence for values of a dtype that is none of the known ones."""
    return (
        f"{name} must be {', '.join(known)}. Received: {values.dtype}. "
        f"{dtype_fault(values)}"
    )
