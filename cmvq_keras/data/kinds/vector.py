"""Vectors of numbers: columns of a table, embeddings of another network."""

import numpy as np

from cmvq_keras.data.kinds import drawing, sequence
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"vector": ("features",)}
KINDS = {"vector": "VECTOR"}
LARGEST_GRID = 64


class Vector(Kind):
    """Vectors `(features,)`."""

    has_own_grid = True
    augment = staticmethod(augmentation.vector)

    def grids(self, shape, backbone):
        """Any: a dense layer makes the values of each place."""
        return tuple(range(LARGEST_GRID, 0, -1))

    def usual_grid(self, shape):
        """Any serves; 1 x 1 where no other modality needs more."""

    def readers(self, options):
        """Text, MATLAB and `.npy` files of as many numbers."""
        return dict.fromkeys((*sequence.TEXT_ENDINGS, ".mat", ".npy"), read_vector)

    def measure(self, paths):
        """As many features as each of the files has numbers."""
        sizes = {sequence.array_of(path).size for path in paths}
        if len(sizes) > 1:
            raise ValueError(
                f"the files have mixed shapes: {sorted(sizes)[:3]}. Files of steps in "
                "time are of the kind sequence (--kind NAME=sequence)"
            )
        return tuple(sizes), {}

    def picture(self, values, side):
        """A bar a feature, from left to right."""
        return drawing.heat_map(values[None], side)


def read_vector(path, shape):
    """A file of `shape[0]` numbers, in a row or in a column, float32."""
    values = sequence.array_of(path)
    if values.size != shape[0]:
        raise ValueError(
            f"{path} must hold {shape[0]} numbers. Received: {values.size}"
        )
    return values.reshape(shape).astype(np.float32)


VECTOR = Vector()
