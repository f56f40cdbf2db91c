"""Arrays of numbers in [0, 1] as pictures."""

import numpy as np
from PIL import Image

# Dark to light through blue, red and yellow: loudness stays in order when printed gray.
_HEAT = np.array([(0, 0, 20), (70, 20, 120), (200, 50, 70), (250, 160, 30), (255,) * 3])


def heat_map(values, side):
    """`(height, width)` from dark to light through red, `side` pixels square."""
    place = np.linspace(0, 1, len(_HEAT))
    channels = [np.interp(values, place, each) for each in _HEAT.T]
    return _picture(np.stack(channels, axis=-1), side)


def photograph(values, side):
    """`(height, width, 1 or 3)` in gray or in color, `side` pixels square."""
    values = np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values
    return _picture(values * 255, side)


def _picture(values, side):
    picture = Image.fromarray(np.round(values).astype(np.uint8))
    return picture.resize((side, side), Image.Resampling.NEAREST)
