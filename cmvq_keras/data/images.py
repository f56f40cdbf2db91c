"""Pictures: files, and small arrays in another size."""

import numpy as np
from PIL import Image


def resize(picture, size):
    """A picture in another size, bilinear.

    Args:
        picture: `(height, width)` or `(height, width, 3)` uint8.
        size: `(height, width)` in pixels.

    Returns:
        `(height, width, 1 or 3)` uint8.
    """
    height, width = size
    resized = np.asarray(Image.fromarray(picture).resize((width, height), _FILTER))
    return resized.reshape(height, width, -1)


def read_image(path, shape):
    """A picture file as a model's input.

    The whole picture is resized, whatever its proportions. Digits have to be light
    on dark, as in MNIST: nothing is inverted.

    Args:
        path: a file that Pillow reads; `.png` or `.jpg`.
        shape: `(height, width, channels)`; 1 channel is gray, 3 are red, green and
            blue.

    Returns:
        `shape` uint8.

    Raises:
        ValueError: for files that are no readable picture.
    """
    height, width, channels = shape
    try:
        with Image.open(path) as picture:
            picture = picture.convert("L" if channels == 1 else "RGB")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not a readable picture: {error}") from None
    return np.asarray(picture.resize((width, height), _FILTER)).reshape(shape)


_FILTER = Image.Resampling.BILINEAR
