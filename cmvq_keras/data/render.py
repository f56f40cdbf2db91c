"""Each kind of modality as a picture, so that a person sees what it is."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw

_DARK = (32, 32, 32)
# Dark to light through blue, red and yellow: loudness stays in order when printed gray.
_HEAT = np.array([(0, 0, 20), (70, 20, 120), (200, 50, 70), (250, 160, 30), (255,) * 3])


def pictures(values, kind, side, limbs=(), limits=None):
    """Samples of one modality as pictures.

    Spectrograms have low frequencies below; sequences have a row a feature; poses show
    five of their steps, from dark to light; the others go from dark to light through
    red.

    Args:
        values: `(n, height, width, channels)` raw values.
        kind: the modality's kind, see `cmvq_keras.recipe.Modality`.
        side: pixels of a picture's width and height.
        limbs: pairs of joints, which poses show as lines.
        limits: the values that are darkest and lightest; None for `limits_of`.

    Returns:
        A list of `PIL.Image.Image`, RGB.
    """
    values = np.nan_to_num(np.asarray(values, np.float32), posinf=0, neginf=0)
    if kind == "sequence":
        # Features from top to bottom, time from left to right.
        values = values.transpose(0, 2, 1)[..., None]
    if kind == "pose":
        return [_pose(each, side, limbs) for each in values]
    low, high = limits or limits_of(values, kind)
    values = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    return [_picture(each, kind, side) for each in values]


def limits_of(values, kind):
    """The values to show darkest and lightest: 0 and 1 for a picture within them,
    else the smallest and the largest."""
    low, high = float(np.min(values)), float(np.max(values))
    if kind == "image" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high


def label_map(labels, side):
    """A picture of `(height, width)` class indices, black where they are -1.

    Args:
        labels: the indices.
        side: pixels of the picture's width and height.
    """
    picture = Image.fromarray(colors(labels.max() + 1)[labels])
    return picture.resize((side, side), Image.Resampling.NEAREST)


def colors(count):
    """The colors of label maps: `(count + 1, 3)` uint8, the last, black, for none."""
    # Hues a golden ratio apart: neighbouring classes look different.
    hues = np.arange(count) * 0.618 % 1
    found = [colorsys.hsv_to_rgb(hue, 0.65, 0.95) for hue in hues]
    return np.round(np.array([*found, (0, 0, 0)]) * 255).astype(np.uint8)


def _picture(values, kind, side):
    if kind == "audio":
        values = values[::-1]
    if kind in ("audio", "depth", "sequence") or values.shape[-1] not in (1, 3):
        place = np.linspace(0, 1, len(_HEAT))
        gray = values.mean(axis=-1)
        values = np.stack([np.interp(gray, place, each) for each in _HEAT.T], axis=-1)
    else:
        values = np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values
        values = values * 255
    picture = Image.fromarray(np.round(values).astype(np.uint8))
    return picture.resize((side, side), Image.Resampling.NEAREST)


def _pose(values, side, limbs):
    """Joints and limbs of five steps `(steps, joints, (x, y, visible))`."""
    picture = Image.new("RGB", (side, side), _DARK)
    canvas = ImageDraw.Draw(picture)
    # Decoded joints are more or less there.
    shown = values[..., 2] > 0.5
    if not shown.any():
        return picture
    low = values[shown][:, :2].min(axis=0)
    extent = max(float((values[shown][:, :2].max(axis=0) - low).max()), 1e-6)
    steps = np.flatnonzero(shown.any(axis=1))
    for number, share in enumerate(np.linspace(0, 1, 5)):
        step = steps[int(share * (len(steps) - 1))]
        color = (80 + 43 * number, 80 + 43 * number, 120)
        places = (values[step][:, :2] - low) / extent * (side - 7) + 3
        for ends in limbs:
            if shown[step, list(ends)].all():
                canvas.line([tuple(places[joint]) for joint in ends], color)
        for x, y in places[shown[step]]:
            canvas.ellipse((x - 1, y - 1, x + 1, y + 1), fill=color)
    return picture
