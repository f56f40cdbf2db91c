"""Scenes with a depth and a class for every pixel, in a model's size."""

import numpy as np
from PIL import Image

from cmvq_keras import validation

# The sensor's range is 0.5 to 10; beyond these the unit is another one.
MIN_METRES, MAX_METRES = 0.4, 12
DEPTH_RESIZE = ("nearest", "bilinear")
_BILINEAR = Image.Resampling.BILINEAR


def resize_nearest(values, size):
    """An array in another size; every pixel is one of the old ones.

    Args:
        values: `(height, width)`.
        size: `(height, width)` in pixels.

    Returns:
        Array of `size`: the old pixel in which the new one's centre lies.
    """
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(int)
        for old, new in zip(values.shape, size, strict=True)
    )
    return values[np.ix_(rows, columns)]


def resize_depth(metres, size, how="nearest"):
    """A depth map in another size.

    "nearest" keeps to distances that were measured; "bilinear" is smoother, but
    between a near and a far surface it gives distances at which there is nothing.

    Args:
        metres: `(height, width)` float32; 0 where nothing was measured.
        size: `(height, width)` in pixels.
        how: "nearest" or "bilinear"; the latter averages what was measured alone.

    Returns:
        `(height, width, 1)` float32; 0 where nothing was measured.
    """
    validation.one_of(how, DEPTH_RESIZE, "data.depth_resize")
    if how == "nearest":
        return resize_nearest(metres, size)[..., None]
    total, share = (
        np.asarray(Image.fromarray(part).resize(size[::-1], _BILINEAR))
        for part in (metres, (metres > 0).astype(np.float32))
    )
    measured = share > 1e-3
    mean = np.divide(total, share, out=np.zeros_like(total), where=measured)
    return mean[..., None]


def check_depth(metres):
    """Raises ValueError for values that are no distances in metres, 0 where there is
    none, and for a map without any."""
    if not np.isfinite(metres).all():
        raise ValueError("depth holds values that are not finite")
    if metres.min() < 0 or metres.max() > MAX_METRES:
        raise ValueError(
            f"depth must be 0 to {MAX_METRES} metres. Received: {metres.min():g} to "
            f"{metres.max():g}"
        )
    if not metres.any():
        raise ValueError("depth is 0 everywhere: nothing was measured")
    nearest = metres[metres > 0].min()
    if nearest < MIN_METRES:
        raise ValueError(
            f"depth must be {MIN_METRES} metres or more. Received: {nearest:g}"
        )


def label_size(recipe):
    """`(height, width)` of a recipe's label maps: the largest modality's."""
    return max(modality.shape[:2] for modality in recipe.modalities.values())
