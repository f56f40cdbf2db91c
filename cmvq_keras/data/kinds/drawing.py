"""Arrays of numbers in [0, 1] as pictures."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw

# Dark to light through blue, red and yellow: loudness stays in order when printed gray.
_HEAT = np.array([(0, 0, 20), (70, 20, 120), (200, 50, 70), (250, 160, 30), (255,) * 3])


_DARK = (32, 32, 32)


class PoseLimbs(tuple):
    """Pairs of joints with a line between them, for a sequence whose joints are
    `(x, y, visible)`, y downward, as a pose's; without it they are `(x, y, z)`."""


def within(height, width, side):
    """Width and height in pixels of a picture whose longer side is `side`."""
    scale = side / max(height, width)
    return max(1, round(scale * width)), max(1, round(scale * height))


def heat_map(values, side, in_proportion=False):
    """`(height, width)` from dark to light through red.

    Args:
        values: numbers in [0, 1].
        side: pixels of the longer side, and of the other one unless `in_proportion`.
        in_proportion: whether height and width are those of a picture.
    """
    place = np.linspace(0, 1, len(_HEAT))
    channels = [np.interp(values, place, each) for each in _HEAT.T]
    height, width = values.shape
    size = within(height, width, side) if in_proportion else (side, side)
    return _picture(np.stack(channels, axis=-1), size)


def photograph(values, side):
    """`(height, width, channels)` in gray or in color, its longer side `side` pixels.

    Of another number of channels than 1 and 3 the mean, as a heat map.
    """
    if values.shape[-1] not in (1, 3):
        return heat_map(values.mean(axis=-1), side, in_proportion=True)
    values = np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values
    height, width = values.shape[:2]
    return _picture(values * 255, within(height, width, side))


def _picture(values, size):
    picture = Image.fromarray(np.round(values).astype(np.uint8))
    return picture.resize(size, Image.Resampling.NEAREST)


def curves(values, side):
    """`(steps, features)` as a curve a feature, `side` pixels square."""
    picture = Image.new("RGB", (side, side), _DARK)
    canvas = ImageDraw.Draw(picture)
    steps, features = values.shape
    across = np.linspace(0, side - 1, steps)
    down = (1 - values) * (side - 5) + 2
    for feature in range(features):
        color = colorsys.hsv_to_rgb(feature / features, 0.55, 0.95)
        line = list(zip(across, down[:, feature], strict=True))
        canvas.line(line, tuple(round(255 * part) for part in color), 1)
    return picture


def skeleton(values, side, limbs):
    """Five steps of a skeleton, from dark to light, `side` pixels square.

    Args:
        values: `(steps, joints, (x, y, visible))`, y downward.
        side: pixels.
        limbs: pairs of joints with a line between them.
    """
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
