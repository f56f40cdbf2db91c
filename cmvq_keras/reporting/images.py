"""Samples as pictures: as they are, and decoded from parts of their features."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cmvq_keras import recipes
from cmvq_keras.data import render

SIDE = 144  # pixels
_GAP, _LINE, _FONT = 4, 24, 18


def decoded(model, x, version):
    """Samples decoded from one of the model's `reconstructions`, normalized, by
    modality.

    Args:
        model: a `CMVQVAE`.
        x: dictionary of arrays `(n, ...)`.
        version: "mix" takes the contradictory features of the next sample.
    """
    return model.mix(x) if version == "mix" else model.reconstruct(x, version)


def rebuilt(model):
    """Names of the modalities whose inputs a model rebuilds."""
    own = getattr(model, "rebuilt_features", ())
    return [name for name in model.modalities if name not in own]


def raw_values(recipe, name, values):
    """Normalized values of a modality as raw ones, float32."""
    modality = recipe.modalities[name]
    scale, offset = (
        np.asarray(each, np.float32) for each in (modality.scale, modality.offset)
    )
    return np.asarray(values, np.float32) * scale + offset


def compare(recipe, name, versions, side=SIDE):
    """Pictures of one modality in several versions, all on the original's scale.

    Args:
        recipe: a `Recipe`.
        name: the modality.
        versions: normalized `(n, height, width, channels)` by version; the first
            one is the original.
        side: pixels.

    Returns:
        A list of `PIL.Image.Image` by version.
    """
    kind = recipe.modalities[name].kind
    values = {key: raw_values(recipe, name, each) for key, each in versions.items()}
    limits = render.limits_of(np.nan_to_num(next(iter(values.values()))), kind)
    limbs = recipes.limbs(recipe).get(name, ())
    return {
        key: render.pictures(each, kind, side, limbs, limits)
        for key, each in values.items()
    }


def sheet(columns):
    """Pictures side by side: a column a version, a row a sample.

    Args:
        columns: lists of pictures by the column's title, their longer sides alike.

    Returns:
        A `PIL.Image.Image`, RGB.
    """
    rows = len(next(iter(columns.values())))
    pictures = [picture for column in columns.values() for picture in column]
    side, height = _side(pictures), _height(pictures)
    size = (len(columns) * (side + _GAP) + _GAP, rows * (height + _GAP) + _GAP + _LINE)
    made = Image.new("RGB", size, (255, 255, 255))
    canvas = ImageDraw.Draw(made)
    font = ImageFont.load_default(size=_FONT)
    for number, (title, pictures) in enumerate(columns.items()):
        left = _GAP + number * (side + _GAP)
        canvas.text((left, 1), title, fill=(32, 32, 32), font=font)
        for row, picture in enumerate(pictures):
            made.paste(picture, (left, _LINE + _GAP + row * (height + _GAP)))
    return made


def strip(pictures):
    """Pictures side by side, without titles.

    Args:
        pictures: a list of `PIL.Image.Image`, their longer sides alike.

    Returns:
        A `PIL.Image.Image`, RGBA: the page is seen between them.
    """
    side = _side(pictures)
    made = Image.new("RGBA", (len(pictures) * (side + _GAP) - _GAP, _height(pictures)))
    for number, picture in enumerate(pictures):
        made.paste(picture, (number * (side + _GAP), 0))
    return made


def _side(pictures):
    """The width of a column: as wide as a square picture would be."""
    return max(max(picture.size) for picture in pictures)


def _height(pictures):
    return max(picture.height for picture in pictures)


def legend(classes):
    """Names and colors `#rrggbb` of a label map's classes."""
    return [
        (name, "#{:02x}{:02x}{:02x}".format(*color))
        for name, color in zip(
            (*classes, "no class"), render.colors(len(classes)), strict=True
        )
    ]


def png_bytes(picture):
    """A `PIL.Image.Image` as the bytes of a PNG file."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
