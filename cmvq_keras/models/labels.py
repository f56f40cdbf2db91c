"""Labels at the model's door: integers, one a sample or one a pixel."""

import keras
import numpy as np
from keras import ops

from cmvq_keras import validation
from cmvq_keras.errors import InputError

#: NYUv2 and others mark pixels without a class so.
IGNORED_LABEL = -1
_INTEGERS = "Labels must be integers"


def align_labels(labels, logits):
    """Labels in the shape of the logits' leading axes.

    Args:
        labels: integers, of these axes or with one more of size 1.
        logits: `(batch, ..., classes)`.

    Raises:
        InputError: for no labels, for other shapes and for texts.
    """
    if labels is None:
        raise InputError(
            "Training and evaluation need labels: integers, one per sample. "
            "Received: none"
        )
    if keras.backend.standardize_dtype(labels.dtype) == "string":
        raise _texts(labels.dtype)
    wanted = logits.shape[:-1]
    if not _is_of_shape(labels, wanted):
        raise InputError(
            f"Labels must be integers of {len(wanted)} axes (no one-hot vectors: "
            "take their argmax). Received: shape "
            f"{tuple(labels.shape)} for logits {tuple(logits.shape)}"
        )
    return ops.reshape(labels, ops.shape(logits)[:-1])


def align_entries(labels, outputs):
    """Labels with an entry for each output, in the outputs' shape.

    Args:
        labels: `(batch, outputs)`; for one output `(batch,)` serves too.
        outputs: `(batch, outputs)`.

    Raises:
        InputError: for no labels, for other shapes and for texts.
    """
    count = outputs.shape[-1]
    wanted = f"{count} number{'s' * (count > 1)} per sample, (batch, {count})"
    if labels is None:
        raise InputError(
            f"Training and evaluation need labels: {wanted}. Received: none"
        )
    if keras.backend.standardize_dtype(labels.dtype) == "string":
        raise InputError(f"Labels must be {wanted}. Received: dtype {labels.dtype}")
    rank = _rank(labels)
    is_flat = rank == 1 and count == 1
    if rank is not None and not is_flat and (rank != 2 or labels.shape[-1] != count):
        raise InputError(
            f"Labels must be {wanted}. Received: shape {tuple(labels.shape)}"
        )
    return ops.reshape(labels, (-1, count))


def check_finite(labels):
    """Raises InputError for texts and for numbers that are not finite.

    Args:
        labels: as in `check_values`.
    """
    values = _values(labels)
    if values is None or not values.size:
        return
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Labels must be finite numbers. Received: dtype {values.dtype}"
        )
    if not np.isfinite(values).all():
        raise InputError(
            "Labels must be finite numbers. Received: NaN or infinity. Leave such "
            "samples out"
        )


def align_weights(sample_weight, labels):
    """Weights without a last axis of size 1 that the labels do not have.

    Args:
        sample_weight: `(batch,)`, `(batch, 1)`, of the labels' shape, or None.
        labels: `(batch, ...)`.

    Raises:
        InputError: for weights of more axes.
    """
    if sample_weight is None:
        return None
    rank = len(labels.shape)
    if _rank(sample_weight) is None:
        # Of one axis or two: of as many numbers as there are labels, then.
        shape = ops.shape(labels)
        return ops.reshape(sample_weight, shape) if rank == 1 else sample_weight
    received = tuple(sample_weight.shape)
    if len(received) == rank + 1 and received[-1] == 1:
        return ops.squeeze(sample_weight, axis=-1)
    if len(received) > rank:
        raise InputError(
            "`sample_weight` must have one weight per sample, (batch,), or one per "
            "label, "
            f"{tuple(labels.shape)}. Received: shape {received}"
        )
    return sample_weight


def check_values(labels, axes, num_classes, ignore_class=None):
    """Checks labels before a step: some backends take any label in silence.

    Args:
        labels: what Keras was given; what is no array, list or tensor of a batch is
            not looked at.
        axes: of the labels; None before the model is built.
        num_classes: J; None before the model is built.
        ignore_class: label that does not count, or None.

    Raises:
        InputError: for texts, numbers that are not whole, and values out of range.
    """
    values = _values(labels)
    if values is None or not values.size:
        return
    if values.dtype.kind not in "biuf":
        raise _texts(values.dtype, values)
    if axes is None or values.ndim > axes + 1:
        return
    check_range(*extremes(values, ignore_class), num_classes)


def extremes(labels, ignore_class=None):
    """The lowest and the highest label that counts, or 0 where none does; NaN where
    one is not whole."""
    if labels.dtype.kind == "f" and not np.all(labels == np.floor(labels)):
        # Not equal to itself either: NaN.
        return np.nan, np.nan
    seen = labels if ignore_class is None else labels[labels != ignore_class]
    return (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)


def check_range(low, high, num_classes):
    """Raises InputError unless 0 <= low and high < `num_classes`; NaN is neither."""
    if low >= 0 and high < num_classes:
        return
    expected = f"{_INTEGERS} from 0 to {num_classes - 1}"
    if np.isnan(low) or np.isnan(high):
        raise InputError(f"{expected}. Received: NaN, or numbers that are not whole")
    raise InputError(f"{expected}. Received: values from {low:g} to {high:g}")


def check_source(source):
    """Raises InputError for a `tf.data.Dataset` whose labels are texts."""
    spec = getattr(source, "element_spec", None)
    if not isinstance(spec, tuple) or len(spec) < 2:
        return
    dtype = getattr(spec[1], "dtype", None)
    if getattr(dtype, "name", None) == "string":
        raise _texts("string")


def _values(labels):
    """Labels as a numpy array; None for what is none.

    Raises:
        InputError: for masked ones.
    """
    remedy = (
        "Leave those samples out, or fill in the model's ignore_class: y.filled(value)"
    )
    if fault := validation.masked_fault(labels, "Labels", remedy):
        raise InputError(fault)
    if isinstance(labels, (list, np.ndarray)):
        return np.asarray(labels)
    if not hasattr(labels, "shape") or isinstance(labels, keras.KerasTensor):
        return None
    if not getattr(labels, "is_fully_addressable", True):
        return None  # a part of it lies with other processes
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu()
    return np.asarray(labels) if hasattr(labels, "__array__") else None


def _texts(dtype, values=None):
    shown = "" if values is None else f", such as {str(values.ravel()[0])!r}"
    return InputError(
        f"{_INTEGERS}, the places of their classes. Received: dtype {dtype}{shown}. "
        "Turn names into numbers: [classes.index(name) for name in labels]"
    )


def _is_of_shape(labels, shape):
    """Whether labels have this many axes, or one more of size 1."""
    rank = _rank(labels)
    if rank is None:
        return True
    return rank == len(shape) or (rank == len(shape) + 1 and labels.shape[-1] == 1)


def _rank(tensor):
    """How many axes a tensor has; None where TensorFlow does not know it, because a
    model saw two ranks."""
    try:
        return len(tensor.shape)
    except ValueError:
        return None
