"""Texts as the bytes of their UTF-8, which need no vocabulary."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cmvq_keras import fileio
from cmvq_keras.data.kinds import grids
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"tokens": ("length",)}
KINDS = {"tokens": "TOKENS"}
LENGTHS = (16, 1024)  # bytes of texts whose length nobody chose, fewest and most
_MAX_BYTES = 64_000_000
_DARK, _PAPER = (32, 32, 32), (255, 255, 255)
_LINE = 12  # pixels


class Tokens(Kind):
    """Texts `(length,)` of bytes, 0 behind their end; longer ones are cut."""

    has_own_grid = True
    augment = staticmethod(augmentation.tokens)

    def grids(self, shape, backbone):
        """The bytes fill the places of a grid, row by row."""
        return grids.of_sequence(shape[0])

    def usual_grid(self, shape):
        """One stage at least makes the bytes fewer."""
        return max(1, min(grids.USUAL, int((shape[0] / 2) ** 0.5)))

    def readers(self, options):
        """Text files in UTF-8."""
        return {".txt": lambda path, shape: of_text(_read(path), shape)}

    def measure(self, paths):
        """The power of two that the longest of the files needs."""
        return shape_of([_read(path) for path in paths]), {}

    def pictures(self, values, side, limbs=(), limits=None):
        """The text itself, as far as it has room."""
        return [_draw(each, side) for each in values]


def shape_of(texts):
    """A length that suits some texts: a power of two, 16 to 1,024 bytes."""
    longest = max(len(text.encode()) for text in texts)
    fewest, most = LENGTHS
    return (min(most, max(fewest, 2 ** max(longest - 1, 1).bit_length())),)


def of_text(text, shape):
    """A text as `shape` uint8: its UTF-8, cut or filled with zeros.

    Raises:
        ValueError: for a text without letters.
    """
    if not text.strip():
        raise ValueError("a text is empty")
    found = np.zeros(shape, np.uint8)
    content = np.frombuffer(text.encode()[: shape[0]], np.uint8)
    found[: len(content)] = content
    return found


def to_text(values):
    """The text of `(length,)` bytes, what is no UTF-8 replaced."""
    content = np.clip(np.round(values), 0, 255).astype(np.uint8).tobytes()
    return content.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")


def _read(path):
    with fileio.opened(path, "text file", _MAX_BYTES) as file:
        return file.read().decode("utf-8-sig")


def _draw(values, side):
    picture = Image.new("RGB", (side, side), _PAPER)
    canvas, font = ImageDraw.Draw(picture), ImageFont.load_default(size=_LINE - 2)
    line, top = "", 1
    for letter in fileio.printable(to_text(values)):
        if line and canvas.textlength(line + letter, font=font) > side - 4:
            canvas.text((2, top), line, fill=_DARK, font=font)
            line, top = "", top + _LINE
        line += letter
        if top > side:
            break
    canvas.text((2, top), line, fill=_DARK, font=font)
    return picture.crop((0, 0, side, min(side, top + _LINE + 1)))


TOKENS = Tokens()
