"""Pictures: photographs, drawings, maps of several channels."""

import numpy as np

from cmvq_keras.data.formats import images
from cmvq_keras.data.kinds import drawing
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"image": ("height", "width", "channels")}
KINDS = {"image": "IMAGE"}
LARGEST_SIDE = 64  # pixels of pictures whose size nobody chose
_STEP = 16


class Image(Kind):
    """Pictures `(height, width, channels)`."""

    counts_bytes = True
    augment = staticmethod(augmentation.affine)

    def readers(self, options):
        """Pictures, resized to the shape."""
        return dict.fromkeys(images.ENDINGS, images.read_image)

    def measure(self, paths):
        """The files' own size up to 64 pixels, else of their proportions; in color
        unless all are gray."""
        if paths[0].suffix.lower() == ".npy":
            return super().measure(paths)
        seen = [images.outline(path) for path in paths]
        width, height = (
            int(np.median([size[axis] for size, _ in seen])) for axis in (0, 1)
        )
        gray = all(is_gray for _, is_gray in seen)
        scale = min(1, LARGEST_SIDE / max(width, height))
        sides = tuple(
            side if side * scale == side else _rounded(side * scale)
            for side in (height, width)
        )
        if not any(grid > 3 for grid in self.grids(sides, "conv")):
            sides = tuple(map(_rounded, sides))
        return (*sides, 1 if gray else 3), {}

    def limits(self, values):
        """0 and 1 for values within them."""
        low, high = super().limits(values)
        return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)

    def picture(self, values, side):
        """Gray or in color; of another number of channels their mean."""
        return drawing.photograph(values, side)


def _rounded(side):
    return max(_STEP, round(side / _STEP) * _STEP)


IMAGE = Image()
