"""Sequences of different lengths, with a mask that says which steps are there."""

import dataclasses

import numpy as np

from cmvq_keras.data.kinds import grids
from cmvq_keras.data.kinds.sequence import ReadSequence, Sequence, array_of
from cmvq_keras.data.transforms import augmentation

AXES = {"padded": ("steps", "features")}
KINDS = {"padded": "PADDED"}
LONGEST = 1024  # steps of files whose length nobody chose
_SIDE = 4  # of the grid that such a length allows


class Padded(Sequence):
    """Sequences `(steps, features + 1)`: the last entry is 1 where a step is there, 0
    behind a sequence's end."""

    has_mask = True
    augment = staticmethod(augmentation.padded)

    def readers(self, options):
        """As those of a sequence. A shorter file gets zeros behind its end; a longer
        one loses its end."""
        found = super().readers(options)
        return {ending: ReadPadded(read) for ending, read in found.items()}

    def measure(self, paths):
        """As many steps as the longest file has, and as a grid of 4 x 4 needs."""
        (_, features), options = super().measure(paths)
        axis = options.get("axis", 0)
        longest = max(array_of(path).shape[axis] for path in paths)
        steps = min(max(longest, _SIDE**2), LONGEST)
        while _SIDE not in grids.of_sequence(steps):
            steps += 1
        return (steps, features + 1), options

    def fault(self, values):
        """Steps are there from the first on, one at least, and each or not at all."""
        mask = values[..., -1]
        ends = np.diff(mask.astype(np.float32), axis=-1) > 0
        if np.isin(mask, (0, 1)).all() and mask[..., 0].all() and not ends.any():
            return None
        return (
            "the last entry of each step must be 1 where a step is there, from the "
            "first on, and 0 behind the end. Received: another mask. Make one with "
            "cmvq_keras.data.kinds.padded.pad"
        )

    def limits(self, values):
        """Those of the steps that are there."""
        there = values[values[..., -1] > 0.5][:, :-1]
        return super().limits(there) if there.size else (0.0, 1.0)

    def pictures(self, values, side, limbs=(), limits=None):
        """As those of a sequence; what is behind the end has the lowest value."""
        low, high = limits or self.limits(values)
        there = values[..., -1:] > 0.5
        shown = np.where(there, values[..., :-1], low)
        return super().pictures(shown, side, limbs, (low, high))


@dataclasses.dataclass(frozen=True)
class ReadPadded:
    """A file of numbers as a sequence with zeros behind its end, and its mask.

    Args:
        read: what reads and checks the numbers.
    """

    read: ReadSequence

    def __call__(self, path, shape):
        return pad(self.read.numbers(path, shape[1] - 1), shape[0])


def pad(values, steps):
    """A sequence of any length as `(steps, features + 1)` float32, its mask last.

    Args:
        values: `(n, features)` array, one step at least.
        steps: of the result; a longer sequence loses its end.
    """
    values = np.asarray(values, np.float32)
    if values.ndim != 2 or not len(values):
        raise ValueError(
            f"a sequence must be (steps, features), one step at least. Received: "
            f"{values.shape}"
        )
    count = min(len(values), steps)
    found = np.zeros((steps, values.shape[1] + 1), np.float32)
    found[:count, :-1], found[:count, -1] = values[:count], 1
    return found


PADDED = Padded()
