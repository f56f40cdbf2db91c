"""Sequences of numbers, such as a sensor's readings."""

import dataclasses
import math

import numpy as np

from cmvq_keras.data.formats import mat5, npz, numbers_text
from cmvq_keras.data.kinds import drawing, grids
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation, stretching

AXES = {"sequence": ("steps", "features")}
KINDS = {"sequence": "SEQUENCE"}
STEPS = 64  # of files whose length nobody chose
TEXT_ENDINGS = (".csv", ".tsv", ".txt")
CURVES = 12  # features that are told apart
_MAX_BYTES = 64_000_000
_ROUNDING = 1e-6  # of a number: files may hold float32


class Sequence(Kind):
    """Sequences `(steps, features)`."""

    has_own_grid = True
    may_center = True
    augment = staticmethod(augmentation.sequence)

    def grids(self, shape, backbone):
        """Its steps fill the places of a grid, row by row."""
        return grids.of_sequence(shape[0])

    def usual_grid(self, shape):
        """One stage at least makes the steps fewer."""
        return max(1, min(grids.USUAL, int((shape[0] / 2) ** 0.5)))

    def readers(self, options):
        """Text files of numbers, a step a line, MATLAB files of one array, and `.npy`.

        A file of any length is stretched to the shape's steps.
        `options["axis"]` is that of time, the first by default; with
        `options["center"]` each feature is read less its mean over time.
        """
        read = _reader(options)
        return dict.fromkeys((*TEXT_ENDINGS, ".mat", ".npy"), read)

    def measure(self, paths):
        """64 steps; time is the first axis. In MATLAB files it is that along which they
        differ, if they do."""
        shapes = [array_of(path).shape for path in paths]
        ranks = set(map(len, shapes))
        if len(ranks) > 1 or ranks & {0, 1}:
            some = ", ".join(map(str, sorted(set(shapes))[:3]))
            raise ValueError(
                f"the files must be arrays of steps x features. Received: {some}. "
                "Files of one row are of the kind vector (--kind NAME=vector)"
            )
        axes = range(min(ranks))
        free = [axis for axis in axes if len({shape[axis] for shape in shapes}) > 1]
        of_matlab = all(path.suffix.lower() == ".mat" for path in paths)
        if len(free) > 1 or (free and free[0] != 0 and not of_matlab):
            some = ", ".join(map(str, sorted(set(shapes))[:3]))
            raise ValueError(
                f"the files have mixed shapes: {some}. Steps come first and may "
                "differ, features must be as many in each"
            )
        axis = free[0] if free else 0
        features = math.prod(shapes[0]) // shapes[0][axis]
        return (STEPS, features), {"axis": axis} if axis else {}

    def level_share(self, paths, options):
        """How much of the variance lies between files, and not within them.

        Args:
            paths: of the files to look at.
            options: how they are read.

        Returns:
            In [0, 1], the mean over the features that vary; 0 where none does.
        """
        read = _reader(options)
        found = [read.numbers(path) for path in paths]
        within = np.mean([_less_level(each).var(axis=0) for each in found], axis=0)
        between = np.var([each.mean(axis=0) for each in found], axis=0)
        means = np.mean([each.mean(axis=0) for each in found], axis=0)
        varies = within + between > np.square(_ROUNDING * means)
        shares = between[varies] / (within + between)[varies]
        return float(shares.mean()) if shares.size else 0.0

    def pictures(self, values, side, limbs=(), limits=None):
        """Skeletons from the front where there are limbs, else as `picture`.

        The features are joints `(x, y, z)`, y upward; with `drawing.PoseLimbs` they are
        `(x, y, visible)`, y downward.
        """
        if not limbs:
            return super().pictures(values, side, limbs, limits)
        joints = values.reshape(*values.shape[:2], -1, 3)
        if not isinstance(limbs, drawing.PoseLimbs):
            # As a pose has them: y downward, and all are seen.
            x, y = joints[..., 0], -joints[..., 1]
            joints = np.stack([x, y, np.ones_like(x)], axis=-1)
        return [drawing.skeleton(each, side, limbs) for each in joints]

    def picture(self, values, side):
        """Time from left to right: a curve a feature, or for many features a row."""
        if values.shape[1] <= CURVES:
            return drawing.curves(values, side)
        return drawing.heat_map(values.T, side)


@dataclasses.dataclass(frozen=True)
class ReadSequence:
    """A file of numbers as a sequence, stretched to the shape's steps.

    Args:
        axis: of the array in the file, along which time passes.
        center: whether each feature is given less its mean over the file.
    """

    axis: int = 0
    center: bool = False

    def __call__(self, path, shape):
        return stretching.stretch(self.numbers(path, shape[1]), shape[0])

    def numbers(self, path, features=None):
        """The numbers of a file, `(its steps, features)` float64; any number of
        features for None."""
        values = array_of(path)
        if values.ndim < 2 or self.axis >= values.ndim:
            raise ValueError(
                f"{path} must be an array of steps x features. Received: {values.shape}"
            )
        values = np.moveaxis(values, self.axis, 0)
        values = values.reshape(len(values), -1)
        if features not in (None, values.shape[1]):
            raise ValueError(
                f"{path} must have {features} features. Received: {values.shape[1]}"
            )
        return _less_level(values) if self.center else values


def _less_level(values):
    """Features less their mean over time; 0 for one that does not change, of which
    rounding would be left."""
    level = values.mean(axis=0)
    moves = np.ptp(values, axis=0) > _ROUNDING * np.abs(level)
    return np.where(moves, values - level, 0.0)


def _reader(options):
    return ReadSequence(options.get("axis", 0), options.get("center", False))


def array_of(path):
    """The numbers of a file of any of the endings, one at least, as float64."""
    ending = path.suffix.lower()
    if ending == ".mat":
        return mat5.read_only(path, _MAX_BYTES).astype(np.float64)
    if ending == ".npy":
        shape = npz.shape_of(path)
        if not shape or 0 in shape:
            raise ValueError(
                f"{path} must be an array of one axis or more, with one number at "
                f"least. Received: shape {shape}"
            )
        return npz.read_npy(path, shape).astype(np.float64)
    return numbers_text.read(path)


SEQUENCE = Sequence()
