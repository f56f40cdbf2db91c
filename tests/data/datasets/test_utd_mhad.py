"""UTD-MHAD's files as sequences, against scipy's reader."""

import numpy as np
import pytest
import scipy.io
from tiny_sources import REAL
from tiny_utd_mhad import write_utd_mhad

from cmvq_keras import recipes
from cmvq_keras.data.datasets import utd_mhad
from cmvq_keras.data.transforms.augmentation import Draws

pytestmark = pytest.mark.once

needs_real = pytest.mark.skipif(
    not (REAL / "utd_mhad").is_dir(), reason="the real recordings are not here"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_utd_mhad(folder)
    return folder


def _recipe(**data):
    return recipes.get("utd-mhad").with_settings(
        {f"data.{name}": value for name, value in data.items()}
    )


def _stem(name):
    return name.removeprefix("utd_mhad/")


def test_sequences_are_scipys_stretched_to_64_steps(root):
    split = recipes.load_split(_recipe(), "test", root)
    assert len(split) == 12
    for row, name in enumerate(split.samples):
        for part, key in (("Skeleton", "d_skel"), ("Inertial", "d_iner")):
            path = root / "utd_mhad" / part / f"{_stem(name)}_{part.lower()}.mat"
            values = scipy.io.loadmat(path)[key]
            if part == "Skeleton":
                values = values.transpose(2, 0, 1)
                values = (values - values[0, 2]).reshape(len(values), 60) / 0.4
            else:
                values = values / [1, 1, 1, 120, 120, 120]
            at = np.linspace(0, len(values) - 1, 64)
            places = np.arange(len(values))
            expected = [np.interp(at, places, column) for column in values.T]
            found = split.x[part.lower()][row]
            np.testing.assert_allclose(found, np.transpose(expected), atol=1e-4)
    assert sorted(set(split.y)) == [0, 1, 26]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, {"train": "135", "validation": "7", "test": "2468"}),
        (
            {"validation_subject": 3},
            {"train": "157", "validation": "3", "test": "2468"},
        ),
        (
            {"split": "leave-one-subject-out", "subject": 8},
            {"train": "234567", "validation": "1", "test": "8"},
        ),
    ],
)
def test_subjects_are_in_one_split_each(root, data, expected):
    for split, subjects in expected.items():
        listing = recipes.open_split(_recipe(**data), split, root)
        assert set(listing.attributes["subject"]) == set(subjects)
        assert {_stem(name).split("_s")[1][0] for name in listing.names} == set(
            subjects
        )


def test_a_test_subject_does_not_validate(root):
    with pytest.raises(ValueError, match=r"which do not test\. Received: 2$"):
        recipes.open_split(_recipe(validation_subject=2), "train", root)


def test_a_modality_alone_needs_its_own_files_only(root):
    alone = _recipe().with_modality("skeleton")
    assert set(recipes.load_split(alone, "train", root).x) == {"skeleton"}


def test_faults_are_told_in_one_line(tmp_path):
    folder = write_utd_mhad(tmp_path, actions=(1,))
    with pytest.raises(ValueError, match=r"data\.subject must be in 1 to 8"):
        recipes.open_split(
            _recipe(split="leave-one-subject-out", subject=9), "test", tmp_path
        )
    scipy.io.savemat(
        folder / "Inertial" / "a1_s1_t1_inertial.mat", {"d_iner": np.zeros((9, 5))}
    )
    with pytest.raises(ValueError, match=r"a1_s1_t1_inertial.mat.*any x 6 numbers"):
        recipes.load_split(_recipe(), "train", tmp_path)
    (folder / "Inertial" / "a1_s3_t1_inertial.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"a1_s3_t1_inertial.mat is missing"):
        recipes.open_split(_recipe(), "train", tmp_path)


def test_a_turned_skeleton_keeps_its_bones_but_for_scale_and_jitter():
    generator = np.random.default_rng(1)
    batch = np.tile(generator.normal(size=(8, 1, 60)), (1, 64, 1)).astype(np.float32)
    found = utd_mhad.turned(batch, Draws(np.random.default_rng(2), 8))
    bones = [
        np.linalg.norm(np.diff(each.reshape(8, 64, 20, 3), axis=2), axis=-1)
        for each in (batch, found)
    ]
    ratio = bones[1] / bones[0]
    assert np.abs(ratio / ratio.mean((1, 2), keepdims=True) - 1).mean() < 0.05
    assert not np.allclose(found, batch, atol=0.2)


@needs_real
def test_the_real_parts_have_their_sizes():
    sizes = {
        split: len(recipes.open_split(_recipe(), split, REAL))
        for split in ("train", "validation", "test")
    }
    assert sizes == {"train": 323, "validation": 108, "test": 430}
