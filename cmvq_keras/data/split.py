"""The arrays of one split, ready for a model."""

import dataclasses
from typing import Any

import numpy as np

from cmvq_keras.data import kinds
from cmvq_keras.recipe.fields import AUTO

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Split:
    """Inputs, labels and what each sample is.

    Args:
        x: arrays by modality, `(n, height, width, channels)` float32, normalized, or
            what reads them from a store.
        y: labels, `(n,)` int32, indices into the recipe's classes; for other tasks as
            `cmvq_keras.tasks` has them.
        samples: `(n,)` short strings that say where each sample comes from.
    """

    x: dict[str, Any]
    y: np.ndarray
    samples: np.ndarray

    def __len__(self):
        return len(self.y)


def normalize(values, modality):
    """Raw values as a model sees them: `(values - offset) / scale`, float32.

    Args:
        values: array of raw values, any shape.
        modality: a `cmvq_keras.recipe.Modality`.
    """
    return _normalized(np.array(values, np.float32), modality)


def normalize_stored(values, modality):
    """Stored values as a model sees them, see `raw` and `normalize`."""
    return _normalized(raw(values, modality), modality)


def raw(values, modality):
    """Stored values as raw ones, float32: uint8 in a picture counts as 0 to 255."""
    found = values.astype(np.float32)
    if kinds.get(modality.kind).counts_bytes and values.dtype == np.uint8:
        found /= np.float32(255)
    return found


def _normalized(values, modality):
    if AUTO in (modality.offset, modality.scale):
        raise ValueError(
            'offset and scale of a modality are "auto" and not measured yet: take the '
            "recipe of a store that holds training data, or of a run"
        )
    # In place: a batch is written to memory once.
    values -= np.asarray(modality.offset, np.float32)
    values /= np.asarray(modality.scale, np.float32)
    return values
