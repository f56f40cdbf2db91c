"""Pictures: files, and small arrays in another size."""

import numpy as np
from PIL import Image


def resize(images, size):
    """Grayscale images in another size, bilinear, as float32 in [0, 1].

    Args:
        images: `(n, height, width)` uint8.
        size: `(height, width)` in pixels.

    Returns:
        `(n, height, width, 1)` float32.
    """
    height, width = size
    resized = np.empty((len(images), height, width, 1), np.float32)
    for row, image in zip(resized, images, strict=True):
        picture = Image.fromarray(image).resize((width, height), _FILTER)
        row[:, :, 0] = picture
    resized /= 255
    return resized


def read_image(path, shape):
    """A picture file as a model's input.

    The whole picture is resized, whatever its proportions. Digits have to be light
    on dark, as in MNIST: nothing is inverted.

    Args:
        path: a file that Pillow reads; `.png` or `.jpg`.
        shape: `(height, width, channels)`; 1 channel is gray, 3 are red, green and
            blue.

    Returns:
        `shape` float32 in [0, 1].

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
    values = np.asarray(picture.resize((width, height), _FILTER), np.float32)
    return values.reshape(shape) / np.float32(255)


_FILTER = Image.Resampling.BILINEAR
