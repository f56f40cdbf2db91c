"""Sequences of joints `(x, y, visible)`."""

from cmvq_keras.data.kinds import drawing, grids
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"pose": ("steps", "joints", "features")}
KINDS = {"pose": "POSE"}
LARGEST_GRID = 128


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
        return [drawing.skeleton(each, side, limbs) for each in values]


POSE = Pose()
