"""Samples as a person sees them: curves, rows, skeletons, proportions."""

import numpy as np
import pytest
from PIL import Image

from cmvq_keras import recipes
from cmvq_keras.data import kinds, render
from cmvq_keras.data.kinds import sequence, tokens
from cmvq_keras.reporting import images

pytestmark = pytest.mark.once

SIDE = 60
DARK = 32  # of a drawing's ground


def _pixels(values, **options):
    (picture,) = render.pictures(values[None], "sequence", SIDE, **options)
    return np.asarray(picture, int)


def test_a_feature_is_a_curve_from_left_to_right():
    rising = np.linspace(0, 1, 20)[:, None]
    lit = (_pixels(rising) > DARK).any(axis=-1)
    # One curve: from the lower left to the upper right, seen in every column.
    assert lit.any(axis=0).all()
    heights = [np.flatnonzero(column).mean() for column in lit.T]
    assert heights[0] > SIDE - 5
    assert heights[-1] < 5
    assert np.all(np.diff(heights) <= 0)


def test_each_feature_has_a_color_of_its_own():
    flat = np.stack([np.full(9, 0.0), np.full(9, 0.5), np.full(9, 1.0)], axis=1)
    colors = {tuple(color) for color in _pixels(flat).reshape(-1, 3)}
    assert len(colors) == 4


def test_many_features_are_rows():
    count = sequence.CURVES + 1
    values = np.zeros((8, count))
    values[:, 0] = 1
    pixels = _pixels(values)
    rows = pixels.mean(axis=(1, 2))
    assert rows[0] > 200
    assert rows[-1] < 20


def test_a_sequence_of_joints_stands_upright():
    low, high = (0.0, -1.0, 9.0), (0.0, 1.0, -9.0)
    values = np.array([[*low, *high, 0.4, 1.0, 0.0]] * 6)
    # A limb from the lower joint to the upper one; the third has none.
    lit = (_pixels(values, limbs=((0, 1),)) > DARK).any(axis=-1)
    rows, columns = np.nonzero(lit)
    assert rows.max() - rows.min() > 0.8 * SIDE
    without = (_pixels(values, limbs=((1, 2),)) > DARK).any(axis=-1)
    middle = slice(SIDE // 3, 2 * SIDE // 3)
    assert lit[middle].any()
    assert not without[middle].any()
    # y grows upward: the two upper joints are near the first rows.
    assert (np.flatnonzero(without.any(axis=1)) < SIDE / 2).sum() > 2
    assert columns.min() < SIDE / 2


def test_the_limbs_of_utd_mhad_join_all_joints_once():
    recipe = recipes.get("utd-mhad")
    limbs = recipes.limbs(recipe)["skeleton"]
    joints = recipe.modalities["skeleton"].shape[1] // 3
    # A tree: one limb fewer than joints, and all are reached.
    assert len(set(limbs)) == joints - 1
    reached = {0}
    for _ in limbs:
        reached |= {b for a, b in limbs if a in reached}
    assert reached == set(range(joints))
    assert kinds.get(recipe.modalities["skeleton"].kind) is sequence.SEQUENCE


@pytest.mark.parametrize(
    ("kind", "shape", "size"),
    [
        ("image", (24, 32, 3), (SIDE, 45)),
        ("image", (32, 24, 1), (45, SIDE)),
        ("image", (24, 32, 2), (SIDE, 45)),
        ("depth", (16, 32, 1), (SIDE, 30)),
        ("audio", (64, 16, 1), (SIDE, SIDE)),
        ("video", (4, 24, 32, 3), (SIDE, SIDE)),
    ],
)
def test_photographs_keep_their_proportions(kind, shape, size):
    values = np.random.default_rng(0).uniform(size=(1, *shape))
    (picture,) = render.pictures(values, kind, SIDE)
    assert picture.size == size
    if kind == "image" and shape[2] == 3:
        corners = np.asarray(picture)[[0, 0, -1, -1], [0, -1, 0, -1]]
        expected = np.round(values[0][[0, 0, -1, -1], [0, -1, 0, -1]] * 255)
        assert np.array_equal(corners, expected)


def test_a_label_map_keeps_its_proportions():
    assert render.label_map(np.zeros((12, 20), int), SIDE).size == (SIDE, 36)


def test_a_short_text_leaves_no_empty_square():
    short, long = (
        tokens.of_text(text, (512,)) for text in ("a cat", "many words " * 30)
    )
    one, many = render.pictures(np.stack([short, long]), "tokens", SIDE)
    assert one.width == many.width == many.height == SIDE
    assert one.height < SIDE / 3
    assert (np.asarray(one) < 128).any()


def test_pictures_of_several_heights_stand_side_by_side():
    low, high = (Image.new("RGB", (SIDE, height), "red") for height in (20, 45))
    strip = images.strip([low, high])
    assert strip.height == 45
    assert strip.width > 2 * SIDE
    sheet = np.asarray(images.sheet({"one": [low, high], "two": [high, low]}))
    reds = (sheet == (255, 0, 0)).all(axis=-1).sum()
    assert reds == 2 * SIDE * (20 + 45)
