"""Each kind of modality as a picture, so that a person sees what it is."""

import colorsys

import numpy as np
from PIL import Image

from cmvq_keras.data import kinds
from cmvq_keras.data.kinds import drawing


def pictures(values, kind, side, limbs=(), limits=None):
    """Samples of one modality as pictures.

    Spectrograms have low frequencies below. Sequences have a curve a feature, or a row
    where there are many; those of joints are skeletons. Skeletons and poses show five
    of their steps, from dark to light. The others go from dark to light through red.

    Args:
        values: `(n, height, width, channels)` raw values.
        kind: the modality's kind, see `cmvq_keras.recipe.Modality`.
        side: pixels of a picture's longer side. Photographs, depths and label maps keep
            their proportions, and texts are as high as their lines.
        limbs: pairs of joints, which poses and sequences show as lines.
        limits: the values that are darkest and lightest; None for `limits_of`.

    Returns:
        A list of `PIL.Image.Image`, RGB.
    """
    values = np.nan_to_num(np.asarray(values, np.float32), posinf=0, neginf=0)
    return kinds.get(kind).pictures(values, side, limbs, limits)


def limits_of(values, kind):
    """The values to show darkest and lightest: 0 and 1 for a picture within them,
    else the smallest and the largest."""
    return kinds.get(kind).limits(values)


def label_map(labels, side):
    """A picture of `(height, width)` class indices, black where they are -1.

    Args:
        labels: the indices.
        side: pixels of the picture's longer side.
    """
    picture = Image.fromarray(colors(labels.max() + 1)[labels])
    size = drawing.within(picture.height, picture.width, side)
    return picture.resize(size, Image.Resampling.NEAREST)


def colors(count):
    """The colors of label maps: `(count + 1, 3)` uint8, the last, black, for none."""
    # Hues a golden ratio apart: neighbouring classes look different.
    hues = np.arange(count) * 0.618 % 1
    found = [colorsys.hsv_to_rgb(hue, 0.65, 0.95) for hue in hues]
    return np.round(np.array([*found, (0, 0, 0)]) * 255).astype(np.uint8)
