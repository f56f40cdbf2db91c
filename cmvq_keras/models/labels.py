"""Labels at the model's door: integers, one a sample or one a pixel."""

import numpy as np
from keras import ops

#: NYUv2 and others mark pixels without a class so.
IGNORED_LABEL = -1


def align_labels(labels, logits):
    """Labels in the shape of the logits' leading axes.

    Args:
        labels: integers, of these axes or with one more of size 1.
        logits: `(batch, ..., classes)`.

    Raises:
        ValueError: for no labels, and for other shapes.
    """
    if labels is None:
        raise ValueError(
            "Training and evaluation need labels: integers, one a sample. "
            "Received: none"
        )
    wanted = logits.shape[:-1]
    if not _is_of_shape(labels, wanted):
        raise ValueError(
            f"Labels must be integers of {len(wanted)} axes (no one-hot vectors: "
            "take their argmax). Received: shape "
            f"{tuple(labels.shape)} for logits {tuple(logits.shape)}"
        )
    return ops.reshape(labels, ops.shape(logits)[:-1])


def check_values(labels, axes, num_classes, ignore_class=None):
    """Checks arrays before Keras runs: JAX takes any label in silence.

    Args:
        labels: what `fit` got; only arrays and lists are looked at.
        axes: of the labels; None before the model is built.
        num_classes: J.
        ignore_class: label that does not count, or None.

    Raises:
        ValueError: for values out of range.
    """
    if not isinstance(labels, (np.ndarray, list)) or num_classes is None:
        return
    labels = np.asarray(labels)
    if labels.ndim > axes + 1 or not labels.size:
        return
    seen = labels if ignore_class is None else labels[labels != ignore_class]
    low, high = np.min(seen, initial=0), np.max(seen, initial=0)
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"Labels must be integers from 0 to {num_classes - 1}. "
            f"Received: values from {low} to {high}"
        )


def _is_of_shape(labels, shape):
    """Whether labels have this many axes, or one more of size 1."""
    try:
        rank = len(labels.shape)
    except ValueError:
        # TensorFlow forgets the rank of a model that saw labels of two ranks.
        return True
    return rank == len(shape) or (rank == len(shape) + 1 and labels.shape[-1] == 1)
