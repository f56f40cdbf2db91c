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
_MAX_BYTES = 64_000_000


class Sequence(Kind):
    """Sequences `(steps, features)`."""

    has_own_grid = True
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
        `options["axis"]` is that of time, the first by default.
        """
        read = ReadSequence(options.get("axis", 0))
        return dict.fromkeys((*TEXT_ENDINGS, ".mat", ".npy"), read)

    def measure(self, paths):
        """64 steps; time is the axis along which the files differ, else the first."""
        shapes = [array_of(path).shape for path in paths]
        ranks = set(map(len, shapes))
        if len(ranks) > 1 or ranks & {0, 1}:
            some = ", ".join(map(str, sorted(set(shapes))[:3]))
            raise ValueError(f"the files must be arrays of steps x features: {some}")
        axes = range(min(ranks))
        free = [axis for axis in axes if len({shape[axis] for shape in shapes}) > 1]
        if len(free) > 1:
            some = ", ".join(map(str, sorted(set(shapes))[:3]))
            raise ValueError(f"the files have mixed shapes: {some}")
        axis = free[0] if free else 0
        features = math.prod(shapes[0]) // shapes[0][axis]
        return (STEPS, features), {"axis": axis} if axis else {}

    def picture(self, values, side):
        """Features from top to bottom, time from left to right."""
        return drawing.heat_map(values.T, side)


@dataclasses.dataclass(frozen=True)
class ReadSequence:
    """A file of numbers as a sequence, stretched to the shape's steps.

    Args:
        axis: of the array in the file, along which time passes.
    """

    axis: int = 0

    def __call__(self, path, shape):
        values = array_of(path)
        if values.ndim < 2 or self.axis >= values.ndim:
            raise ValueError(
                f"{path} must be an array of steps x features. Received: {values.shape}"
            )
        values = np.moveaxis(values, self.axis, 0)
        values = values.reshape(len(values), -1)
        if values.shape[1] != shape[1]:
            raise ValueError(
                f"{path} must have {shape[1]} features. Received: {values.shape[1]}"
            )
        return stretching.stretch(values, shape[0])


def array_of(path):
    """The numbers of a file of any of the endings, as float64."""
    ending = path.suffix.lower()
    if ending == ".mat":
        return mat5.read_only(path, _MAX_BYTES).astype(np.float64)
    if ending == ".npy":
        return npz.read_npy(path, npz.shape_of(path)).astype(np.float64)
    return numbers_text.read(path)


SEQUENCE = Sequence()
