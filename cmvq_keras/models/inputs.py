"""Inputs at the model's door: their modalities, shapes and types."""

import keras
from keras import ops

from cmvq_keras import validation
from cmvq_keras.backend import batch_checks
from cmvq_keras.errors import InputError

#: Small whole numbers, exact in every float type: pictures as files hold them.
_CAST = ("uint8", "int8", "bool")


def check_names(inputs, modalities):
    """Raises InputError unless `inputs` is a dictionary of exactly the modalities."""
    if isinstance(inputs, dict) and set(inputs) == set(modalities):
        return
    names = sorted(map(str, inputs)) if isinstance(inputs, dict) else type(inputs)
    raise InputError(
        "The input must be a dictionary with exactly the modalities "
        f"{', '.join(modalities)}. Received: {names}"
    )


def check(inputs, modalities, shapes=None):
    """Checks arrays or tensors, symbolic ones too.

    Args:
        inputs: by modality, `(batch, ...)`.
        modalities: names that there have to be.
        shapes: by modality the shape `(batch, ...)` that the model was built for, None
            for an axis of any size; None before it is built.

    Raises:
        InputError: one for all modalities, with expected and received shape and dtype,
            and what to do.
    """
    check_names(inputs, modalities)
    faults = [
        fault
        for name in modalities
        for fault in _faults(name, inputs[name], shapes and shapes[name])
    ]
    if faults:
        raise InputError("; ".join(faults))
    counts = {name: _count(inputs[name]) for name in modalities}
    known = {count for count in counts.values() if count is not None}
    if len(known) > 1:
        raise InputError(
            "All modalities must have the same number of samples. Received: "
            + ", ".join(f"{name} {count}" for name, count in counts.items())
        )


def check_not_empty(inputs):
    """Raises InputError for arrays of no sample."""
    if any(_count(value) == 0 for value in inputs.values()):
        raise InputError("All modalities must have one sample at least. Received: none")


def check_shape(name, shape, dtype, expected):
    """Raises InputError unless a modality's shape is the expected one."""
    if not _fits(shape, expected):
        raise InputError(_wrong_shape(name, shape, dtype, expected))


def prepared(inputs, shapes=None):
    """The inputs of a call, small integers as float32; wider ones may be tokens.

    Args:
        inputs, shapes: as in `check`.

    Raises:
        InputError: on TensorFlow, inside the step, for a shape that was not known.
    """
    found = {}
    for name, value in inputs.items():
        if shapes and not isinstance(value, keras.KerasTensor):
            value = batch_checks.of_shape(name, value, shapes[name])
        found[name] = _as_number(value)
    return found


def _as_number(value):
    if keras.backend.standardize_dtype(value.dtype) in _CAST:
        return ops.cast(value, "float32")
    return value


def _faults(name, value, expected):
    """None or one text on what is wrong with a modality's array."""
    if not hasattr(value, "shape"):
        yield (
            f"{name} must be an array. Received: {type(value).__name__}. Convert "
            "it: numpy.asarray(...)"
        )
        return
    dtype = _dtype(value)
    shape = _shape(value)
    if fault := validation.masked_fault(value, name):
        yield fault
    if not _is_numeric(value):
        yield (
            f"{name} must hold numbers (float or integer). Received: shape {shape}, "
            f"dtype {dtype}"
        )
    elif expected is not None and not _fits(shape, expected):
        yield _wrong_shape(name, shape, dtype, expected)


def _wrong_shape(name, shape, dtype, expected):
    wanted = _text(("batch", *expected[1:]))
    return (
        f"{name} must be of shape {wanted}. Received: shape {shape}, dtype {dtype}. "
        f"{_remedy(shape, tuple(expected))}"
    )


def _shape(value):
    """The shape as a tuple; None where TensorFlow does not know the rank."""
    try:
        return tuple(value.shape)
    except ValueError:
        return None


def _dtype(value):
    dtype = getattr(value, "dtype", "unknown")
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


def _count(value):
    """The number of samples; None where it is open, as PyTorch traces a batch."""
    shape = _shape(value)
    return shape[0] if shape and isinstance(shape[0], int) else None


def _is_numeric(value):
    try:
        name = keras.backend.standardize_dtype(value.dtype)
    except AttributeError:
        return True  # a table of columns: Keras converts it
    except ValueError:
        return False
    return name.startswith(("float", "bfloat", "int", "uint", "bool"))


def _fits(shape, expected):
    if shape is None:
        return True
    return len(shape) == len(expected) and all(
        size is None or wanted is None or size == wanted
        for size, wanted in zip(shape[1:], expected[1:], strict=True)
    )


def _remedy(shape, expected):
    """What makes the shape fit, where that is easily found."""
    if _fits((None, *shape), expected):
        return "Add the axis of the batch: x[None]"
    if _fits((*shape, 1), expected):
        return "Add the axis of the channels: x[..., None]"
    if len(shape) > 2 and _fits((shape[0], *shape[2:], shape[1]), expected):
        return "Move the channels last: numpy.moveaxis(x, 1, -1)"
    return "Change the samples, or build a model for their shape"


def _text(shape):
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f"({sizes})"
