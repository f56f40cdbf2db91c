"""Sequences of joints `(x, y, visible)`."""

import numpy as np
from PIL import Image, ImageDraw

from cmvq_keras.data.kinds import grids
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"pose": ("steps", "joints", "features")}
KINDS = {"pose": "POSE"}
LARGEST_GRID = 128
_DARK = (32, 32, 32)


class Pose(Kind):
    """Tracks `(steps, joints, (x, y, visible))`."""

    has_own_grid = True
    augment = staticmethod(augmentation.pose)

    def grids(self, shape, backbone):
        """Four steps a row of the grid at most."""
        fewest = -(-shape[0] // 4)
        return tuple(range(max(LARGEST_GRID, fewest), fewest - 1, -1))

    def usual_grid(self, shape):
        """No more rows than the steps need."""
        return max(grids.USUAL, -(-shape[0] // 4))

    def pictures(self, values, side, limbs=(), limits=None):
        """Five of the steps, from dark to light."""
        return [_draw(each, side, limbs) for each in values]


def _draw(values, side, limbs):
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


POSE = Pose()
