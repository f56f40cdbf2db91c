"""`data.colored` of the digits recipe: MNIST in colours, as in the paper's figures."""

import dataclasses

import numpy as np
import pytest
from tiny_sources import REAL, write_mnist, write_svhn

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.data.datasets import mnist
from cmvq_keras.data.formats import images
from cmvq_keras.recipe import Modality

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder, train=200)
    write_svhn(folder)
    return folder


def digits(preset="code", **settings):
    recipe = recipes.get("digits", preset)
    values = {f"data.{name}": value for name, value in settings.items()}
    return recipes.resolve(recipe.with_settings(values))


def by_name(split):
    """MNIST's pictures by their own name."""
    names = [name.split(" + ")[0] for name in split.samples]
    return dict(zip(names, split.x["mnist"], strict=True))


def test_mnist_is_gray_by_default():
    recipe = recipes.get("digits")
    assert recipe.data["colored"] is False
    assert recipes.resolve(recipe) == recipe
    assert recipe.modalities["mnist"].shape == (32, 32, 1)


def test_a_tint_follows_the_hues_formula():
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    for hue in (0.0, 0.1, 1 / 3, 0.5, 2 / 3, 0.9):
        turned = np.abs((6 * hue + np.array([0, 4, 2])) % 6 - 3) - 1
        expected = gray * np.clip(turned, 0, 1)
        tinted = images.tint(gray, hue)
        assert tinted.dtype == np.uint8
        np.testing.assert_allclose(tinted, expected, atol=0.501)


def test_a_colored_digit_is_the_gray_one_in_one_color_on_black(root):
    gray = by_name(recipes.load_split(digits(), "train", root))
    colored = by_name(recipes.load_split(digits(colored=True), "train", root))
    assert set(gray) == set(colored)
    for name, picture in colored.items():
        assert picture.shape == (32, 32, 3)
        # A pure colour: its largest channel is the gray value, its smallest is 0.
        np.testing.assert_allclose(picture.max(axis=-1), gray[name][..., 0], atol=2e-3)
        assert picture.min(axis=-1).max() == 0
        shares = picture / np.maximum(picture.max(axis=-1, keepdims=True), 1e-9)
        assert np.ptp(shares, axis=(0, 1)).max() == pytest.approx(0, abs=1e-5)


def test_a_color_does_not_depend_on_the_label(tmp_path):
    write_mnist(tmp_path)
    colors = []
    for turn in range(3):
        with np.load(tmp_path / "mnist" / "mnist.npz") as file:
            content = dict(file)
        content["y_train"] = np.roll(content["y_train"], turn)
        np.savez_compressed(tmp_path / "mnist" / "mnist.npz", **content)
        samples = mnist.open_part("train", tmp_path, color_seed=0)
        colors.append([samples.read(item) for item in samples.items])
    np.testing.assert_array_equal(colors[1], colors[0])
    np.testing.assert_array_equal(colors[2], colors[0])


def test_a_color_depends_on_the_seed_and_the_picture_alone(root):
    first = by_name(recipes.load_split(digits(colored=True), "train", root))
    again = by_name(recipes.load_split(digits(colored=True), "train", root, limit=20))
    for name, picture in again.items():
        np.testing.assert_array_equal(picture, first[name])
    alone = digits("default", colored=True).with_modality("mnist")
    unscaled = {"modalities.mnist.offset": 0.0, "modalities.mnist.scale": 1.0}
    alone = recipes.load_split(alone.with_settings(unscaled), "train", root)
    shared = set(first) & set(alone.samples)
    assert len(shared) > 100
    for name, picture in by_name(alone).items():
        if name in shared:
            np.testing.assert_array_equal(picture, first[name])
    other = by_name(recipes.load_split(digits(colored=True, seed=1), "train", root))
    names = [name for name in first if name in other and first[name].max() > 0]
    same = [np.array_equal(first[name], other[name]) for name in names]
    assert np.mean(same) < 0.1


def test_hues_are_spread_evenly_and_pairs_stay_the_same(root):
    gray = recipes.load_split(digits(), "train", root)
    colored = recipes.load_split(digits(colored=True), "train", root)
    assert gray.samples.tolist() == colored.samples.tolist()
    np.testing.assert_array_equal(gray.x["svhn"], colored.x["svhn"])
    brightest = [
        picture.max(axis=(0, 1)).argmax()
        for picture in by_name(colored).values()
        if picture.max() > 0
    ]
    assert np.bincount(brightest, minlength=3).min() > 0.2 * len(brightest)


def test_the_shape_follows_the_setting_and_a_normalization_of_ones_own_stays():
    colored = digits("default", colored=True)
    assert colored.modalities["mnist"].shape == (32, 32, 3)
    assert colored.modalities["mnist"] != recipes.get("digits").modalities["mnist"]
    assert recipes.resolve(colored) == colored
    assert recipes.resolve(
        colored.with_settings({"data.colored": False})
    ) == recipes.get("digits")
    assert digits("paper", colored=True).modalities["mnist"] == Modality((32, 32, 3))
    own = recipes.get("digits").with_settings(
        {"data.colored": "true", "modalities.mnist.scale": 0.5}
    )
    modality = recipes.resolve(own).modalities["mnist"]
    assert modality == Modality((32, 32, 3), offset=0.131, scale=0.5)
    alone = recipes.get("digits").with_modality("svhn")
    alone = alone.with_settings({"data.colored": True})
    assert recipes.resolve(alone) == alone


def test_a_word_is_no_color_setting():
    recipe = recipes.get("digits")
    with pytest.raises(ValueError, match=r"data\.colored must be of type bool"):
        recipe.with_settings({"data.colored": "red"})
    wrong = dataclasses.replace(recipe, data={**recipe.data, "colored": "red"})
    with pytest.raises(ValueError, match=r"data\.colored must be"):
        recipes.resolve(wrong)


def test_the_model_and_a_store_take_three_channels(root, tmp_path):
    recipe = digits("default", colored=True)
    model = cmvq.build_model(recipe)
    assert model.decoders["mnist"].output_channels == 3
    store = cmvq.prepare(recipe, root, out=tmp_path / "store")
    assert store.split("test").x["mnist"].shape[1:] == (32, 32, 3)
    assert store.split("test").x["mnist"].dtype == np.uint8
    raw = recipes.load_split(recipe, "test", root)
    kept = recipes.load_split(recipe, "test", store=store)
    np.testing.assert_array_equal(kept.x["mnist"][:], raw.x["mnist"])


@pytest.mark.skipif(not REAL.exists(), reason="the real data is not here")
def test_real_colored_digits_are_normalized():
    recipe = digits("default", colored=True).with_modality("mnist")
    train = recipes.load_split(recipe, "train", REAL, limit=3000)
    assert abs(train.x["mnist"].mean()) < 0.05
    assert abs(train.x["mnist"].std() - 1) < 0.05
