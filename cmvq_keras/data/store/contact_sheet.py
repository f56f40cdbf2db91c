"""A sheet of samples from a store: one picture, so that a person sees what is fed."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cmvq_keras import tasks
from cmvq_keras.data import render
from cmvq_keras.data.split import raw

SIDE = 112  # pixels of one modality of one sample
GAP, LINE = 10, 14
SAMPLES, COLUMNS = 8, 4  # samples of a split, and of a row of the sheet
_DARK, _PAPER = (32, 32, 32), (255, 255, 255)


def draw(store, splits, limbs=None):
    """Draws up to eight samples of each split, spread over the classes.

    Every sample shows its modalities side by side, its class and its name.
    Spectrograms have low frequencies below; poses show five of their steps, from
    dark to light; values outside of [0, 1] are stretched over the shown samples. Under
    segmentation the label map comes last, a color a class, black for none.

    Args:
        store: an open `cmvq_keras.data.Store`.
        splits: `cmvq_keras.data.store.store.Part`s by name; the ones to show.
        limbs: by modality pairs of joints, which poses show as lines.

    Returns:
        A `PIL.Image.Image`, RGB.
    """
    rows = {split: _choose(part, store.recipe) for split, part in splits.items()}
    shown = len(store.recipe.modalities) + tasks.get(store.recipe.task).has_maps
    tile = (shown * (SIDE + 2) + GAP, SIDE + 2 * LINE + GAP)
    lines = {split: -(-len(chosen) // COLUMNS) for split, chosen in rows.items()}
    height = sum(2 * LINE + count * tile[1] for count in lines.values()) + GAP
    sheet = Image.new("RGB", (COLUMNS * tile[0] + GAP, max(height, SIDE)), _PAPER)
    top = GAP
    for split, part in splits.items():
        count = f"{len(part)} sample{'s' * (len(part) > 1)}"
        title = f"{store.recipe.name}: {split}, {count}"
        _write(sheet, (GAP, top), title, sheet.width)
        top += 2 * LINE
        pictures = list(_pictures(store.recipe, part, rows[split], limbs or {}))
        for index, row in enumerate(rows[split]):
            left = GAP + index % COLUMNS * tile[0]
            corner = (left, top + index // COLUMNS * tile[1])
            _draw_sample(sheet, corner, [each[index] for each in pictures])
            label = tasks.get(store.recipe.task).word(part.y[row], store.recipe)
            described = (label, str(part.samples[row]))
            for number, text in enumerate(described):
                place = (left, corner[1] + SIDE + 1 + number * LINE)
                _write(sheet, place, text, tile[0] - GAP)
        top += lines[split] * tile[1]
    return sheet


def _choose(part, recipe):
    """Rows of a split, one a class in turn, in the order of the classes."""
    count, task = min(SAMPLES, len(part)), tasks.get(recipe.task)
    if task.has_maps:
        return np.linspace(0, len(part) - 1, count).astype(int).tolist()
    strata = task.strata(part.y)
    by_class = [np.flatnonzero(strata == each) for each in np.unique(strata)]
    # The first of every class, then the second of every class, and so on.
    depth = max(map(len, by_class))
    turns = [
        rows[turn] for turn in range(depth) for rows in by_class if turn < len(rows)
    ]
    return [int(row) for row in turns[:count]]


def _pictures(recipe, part, rows, limbs):
    """Lists of pictures, one a modality, of a split's chosen rows."""
    for name, modality in recipe.modalities.items():
        values = raw(part.x[name][rows], modality)
        yield render.pictures(values, modality.kind, SIDE, limbs.get(name, ()))
    if tasks.get(recipe.task).has_maps:
        yield [render.label_map(np.array(part.y[row]), SIDE) for row in rows]


def _draw_sample(sheet, corner, pictures):
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (corner[0] + number * (SIDE + 2), corner[1]))


def _write(sheet, place, text, width):
    canvas = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    while canvas.textlength(text, font=font) > width and len(text) > 4:
        text = text[:-4] + "..."
    canvas.text(place, text, fill=_DARK, font=font)
