"""Clips: pictures one after another."""

import numpy as np
from PIL import Image

from cmvq_keras.data.formats import video
from cmvq_keras.data.kinds import drawing, grids
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"video": ("time", "height", "width", "channels")}
KINDS = {"video": "VIDEO"}
ENDINGS = (".mp4", ".mkv", ".avi", ".flv", ".mov")
SHAPE = (8, 32, 32, 3)  # of files whose shape nobody chose
_LIMITS = video.Limits()
_SHOWN = 2  # pictures a row and a column


class Video(Kind):
    """Clips `(time, height, width, channels)`."""

    counts_bytes = True
    has_own_grid = True
    augment = staticmethod(augmentation.video)

    def grids(self, shape, backbone):
        """Those of one of its pictures, with one stage at least."""
        return grids.of_picture(shape[1:3], "conv")

    def usual_grid(self, shape):
        """Half of the shorter side at most."""
        return max(1, min(grids.USUAL, min(shape[1:3]) // 2))

    def readers(self, options):
        """Clips: as many pictures as the shape has, from first to last, resized."""
        return dict.fromkeys(ENDINGS, read_clip)

    def measure(self, paths):
        """8 pictures of 32 x 32 in color; arrays of a file keep their shape."""
        if paths[0].suffix.lower() == ".npy":
            return super().measure(paths)
        for path in paths:
            with video.open_clip(path, _LIMITS):
                pass
        return SHAPE, {}

    def limits(self, values):
        """0 and 1 for values within them."""
        low, high = super().limits(values)
        return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)

    def picture(self, values, side):
        """Four of its pictures, evenly from first to last, row by row."""
        made = Image.new("RGB", (side, side))
        rows = np.linspace(0, len(values) - 1, _SHOWN**2).astype(int)
        size = side // _SHOWN
        for place, row in enumerate(rows):
            down, across = divmod(place, _SHOWN)
            corner = across * size, down * size
            made.paste(drawing.photograph(values[row], size), corner)
        return made


def read_clip(path, shape):
    """A clip as `shape` uint8, pictures evenly from its first to its last."""
    time, height, width, channels = shape
    if channels not in (1, 3):
        raise ValueError(
            f"{path}: a clip has 1 or 3 channels. Received: a shape of {channels}"
        )
    with video.open_clip(path, _LIMITS) as clip:
        numbers = np.linspace(0, clip.frame_count - 1, time).round().astype(int)
        pictures = clip.frames(numbers.tolist())
    return np.stack([_resized(each, height, width, channels) for each in pictures])


def _resized(picture, height, width, channels):
    made = Image.fromarray(picture).convert("RGB" if channels == 3 else "L")
    values = np.asarray(made.resize((width, height), Image.Resampling.BILINEAR))
    return values.reshape(height, width, channels)


VIDEO = Video()
