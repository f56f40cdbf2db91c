"""A sheet of samples from a store: one picture, so that a person sees what is fed."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cmvq_keras.data.split import raw

SIDE = 112  # pixels of one modality of one sample
GAP, LINE = 10, 14
SAMPLES, COLUMNS = 8, 4  # samples of a split, and of a row of the sheet
_DARK, _PAPER = (32, 32, 32), (255, 255, 255)
# Dark to light through blue, red and yellow: loudness stays in order when printed gray.
_HEAT = np.array([(0, 0, 20), (70, 20, 120), (200, 50, 70), (250, 160, 30), (255,) * 3])


def draw(store, splits, limbs=None):
    """Draws up to eight samples of each split, spread over the classes.

    Every sample shows its modalities side by side, its class and its name.
    Spectrograms have low frequencies below; poses show five of their steps, from
    dark to light; values outside of [0, 1] are stretched over the shown samples. Under
    segmentation the label map comes last, a color a class, black for none.

    Args:
        store: an open `cmvq_keras.data.Store`.
        splits: `cmvq_keras.data.store.Part`s by name; the ones to show.
        limbs: by modality pairs of joints, which poses show as lines.

    Returns:
        A `PIL.Image.Image`, RGB.
    """
    rows = {split: _choose(part, store.recipe) for split, part in splits.items()}
    shown = len(store.recipe.modalities) + (store.recipe.task == "segmentation")
    tile = (shown * (SIDE + 2) + GAP, SIDE + 2 * LINE + GAP)
    lines = {split: -(-len(chosen) // COLUMNS) for split, chosen in rows.items()}
    height = sum(2 * LINE + count * tile[1] for count in lines.values()) + GAP
    sheet = Image.new("RGB", (COLUMNS * tile[0] + GAP, max(height, SIDE)), _PAPER)
    top = GAP
    for split, part in splits.items():
        title = f"{store.recipe.name}: {split}, {len(part)} samples"
        _write(sheet, (GAP, top), title, sheet.width)
        top += 2 * LINE
        pictures = list(_pictures(store.recipe, part, rows[split], limbs or {}))
        for index, row in enumerate(rows[split]):
            left = GAP + index % COLUMNS * tile[0]
            corner = (left, top + index // COLUMNS * tile[1])
            _draw_sample(sheet, corner, [each[index] for each in pictures])
            told = (_class_of(store.recipe, part, row), str(part.samples[row]))
            for number, text in enumerate(told):
                place = (left, corner[1] + SIDE + 1 + number * LINE)
                _write(sheet, place, text, tile[0] - GAP)
        top += lines[split] * tile[1]
    return sheet


def _choose(part, recipe):
    """Rows of a split, one a class in turn, in the order of the classes."""
    count = min(SAMPLES, len(part))
    if recipe.task == "segmentation":
        return np.linspace(0, len(part) - 1, count).astype(int).tolist()
    by_class = [np.flatnonzero(part.y == label) for label in np.unique(part.y)]
    # The first of every class, then the second of every class, and so on.
    depth = max(map(len, by_class))
    turns = [
        rows[turn] for turn in range(depth) for rows in by_class if turn < len(rows)
    ]
    return [int(row) for row in turns[:count]]


def _class_of(recipe, part, row):
    if recipe.task == "segmentation":
        found = np.unique(part.y[row])
        return f"{(found >= 0).sum()} classes"
    return recipe.classes[part.y[row]]


def _pictures(recipe, part, rows, limbs):
    """Lists of pictures, one a modality, of a split's chosen rows."""
    for name, modality in recipe.modalities.items():
        values = raw(part.x[name][rows], modality)
        values = np.nan_to_num(values, posinf=0, neginf=0)
        if modality.kind == "pose":
            yield [_pose(each, limbs.get(name, ())) for each in values]
            continue
        low, high = float(values.min()), float(values.max())
        if modality.kind == "image" and low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        values = (values - low) / max(high - low, 1e-12)
        yield [_picture(each, modality.kind) for each in values]
    if recipe.task == "segmentation":
        yield [_label_map(np.array(part.y[row])) for row in rows]


def _label_map(labels):
    """A picture of `(height, width)` class indices, -1 being none."""
    # Hues a golden ratio apart: neighbouring classes look different.
    hues = np.arange(labels.max() + 1) * 0.618 % 1
    colors = [colorsys.hsv_to_rgb(hue, 0.65, 0.95) for hue in hues]
    palette = np.array([*colors, (0, 0, 0)])
    picture = Image.fromarray(np.round(palette[labels] * 255).astype(np.uint8))
    return picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def _picture(values, kind):
    if kind == "audio":
        values = values[::-1]
    if kind in ("audio", "depth") or values.shape[-1] not in (1, 3):
        place = np.linspace(0, 1, len(_HEAT))
        gray = values.mean(axis=-1)
        values = np.stack([np.interp(gray, place, each) for each in _HEAT.T], axis=-1)
    else:
        values = np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values
        values = values * 255
    picture = Image.fromarray(np.round(values).astype(np.uint8))
    return picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def _pose(values, limbs):
    """Joints and limbs of five steps `(steps, joints, (x, y, visible))`."""
    picture = Image.new("RGB", (SIDE, SIDE), _DARK)
    canvas = ImageDraw.Draw(picture)
    shown = values[..., 2] > 0
    if not shown.any():
        return picture
    low = values[shown][:, :2].min(axis=0)
    extent = max(float((values[shown][:, :2].max(axis=0) - low).max()), 1e-6)
    steps = np.flatnonzero(shown.any(axis=1))
    for number, share in enumerate(np.linspace(0, 1, 5)):
        step = steps[int(share * (len(steps) - 1))]
        color = (80 + 43 * number, 80 + 43 * number, 120)
        places = (values[step][:, :2] - low) / extent * (SIDE - 7) + 3
        for ends in limbs:
            if shown[step, list(ends)].all():
                canvas.line([tuple(places[joint]) for joint in ends], color)
        for x, y in places[shown[step]]:
            canvas.ellipse((x - 1, y - 1, x + 1, y + 1), fill=color)
    return picture


def _draw_sample(sheet, corner, pictures):
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (corner[0] + number * (SIDE + 2), corner[1]))


def _write(sheet, place, text, width):
    canvas = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    while canvas.textlength(text, font=font) > width and len(text) > 4:
        text = text[:-4] + "..."
    canvas.text(place, text, fill=_DARK, font=font)
