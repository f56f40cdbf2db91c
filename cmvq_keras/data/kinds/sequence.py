"""Sequences of numbers, such as a sensor's readings."""

from cmvq_keras.data.kinds import drawing
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"sequence": ("steps", "features")}
KINDS = {"sequence": "SEQUENCE"}


class Sequence(Kind):
    """Sequences `(steps, features)`."""

    augment = staticmethod(augmentation.sequence)

    def picture(self, values, side):
        """Features from top to bottom, time from left to right."""
        return drawing.heat_map(values.T, side)


SEQUENCE = Sequence()
