"""Pictures: files, and small arrays in another size."""

# pyright: reportOperatorIssue=false

import colorsys

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cmvq_keras import fileio
from cmvq_keras.data.formats import picture_check, signatures

MAX_PIXELS = 50_000_000
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_ORIENTATION = 0x0112  # EXIF's tag of which side is up


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


def read_image(path, shape, crop=None):
    """A picture file as a model's input.

    The whole picture is resized, whatever its proportions, unless a part of it is
    asked for. Digits have to be light
    on dark, as in MNIST: nothing is inverted. A camera's note of which side is up
    (EXIF) is followed.

    Args:
        path: a PNG, JPEG or WebP file, whatever its name ends in.
        shape: `(height, width, channels)`; 1 channel is gray, 3 are red, green and
            blue.
        crop: function of the picture's `(height, width)` that gives `(top, left,
            size)` of the square to take, in pixels.

    Returns:
        `shape` uint8.

    Raises:
        ValueError: for files that are no such picture, are damaged (see
            `picture_check.check_picture`), have more than 50 million pixels, or
            transparent ones, whose colour nobody sees.
        OSError: if it is not there or may not be read.
    """
    height, width, channels = shape
    with fileio.opened(path, "picture") as file, _open(file) as picture:
        _check_colors(picture, channels)
        _check_content(file, picture)
        picture = _upright(picture, channels)
        if crop:
            top, left, size = crop((picture.height, picture.width))
            picture = picture.crop((left, top, left + size, top + size))
    return np.asarray(picture.resize((width, height), _FILTER)).reshape(shape)


def of_pillow(picture, channels):
    """A picture of Pillow in its own size, as `read_image` reads its file.

    Args:
        picture: `PIL.Image.Image` of any mode of 8 bits per color, palettes too.
        channels: 1 or 3.

    Returns:
        `(height, width, channels)` uint8.

    Raises:
        ValueError: for more bits, and for transparent pixels.
    """
    _check_colors(picture, channels)
    found = np.asarray(_upright(picture, channels))
    return found.reshape(*found.shape[:2], channels)


def tint(picture, hue):
    """A gray picture in one colour, on black: white becomes the pure colour.

    Args:
        picture: `(height, width, 1)` uint8.
        hue: of the colour, in [0, 1): 0 is red, 1/3 green, 2/3 blue.

    Returns:
        `(height, width, 3)` uint8.
    """
    color = np.array(colorsys.hsv_to_rgb(hue, 1, 1))
    return np.rint(picture * color).astype(np.uint8)


def read_values(path, modes):
    """What a PNG file holds, pixel by pixel: no colours, but e.g. classes.

    Args:
        path: a PNG file of one channel.
        modes: the modes of Pillow that it may have.

    Returns:
        `(height, width)` in the file's own dtype.

    Raises:
        ValueError, OSError: as `read_image`, and for a wrong checksum or mode.
    """
    with fileio.opened(path, "picture") as file:
        with _open(file) as picture:
            if picture.format != "PNG" or picture.mode not in modes:
                raise ValueError(
                    f"it must be a PNG file of mode {' or '.join(modes)}. Received: "
                    f"{picture.format} {picture.mode}"
                )
            picture.verify()
            _check_content(file, picture)
        # A picture cannot be used after that.
        file.seek(0)
        with _open(file) as picture:
            return np.array(picture)


def size_of(path):
    """`(width, height)` of a picture file, from its header.

    Raises:
        ValueError, OSError: as `read_image`.
    """
    with fileio.opened(path, "picture") as file, _open(file) as picture:
        return picture.size


def outline(path):
    """`((width, height), whether it is gray)` of a picture file, from its header.

    Raises:
        ValueError, OSError: as `read_image`.
    """
    with fileio.opened(path, "picture") as file, _open(file) as picture:
        # From 5 on the sides are exchanged when it stands upright.
        turned = picture.getexif().get(_ORIENTATION, 1) >= 5
        size = picture.size[::-1] if turned else picture.size
        return size, picture.mode in ("L", "1")


def mirror(pictures):
    """Pictures mirrored left to right.

    Args:
        pictures: `(n, height, width, ...)`.
    """
    return pictures[:, :, ::-1]


def _check_colors(picture, channels):
    """Raises ValueError for pixels that are no gray or color of 8 bits."""
    if channels not in (1, 3):
        raise ValueError(
            f"a picture has 1 channel (gray) or 3 (color). Received: a shape of "
            f"{channels}. Store other channels as arrays (.npy)"
        )
    if picture.mode.startswith(("I", "F")):
        # Pillow would clip its values.
        raise ValueError(f"it must have 8 bits per colour. Received: {picture.mode}")
    if picture.has_transparency_data and _lowest_alpha(picture) < 255:
        raise ValueError("it has transparent pixels: save it without transparency")


def _upright(picture, channels):
    """Gray or in color, the side up that a camera noted."""
    return ImageOps.exif_transpose(picture).convert("L" if channels == 1 else "RGB")


def _lowest_alpha(picture):
    return picture.convert("RGBA").getchannel("A").getextrema()[0]


def _check_content(file, picture):
    """Raises ValueError for a damaged picture; see `picture_check.check_picture`."""
    place = file.tell()
    file.seek(0)
    picture_check.check_picture(file.read(), picture.format)
    file.seek(place)  # Pillow goes on where it was


def _open(file):
    """A picture whose header was checked; nothing is decoded yet."""
    try:
        picture = Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        raise ValueError(
            f"it must be a PNG, JPEG or WebP picture. Received: "
            f"{signatures.describe(file.read(64))}"
        ) from None
    if picture.width * picture.height > MAX_PIXELS:
        raise ValueError(
            f"it must have {MAX_PIXELS:,} pixels at most. Received: {picture.width} x "
            f"{picture.height}"
        )
    return picture


_FORMATS = ("PNG", "JPEG", "WEBP")
_FILTER = Image.Resampling.BILINEAR
