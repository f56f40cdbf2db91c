"""Random changes of training samples: what they keep, and that draws are shared out."""

import dataclasses

import numpy as np
import pytest
import scipy.ndimage

from cmvq_keras import recipes
from cmvq_keras.batches import Augmented, Batches
from cmvq_keras.data import kinds
from cmvq_keras.data.transforms import augmentation
from cmvq_keras.data.transforms.augmentation import Change, Draws
from cmvq_keras.recipe import Modality, Recipe

pytestmark = pytest.mark.once


def _draws(seed=0, count=16):
    return Draws(np.random.default_rng(seed), count)


class Fixed:
    """Draws that are always the same share of their range."""

    def __init__(self, count, share):
        self.count, self.share = count, share

    def uniform(self, low, high, *shape):
        return np.full((self.count, *shape), low + self.share * (high - low), "float32")

    def normal(self, *shape):
        return np.zeros((self.count, *shape), np.float32)

    def below(self, end):
        return np.full(self.count, int(self.share * end))


def test_draws_in_the_middle_of_their_range_change_no_picture():
    batch = np.random.default_rng(1).normal(size=(4, 16, 24, 3)).astype(np.float32)
    found = augmentation.affine(batch, Fixed(4, 0.5))
    np.testing.assert_allclose(found, batch, atol=1e-5)


