"""Maps of depth, or of another one quantity."""

from cmvq_keras.data.kinds import drawing
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"depth": ("height", "width", "channels")}
KINDS = {"depth": "DEPTH"}


class Depth(Kind):
    """Maps `(height, width, channels)`."""

    augment = staticmethod(augmentation.moved)
    moves_with = "image"

    def picture(self, values, side):
        """As dark and light as usual, in the map's proportions."""
        return drawing.heat_map(values.mean(axis=-1), side, in_proportion=True)


DEPTH = Depth()
