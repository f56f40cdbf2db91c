"""The planted data, read back with code that shares nothing with its generator."""

import dataclasses

import numpy as np
import pytest

from cmvq_keras import recipes

pytestmark = pytest.mark.once

PLANTED = recipes.module("planted")


def _variant(name, **settings):
    changes = {"data.variant": name, **settings}
    return recipes.resolve(recipes.get("planted").with_settings(changes))


def _is_vertical(pictures, cell):
    """The direction of one cell's stripes: vertical ones vary along the columns."""
    row, column = 8 * (cell // 4), 8 * (cell % 4)
    patch = pictures[:, row : row + 8, column : column + 8, 0].astype(np.float64)
    patch = patch - patch.mean(axis=(1, 2), keepdims=True)
    along_columns = patch.mean(axis=1).var(axis=1)
    along_rows = patch.mean(axis=2).var(axis=1)
    return (along_columns > along_rows).astype(int)


@pytest.mark.parametrize("variant", PLANTED.VARIANTS)
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_carried_cells_show_the_label_and_decoys_do_not(variant, split):
    recipe = _variant(variant)
    data = recipes.load_split(recipe, split)
    count = {"train": 4096, "validation": 1024, "test": 2048}[split]
    assert len(data) == count
    bits = np.stack([data.y % 2, data.y // 2 % 2, data.y // 4])
    for name, carried in PLANTED.VARIANTS[variant].items():
        assert data.x[name].shape == (count, 32, 32, 1)
        assert data.x[name].dtype == np.float32
        for cell in range(16):
            shown = _is_vertical(data.x[name], cell)
            for bit in range(3):
                agreement = np.mean(shown == bits[bit])
                if cell == bit and bit in carried:
                    assert agreement == 1
                else:
                    # 5 standard deviations of a fair coin.
                    assert abs(agreement - 0.5) < 2.5 / np.sqrt(count)


def test_labels_are_even_and_decoys_agree_with_nothing():
    data = recipes.load_split(_variant("balanced"), "train")
    counts = np.bincount(data.y, minlength=8)
    assert counts.min() > 512 - 5 * np.sqrt(512)
    shown = [_is_vertical(data.x["image"], cell) for cell in (1, *range(3, 16))]
    other = [_is_vertical(data.x["audio"], cell) for cell in (0, *range(3, 16))]
    correlation = np.corrcoef(np.array(shown + other)) - np.eye(28)
    assert np.abs(correlation).max() < 5 / np.sqrt(4096)


def test_stripes_have_period_four_and_brightness_and_noise_as_stated():
    picture = recipes.load_split(_variant("balanced"), "train").x["image"][..., 0]
    cells = picture.reshape(4096, 4, 8, 4, 8).transpose(0, 1, 3, 2, 4)
    brightness = cells.mean(axis=(3, 4))
    assert abs(brightness.mean()) < 0.02
    assert abs(brightness.std() - 1) < 0.02
    vertical = _is_vertical(picture[..., None], 5).astype(bool)
    patch = cells[:, 1, 1] - brightness[:, 1, 1, None, None]
    expected = np.array([-1, -1, 1, 1] * 2)
    profile = np.where(vertical[:, None], patch.mean(axis=1), patch.mean(axis=2))
    np.testing.assert_allclose(profile.mean(axis=0), expected, atol=0.02)
    wave = expected[None, :, None].repeat(8, 2)
    wave = np.where(vertical[:, None, None], wave.transpose(0, 2, 1), wave)
    assert abs((patch - wave).std() - 0.3) < 0.005


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("balanced", {"all": 1, "image": 0.5, "audio": 0.5}),
        ("lopsided", {"all": 1, "image": 1, "audio": 0.125}),
        ("redundant", {"all": 1, "image": 1, "audio": 1}),
        ("three", {"all": 1, "image": 0.25, "audio": 0.25, "text": 0.25}),
    ],
)
def test_the_optimum_is_exact(variant, expected):
    assert PLANTED.optimum(_variant(variant)) == expected


@pytest.mark.parametrize("variant", ["2-1", "1-2", "0-1", "2-2", "3-1", "0-4"])
def test_a_cell_plants_as_many_bits_as_its_name_says(variant):
    recipe = _variant(variant)
    data = recipes.load_split(recipe, "test")
    count = int(np.log2(len(recipe.classes)))
    bits = data.y[:, None] >> np.arange(count) & 1
    carried = {
        name: {
            bit
            for bit in range(count)
            if np.array_equal(_is_vertical(data.x[name], bit), bits[:, bit])
        }
        for name in ("image", "audio")
    }
    alone = [carried["image"] - carried["audio"], carried["audio"] - carried["image"]]
    assert [len(each) for each in alone] == [int(each) for each in variant.split("-")]
    assert carried["image"] | carried["audio"] == set(range(count))
    assert PLANTED.unique_bits(recipe) == {
        "image": len(alone[0]),
        "audio": len(alone[1]),
    }
    assert PLANTED.optimum(recipe) == {
        "all": 1,
        "image": 0.5 ** (count - len(carried["image"])),
        "audio": 0.5 ** (count - len(carried["audio"])),
    }


@pytest.mark.parametrize(
    ("cell", "name"), [("1-1", "balanced"), ("3-0", "lopsided"), ("0-0", "redundant")]
)
def test_three_cells_are_named_variants(cell, name):
    first, other = (recipes.load_split(_variant(each), "test") for each in (cell, name))
    assert np.array_equal(first.y, other.y)
    assert all(np.array_equal(first.x[each], other.x[each]) for each in first.x)


def test_four_bits_make_sixteen_classes():
    recipe = _variant("3-1")
    assert recipe.classes[1] == "1000"
    assert recipe.classes[12] == "0011"
    labels = recipes.load_split(recipe, "train").y
    assert np.array_equal(np.unique(labels), np.arange(16))
    back = recipes.resolve(recipe.with_settings({"data.variant": "balanced"}))
    assert back.classes == recipes.get("planted").classes


@pytest.mark.parametrize("cell", ["5-0", "3-2", "1-", "-1-1", "1-1-1"])
def test_a_cell_of_more_than_four_bits_is_unknown(cell):
    with pytest.raises(ValueError, match=f"Unknown data.variant {cell}"):
        _variant(cell)


def test_the_optimum_is_reached_by_counting():
    """The best guess from the readable bits, scored on the labels themselves."""
    data = recipes.load_split(_variant("balanced"), "test")
    known = _is_vertical(data.x["image"], 0) + 4 * _is_vertical(data.x["image"], 2)
    assert abs(np.mean(known == data.y) - 0.5) < 0.06
    known = known + 2 * _is_vertical(data.x["audio"], 1)
    assert np.array_equal(known, data.y)


def test_the_optimum_follows_what_the_solver_sees():
    recipe = _variant("three")
    assert PLANTED.optimum(recipe.with_modality("text")) == {"all": 0.25, "text": 0.25}
    whole = dataclasses.replace(recipe, task_modalities=("image", "text"))
    assert PLANTED.optimum(whole)["all"] == 0.5


def test_a_variant_decides_the_modalities():
    three = _variant("three")
    assert list(three.modalities) == ["image", "audio", "text"]
    back = recipes.resolve(three.with_settings({"data.variant": "balanced"}))
    assert back.modalities == recipes.get("planted").modalities
    alone = three.with_modality("text")
    assert recipes.resolve(alone) == alone
    with pytest.raises(ValueError, match=r"Unknown data.variant tree. Did you mean th"):
        _variant("tree")


def test_one_modality_alone_is_the_same_as_in_the_pair():
    recipe = _variant("balanced")
    whole = recipes.load_split(recipe, "validation")
    alone = recipes.load_split(recipe.with_modality("audio"), "validation")
    assert list(alone.x) == ["audio"]
    assert np.array_equal(alone.x["audio"], whole.x["audio"])
    assert np.array_equal(alone.y, whole.y)


def test_data_repeats_by_data_seed_and_not_by_training_seed():
    first = recipes.load_split(_variant("balanced"), "test")
    again = recipes.load_split(_variant("balanced", **{"training.seed": 5}), "test")
    other = recipes.load_split(_variant("balanced", **{"data.seed": 1}), "test")
    assert np.array_equal(first.x["image"], again.x["image"])
    assert not np.array_equal(first.y, other.y)


def test_limit_takes_the_first_and_splits_share_nothing():
    recipe = _variant("balanced")
    train = recipes.load_split(recipe, "train")
    few = recipes.load_split(recipe, "train", limit=10)
    assert len(few) == 10
    assert np.array_equal(few.x["audio"], train.x["audio"][:10])
    assert few.samples.tolist() == train.samples[:10].tolist()
    pixels = [
        set(recipes.load_split(recipe, split).x["image"][:, 0, 0, 0].tolist())
        for split in ("train", "validation", "test")
    ]
    assert len(pixels[0] & pixels[1]) < 5
    assert len(pixels[0] & pixels[2]) < 5


def test_inputs_are_normalized_by_the_recipe():
    plain = recipes.load_split(_variant("balanced"), "test", limit=5)
    scaled = _variant(
        "balanced", **{"modalities.image.offset": 1.0, "modalities.image.scale": 2.0}
    )
    scaled = recipes.load_split(scaled, "test", limit=5)
    first = recipes.get("planted").modalities["image"]
    raw = plain.x["image"] * first.scale + first.offset
    np.testing.assert_allclose(scaled.x["image"], (raw - 1) / 2, atol=1e-6)