def test_a_picture_is_read_at_the_affine_places_as_scipy_does():
    picture = np.random.default_rng(2).normal(size=(32, 32))
    picture = scipy.ndimage.gaussian_filter(picture, 2).astype(np.float32)
    found = augmentation.affine(picture[None, ..., None], Fixed(1, 0.9))[0, ..., 0]
    angle, shear, zoom, shift = 0.2, 0.12, 1.12, 0.2
    matrix = np.array(
        [
            [zoom * np.cos(angle), zoom * np.sin(angle)],
            [shear - zoom * np.sin(angle), zoom * np.cos(angle)],
        ]
    )
    # In units of half a side, from the centre: row and column of pixel i are i - 15.5.
    offset = 15.5 + shift * 16 - matrix @ np.full(2, 15.5)
    expected = scipy.ndimage.affine_transform(
        picture.astype(np.float64), matrix, offset, order=1, mode="nearest"
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_channel_keeps_its_range_and_three_change_their_colors():
    batch = np.random.default_rng(3).uniform(size=(16, 8, 8, 1)).astype(np.float32)
    found = augmentation.affine(batch, _draws())
    assert found.min() >= batch.min()
    assert found.max() <= batch.max()
    flat = np.ones((16, 8, 8, 3), np.float32)
    colors = augmentation.affine(flat, _draws())
    assert np.ptp(colors, axis=(1, 2)).max() < 1e-5
    assert colors[:, 0, 0].std() > 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_all_pictures_of_a_clip_change_alike(channels):
    shape = (16, 3, 8, 12, channels)
    batch = np.random.default_rng(8).normal(size=shape).astype(np.float32)
    found = augmentation.video(batch, _draws())
    assert not np.allclose(found, batch, atol=0.1)
    for time in range(3):
        alone = augmentation.affine(batch[:, time], _draws())
        np.testing.assert_allclose(found[:, time], alone, atol=1e-6)


def test_depth_keeps_its_values_whatever_its_channels():
    batch = np.random.default_rng(9).uniform(size=(16, 8, 8, 3)).astype(np.float32)
    flat = np.broadcast_to(batch[:, :1, :1], batch.shape)
    change = kinds.augmentation("depth")
    np.testing.assert_allclose(change(flat, _draws()), flat, atol=1e-6)
    assert not np.allclose(change(batch, _draws()), batch, atol=0.1)


def test_a_spectrogram_loses_at_most_an_eighth_of_bands_and_of_frames():
    batch = np.random.default_rng(4).uniform(1, 2, (200, 64, 32, 1)).astype(np.float32)
    batch[:, 0, 0] = 0
    found = augmentation.spec_augment(batch, _draws(count=200))
    silent = found[..., 0] == 0
    bands, frames = silent.all(2).sum(1), silent.all(1).sum(1)
    assert bands.max() == 8
    assert frames.max() == 4
    assert bands.min() == frames.min() == 0
    kept = found[found > 0]
    assert np.isin(kept, batch).all()


def test_joints_that_are_not_visible_stay_zeros():
    generator = np.random.default_rng(5)
    visible = generator.random((16, 20, 5, 1)) < 0.7
    batch = generator.normal(size=(16, 20, 5, 2)) * visible
    batch = np.concatenate([batch, visible], axis=-1).astype(np.float32)
    found = augmentation.pose(batch, _draws())
    assert set(np.unique(found[..., 2])) == {0.0, 1.0}
    assert np.all(found[found[..., 2] == 0] == 0)
    assert not np.allclose(found, batch)


def test_a_sequence_is_a_stretch_of_itself():
    batch = np.tile(np.linspace(0, 1, 50, dtype=np.float32)[:, None], (300, 1, 2))
    found = augmentation._in_time(batch, _draws(count=300))
    assert (np.diff(found, axis=1) > 0).all()
    covered = found[:, -1] - found[:, 0]
    assert 0.6 <= covered.min() < 0.65
    assert 0.95 < covered.max() <= 1


@pytest.mark.parametrize("name", kinds.names())
def test_changes_keep_shape_and_dtype_and_the_batch_itself(name):
    change = kinds.augmentation(name)
    shapes = {"pose": (4, 12, 8, 3), "sequence": (4, 16, 3), "vector": (4, 9)}
    shapes |= {"padded": (4, 16, 4), "video": (4, 3, 8, 8, 3)}
    shape = {**shapes, "tokens": (4, 16)}.get(name, (4, 16, 16, 1))
    batch = np.random.default_rng(6).normal(size=shape).astype(np.float32)
    before = batch.copy()
    found = change(batch, _draws(count=4))
    assert found.shape == shape
    assert found.dtype == np.float32
    assert np.array_equal(batch, before)


def test_a_kind_without_changes_is_told(monkeypatch):
    monkeypatch.setattr(kinds.get("depth"), "augment", None)
    with pytest.raises(ValueError, match="kind with an augmentation"):
        kinds.augmentation("depth")


def _batches(process=(0, 1), seed=3):
    x = {"b": np.random.default_rng(7).normal(size=(24, 8, 8, 1)).astype(np.float32)}
    x["a"] = x["b"].copy()
    batches = Batches(x, np.arange(24), 8, shuffle_seed=seed, process=process)
    changes = {name: Change(augmentation.affine, name) for name in x}
    return Augmented(batches, changes, seed)


def test_a_map_of_depth_moves_as_the_image_beside_it():
    shapes = {"away": "depth", "color": "image", "other": "image"}
    modalities = {name: Modality((8, 8, 1), kind) for name, kind in shapes.items()}
    recipe = Recipe("own", "own", modalities, ("a", "b"))
    recipe = recipe.with_settings({"training.augmentation": True})
    values = np.random.default_rng(10).normal(size=(8, 8, 8, 1)).astype(np.float32)
    batches = Batches(dict.fromkeys(shapes, values), np.arange(8), 8, shuffle_seed=0)
    found, _ = Augmented(batches, recipes.augmentations(recipe), 0)[0]
    np.testing.assert_array_equal(found["away"], found["color"])
    assert not np.allclose(found["color"], found["other"], atol=0.1)
    # Without an image it is moved by itself.
    alone = dataclasses.replace(recipe, modalities={"away": modalities["away"]})
    expected = {"away": Change(augmentation.moved, "away")}
    assert recipes.augmentations(alone) == expected


def test_epochs_and_places_draw_anew_and_repeat():
    one, two = _batches(), _batches()
    first, second = one[0][0]["a"], one[1][0]["a"]
    assert np.array_equal(two[0][0]["a"], first)
    assert not np.array_equal(one[0][0]["b"], first)
    one.on_epoch_end()
    assert not np.array_equal(one[0][0]["a"], first)
    one.set_epoch(0)
    assert np.array_equal(one[1][0]["a"], second)


def test_processes_draw_what_one_alone_draws():
    whole, _ = _batches()[1]
    parts = [_batches(process=(index, 2))[1][0] for index in range(2)]
    for name, values in whole.items():
        shared = np.concatenate([part[name] for part in parts])
        assert np.array_equal(shared, values)
