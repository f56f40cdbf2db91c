"""Training samples that are mirrored."""

import numpy as np
import pytest

from cmvq_keras import recipes
from cmvq_keras.batches import Batches, Mirrored
from cmvq_keras.data.datasets.penn_action import reader
from cmvq_keras.data.formats import images
from cmvq_keras.training import api

COUNT = 40
# In the official order: head, then left and right of each.
SIDES = "head l_sho r_sho l_elb r_elb l_wri r_wri l_hip r_hip l_kne r_kne l_ank r_ank"
MIRRORS = {"image": images.mirror, "pose": reader.mirror_poses}


def _batches(share=0.5, seed=0, labels=None):
    generator = np.random.default_rng(0)
    x = {
        "image": generator.normal(size=(COUNT, 4, 5, 3)).astype(np.float32),
        "pose": generator.normal(size=(COUNT, 6, 13, 3)).astype(np.float32),
    }
    y = np.arange(COUNT) if labels is None else labels
    return x, Mirrored(Batches(x, y, 8, shuffle_seed=7), share, MIRRORS, seed)


def _epoch(batches):
    parts = [batches[index] for index in range(len(batches))]
    x = {name: np.concatenate([part[0][name] for part in parts]) for name in MIRRORS}
    return x, np.concatenate([y for _, y in parts])


def test_left_and_right_joints_change_places_and_x_its_sign():
    names = SIDES.split()
    tracks = np.random.default_rng(0).normal(size=(2, 3, 13, 3)).astype(np.float32)
    mirrored = reader.mirror_poses(tracks)
    assert mirrored.dtype == tracks.dtype
    for joint, name in enumerate(names):
        other = {"l": "r", "r": "l"}.get(name[0], name[0]) + name[1:]
        source = tracks[:, :, names.index(other)]
        assert np.array_equal(mirrored[:, :, joint, 0], -source[..., 0])
        assert np.array_equal(mirrored[:, :, joint, 1:], source[..., 1:])
    assert np.array_equal(reader.mirror_poses(mirrored), tracks)


def test_a_sample_is_mirrored_in_all_modalities_or_in_none():
    x, batches = _batches()
    seen, rows = _epoch(batches)
    assert sorted(rows.tolist()) == list(range(COUNT))
    flipped = np.flip(x["image"], axis=2)
    turned = [
        np.array_equal(image, flipped[row])
        for image, row in zip(seen["image"], rows, strict=True)
    ]
    assert 8 < sum(turned) < 32
    for place, row in enumerate(rows):
        pose = x["pose"][row][None]
        expected = reader.mirror_poses(pose) if turned[place] else pose
        assert np.array_equal(seen["pose"][place], expected[0])
        if not turned[place]:
            assert np.array_equal(seen["image"][place], x["image"][row])


def test_what_is_mirrored_depends_on_seed_and_epoch_alone():
    first, again, other = _batches()[1], _batches()[1], _batches(seed=1)[1]
    seen = [_epoch(batches)[0]["image"] for batches in (first, again, other)]
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    backwards = [again[index][0]["image"] for index in reversed(range(len(again)))]
    assert np.array_equal(np.concatenate(backwards[::-1]), seen[0])
    x, all_of_them = _batches(share=1.0)
    for _ in range(2):
        seen, rows = _epoch(all_of_them)
        assert np.array_equal(seen["image"], np.flip(x["image"], axis=2)[rows])
        all_of_them.on_epoch_end()
    first.on_epoch_end()
    flips = []
    for batches in (first, again):
        seen, rows = _epoch(batches)
        same = (seen["image"] == x["image"][rows]).all(axis=(1, 2, 3))
        flips.append(same[np.argsort(rows)])
    assert not np.array_equal(*flips)


def test_the_arrays_themselves_stay_and_label_maps_go_along():
    labels = np.random.default_rng(1).integers(0, 9, (COUNT, 4, 5))
    x, batches = _batches(share=1.0, labels=labels)
    before = {name: values.copy() for name, values in x.items()}
    seen, maps = _epoch(batches)
    order = np.random.default_rng([7, 0]).permutation(COUNT)
    assert np.array_equal(maps, np.flip(labels, axis=2)[order])
    assert np.array_equal(seen["image"], np.flip(x["image"], axis=2)[order])
    assert all(np.array_equal(x[name], before[name]) for name in x)


def test_a_recipe_that_does_not_say_how_is_told_before_its_data_is_read(tmp_path):
    recipe = recipes.get("av-digits").with_settings({"training.mirror": 0.5})
    with pytest.raises(ValueError, match=r"mirror must be 0: .* image, audio is"):
        api.train(recipe, data_dir=tmp_path / "nowhere", out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"training.mirror must be in \[0, 1\]"):
        recipe.with_settings({"training.mirror": 1.5})


def test_published_presets_mirror_nothing_and_pad():
    assert recipes.get("penn-action").training.mirror == 0.5
    for preset in ("paper", "code"):
        recipe = recipes.get("penn-action", preset)
        assert recipe.training.mirror == 0
        assert recipe.data["short_sequences"] == "pad"
