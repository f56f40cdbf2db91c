"""penn-action from label files and frames in the official layout, and real labels."""

import numpy as np
import pytest
import scipy.io
from PIL import Image
from tiny_sources import REAL

from cmvq_keras import recipes
from cmvq_keras.batches import Batches, Mirrored
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.penn_action.labels import read_sequence
from cmvq_keras.data.transforms import poses
from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.training import api

pytestmark = pytest.mark.once

RECIPE = recipes.get("penn-action")
SPLITS = ("train", "validation", "test")
COUNT = 90  # six sequences a class: four to train with, two to test
LONG, SHORT = 250, 7
needs_labels = pytest.mark.skipif(
    not (REAL / "penn_action").exists(), reason="the real label files are not here"
)


def _fields(number, **changes):
    """A label file's content; joint j of frame f stands at (10 f + j, 2 j)."""
    frames = LONG if number == 2 else SHORT
    step, joint = np.indices((frames, 13))
    dtype = np.uint16 if number % 2 else np.float64
    fields = {
        "action": RECIPE.classes[(number - 1) % 15],
        "pose": "back",
        "x": (10 * step + joint).astype(dtype),
        "y": (2 * joint).astype(dtype),
        "visibility": np.ones((frames, 13), np.uint8),
        "train": np.array([[1 if (number - 1) // 15 % 3 else -1]], np.int32),
        # One row short, as in two official files.
        "bbox": np.zeros((frames - 1, 4)),
        "dimensions": np.array([[60, 80, frames]], np.uint16),
        "nframes": np.array([[frames]], np.uint8),
    }
    return {
        key: value for key, value in (fields | changes).items() if value is not None
    }


def _write_label(root, number, **changes):
    path = root / "penn_action" / "labels" / f"{number:04}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, _fields(number, **changes), do_compression=True)
    return path


def _write_frames(root, number):
    """Every frame of one gray, which says the frame's number."""
    folder = root / "penn_action" / "frames" / f"{number:04}"
    folder.mkdir(parents=True)
    for frame in range(1, (LONG if number == 2 else SHORT) + 1):
        gray = Image.new("RGB", (80, 60), (frame,) * 3)
        gray.save(folder / f"{frame:06}.jpg", quality=95)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for number in range(1, COUNT + 1):
        _write_label(folder, number)
        _write_frames(folder, number)
    return folder


def _recipe(*modalities, **settings):
    settings = {f"data.{name}": value for name, value in settings.items()}
    recipe = RECIPE.with_settings(
        {"data.sequences": COUNT, "data.validation_share": 0.25, **settings}
    )
    for name in modalities:
        recipe = recipe.with_modality(name)
    return recipe


def test_official_parts_and_a_validation_part_of_every_class(root):
    splits = {part: recipes.load_split(_recipe(), part, root) for part in SPLITS}
    for part, count in zip(SPLITS, (3, 1, 2), strict=True):
        split = splits[part]
        assert np.bincount(split.y).tolist() == [count] * 15
        assert split.y.dtype == np.int32
        for name, values in split.x.items():
            assert values.shape == (len(split), *RECIPE.modalities[name].shape)
            assert values.dtype == np.float32
            assert np.isfinite(values).all()
        for label, sample in zip(split.y, split.samples, strict=True):
            number = int(sample.removeprefix("penn_action/"))
            assert label == (number - 1) % 15
            assert (part == "test") == ((number - 1) // 15 % 3 == 0)
    assert len(set().union(*(set(split.samples) for split in splits.values()))) == COUNT


def test_limit_takes_the_first_in_an_order_by_data_seed(root):
    every = recipes.load_split(_recipe("pose"), "train", root)
    few = recipes.load_split(_recipe("pose"), "train", root, limit=5)
    assert few.samples.tolist() == every.samples[:5].tolist()
    assert np.array_equal(few.x["pose"], every.x["pose"][:5])
    other = recipes.load_split(_recipe("pose", seed=1), "train", root)
    assert set(other.samples) != set(every.samples)
    both = recipes.load_split(_recipe(), "train", root, limit=5)
    assert np.array_equal(both.x["pose"], few.x["pose"])


def test_the_frame_is_the_middle_one_counted_from_one(root):
    recipe = _recipe("image")
    recipe = recipe.with_settings(
        {"modalities.image.offset": 0.0, "modalities.image.scale": 1.0}
    )
    for part in SPLITS:
        split = recipes.load_split(recipe, part, root)
        numbers = [int(sample[-4:]) for sample in split.samples]
        expected = np.array([125 if number == 2 else 4 for number in numbers]) / 255
        means = split.x["image"].mean(axis=(1, 2, 3))
        np.testing.assert_allclose(means, expected, atol=1.5 / 255)


def test_poses_alone_need_no_frames_and_a_missing_frame_is_named(tmp_path):
    for number in range(1, 46):
        _write_label(tmp_path, number)
    pose, image = _recipe("pose", sequences=45), _recipe("image", sequences=45)
    assert list(recipes.load_split(pose, "test", tmp_path).x) == ["pose"]
    with pytest.raises(FileNotFoundError, match=r"frames/00\d\d/000004\.jpg is not in"):
        recipes.load_split(image, "test", tmp_path, limit=1)


def test_a_missing_sequence_is_named(tmp_path):
    for number in (1, 2, 4):
        _write_label(tmp_path, number)
    with pytest.raises(FileNotFoundError) as caught:
        recipes.load_split(_recipe("pose"), "train", tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert "penn_action/labels/0003.mat is not in" in message
    assert "To get it: https://dreamdragon" in message


def test_sequences_without_a_split_or_out_of_range_are_told(tmp_path):
    _write_label(tmp_path, 1)
    for part in ("train", "validation"):
        with pytest.raises(ValueError, match=f"leave none for the {part} split"):
            recipes.load_split(_recipe("pose", sequences=1), part, tmp_path)
    with pytest.raises(ValueError, match=r"data.sequences must be in 1 to 9999"):
        recipes.load_split(_recipe("pose", sequences=0), "test", tmp_path)


def test_only_training_samples_are_mirrored(root, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def fit(self, batches, validation_data, **settings):
        raise Stop(type(batches), type(validation_data))

    monkeypatch.setattr(CMVQVAE, "fit", fit)
    recipe = _recipe("pose").with_settings({"model.hidden_channels": 8})
    for share, kind in ((0.5, Mirrored), (0.0, Batches)):
        recipe = recipe.with_settings({"training.mirror": share})
        with pytest.raises(Stop) as caught:
            api.train(recipe, root, out=tmp_path / str(share), verbose=False)
        assert caught.value.args == (kind, Batches)


def test_a_frame_that_is_no_picture_is_named(root, tmp_path):
    for number in range(1, 46):
        _write_label(tmp_path, number)
        middle = "000125.jpg" if number == 2 else "000004.jpg"
        path = tmp_path / "penn_action" / "frames" / f"{number:04}" / middle
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"000004\.jpg is not a readable picture"):
        recipes.load_split(_recipe("image", sequences=45), "test", tmp_path)


def test_poses_have_the_persons_origin_and_unit():
    generator = np.random.default_rng(0)
    track = np.concatenate(
        [generator.uniform(0, 400, (30, 13, 2)), generator.integers(0, 2, (30, 13, 1))],
        axis=-1,
    )
    normal = poses.normalize_to_person(track)
    shown = track[..., 2] == 1
    assert normal.dtype == np.float32
    np.testing.assert_allclose(normal[shown][:, :2].mean(axis=0), 0, atol=1e-6)
    assert np.mean(normal[shown][:, :2] ** 2) == pytest.approx(1)
    assert not normal[~shown].any()
    assert (normal[shown][:, 2] == 1).all()
    # Neither size, nor place, nor where invisible joints are noted plays a part.
    moved = track.copy()
    moved[..., :2] = moved[..., :2] * 0.3 + (20, -7)
    moved[~shown, :2] = 1
    np.testing.assert_allclose(poses.normalize_to_person(moved), normal, atol=1e-6)
    # x and y keep their proportion.
    ratio = (normal[shown][:, 0] - normal[shown][0, 0]) * np.ptp(track[shown][:, 1])
    own = (normal[shown][:, 1] - normal[shown][0, 1]) * np.ptp(track[shown][:, 1])
    unit = np.ptp(normal[shown][:, 1])
    np.testing.assert_allclose(
        ratio, (track[shown][:, 0] - track[shown][0, 0]) * unit, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        own, (track[shown][:, 1] - track[shown][0, 1]) * unit, rtol=1e-4, atol=1e-4
    )


def test_tracks_without_extent_or_without_a_visible_joint_stay_finite():
    track = np.full((4, 13, 3), 5.0)
    track[..., 2] = 0
    assert not poses.normalize_to_person(track).any()
    track[2, 3, 2] = 1
    normal = poses.normalize_to_person(track)
    assert normal[2, 3].tolist() == [0, 0, 1]
    assert np.abs(normal).sum() == 1


@pytest.mark.parametrize("short", poses.SHORT)
def test_long_tracks_are_subsampled(short):
    long = np.arange(250, dtype=np.float32)[:, None, None] * np.ones((1, 13, 3))
    taken = poses.fit_steps(long, 100, short)[:, 0, 0]
    assert taken[0] == 0
    assert taken[-1] == 249
    assert set(np.diff(taken)) <= {2, 3}
    assert np.array_equal(poses.fit_steps(long[:100], 100, short), long[:100])


def test_short_tracks_are_padded_where_that_is_asked_for():
    track = np.arange(1, 8, dtype=np.float32)[:, None, None] * np.ones((1, 13, 3))
    padded = poses.fit_steps(track, 100, "pad")
    assert padded[:, 0, 0].tolist() == [*range(1, 8), *[0] * 93]
    with pytest.raises(ValueError, match="Known: stretch, pad"):
        poses.fit_steps(track, 100, "repeat")


def test_short_tracks_are_stretched_by_straight_lines():
    generator = np.random.default_rng(0)
    track = generator.normal(size=(7, 13, 3)).astype(np.float32)
    track[..., 2] = 1
    stretched = poses.fit_steps(track, 100)
    assert stretched.dtype == np.float32
    for joint in range(13):
        for axis in range(3):
            expected = np.interp(
                np.arange(100) * 6 / 99, np.arange(7), track[:, joint, axis]
            )
            np.testing.assert_allclose(stretched[:, joint, axis], expected, atol=1e-6)


def test_a_stretched_joint_is_where_the_frames_that_show_it_have_it():
    generator = np.random.default_rng(1)
    track = generator.normal(size=(9, 13, 3)).astype(np.float32)
    track[..., 2] = generator.integers(0, 2, (9, 13))
    track *= track[..., 2:]
    stretched = poses.fit_steps(track, 100)
    for step in range(100):
        place = step * 8 / 99
        # 8 / 99 never puts a step halfway between two frames.
        around = int(place), min(int(place) + 1, 8)
        near, far = sorted(around, key=lambda frame: abs(frame - place))
        for joint in range(13):
            if not track[near, joint, 2]:
                expected = np.zeros(3)
            elif not track[far, joint, 2]:
                expected = track[near, joint]
            else:
                share = abs(place - near)
                expected = (1 - share) * track[near, joint] + share * track[far, joint]
            np.testing.assert_allclose(stretched[step, joint], expected, atol=1e-6)


def test_a_track_of_one_frame_stands_still():
    track = np.arange(39, dtype=np.float32).reshape(1, 13, 3)
    track[..., 2] = 1
    assert np.array_equal(poses.fit_steps(track, 100), np.repeat(track, 100, axis=0))


def test_unsigned_coordinates_do_not_wrap_around(tmp_path):
    fields = _fields(1)
    assert fields["x"].dtype == np.uint16
    own = recipes.read_sample(_recipe(), "pose", _write_label(tmp_path, 1))
    signed = {name: fields[name].astype(np.float64) for name in "xy"}
    again = recipes.read_sample(_recipe(), "pose", _write_label(tmp_path, 1, **signed))
    assert np.array_equal(own, again)
    assert (np.diff(own[:, 0, 0]) > 0).all()
    assert own[..., 2].all()


def test_a_single_file_is_padded_where_the_recipe_pads(tmp_path):
    path = _write_label(tmp_path, 1)
    stretched = recipes.read_sample(_recipe(), "pose", path)
    padded = recipes.read_sample(_recipe(short_sequences="pad"), "pose", path)
    np.testing.assert_allclose(padded[0], stretched[0], atol=1e-6)
    np.testing.assert_allclose(padded[SHORT - 1], stretched[-1], atol=1e-6)
    assert padded[:SHORT, :, 2].all()
    assert not padded[SHORT:].any()


def test_a_label_file_of_ones_own_equals_the_same_sample_of_the_split(root):
    split = recipes.load_split(_recipe("pose"), "test", root, limit=1)
    path = root / f"{split.samples[0].replace('/', '/labels/')}.mat"
    own = recipes.read_sample(_recipe(), "pose", path)
    assert np.array_equal(own, split.x["pose"][0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, "it lacks x"),
        ({"x": np.zeros((7, 12))}, r"x must be \(7, 13\) numbers. Received: \(7, 12\)"),
        ({"y": np.zeros((6, 13))}, r"y must be \(7, 13\) numbers. Received: \(6, 13\)"),
        ({"x": np.zeros((0, 13))}, "x has no frames"),
        (
            {"x": np.array([["a"] * 13] * 7, object)},
            r"x must be .* numbers",
        ),
        ({"x": np.full((7, 13), np.nan)}, "x must be finite"),
        ({"y": np.full((7, 13), 1e300)}, "y must be finite and below 1,000,000"),
        ({"visibility": np.full((7, 13), 2)}, "visibility must hold 0 and 1 only"),
        ({"action": "bowling"}, "Unknown action bowling. Did you mean bowl?"),
        ({"action": np.ones((1, 1))}, "action must be a text"),
        ({"train": 0}, "train must be 1 or -1. Received: 0"),
        ({"nframes": 8}, "nframes is 8, but x has 7 frames"),
    ],
)
def test_a_label_file_in_another_format_is_refused_in_one_line(
    tmp_path, changes, message
):
    path = _write_label(tmp_path, 1, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        read_sequence(path, RECIPE.classes)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it has 0 bytes"),
        (bytes(1_000_001), "it has 1,000,001 bytes"),
        (b"MATLAB 7.3 MAT-file" + bytes(2000), "is not a readable MATLAB file"),
        (b"MATLAB 5.0 MAT-file", "it is not a MATLAB 5 file"),
    ],
)
def test_an_empty_or_foreign_file_is_refused(tmp_path, content, message):
    path = tmp_path / "0001.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_sequence(path, RECIPE.classes)
    assert str(path) in str(caught.value)


def _read_or_refuse(path):
    """Whether a damaged file was refused as it should be; None if it could be read."""
    try:
        sequence = read_sequence(path, RECIPE.classes)
    except ValueError as error:
        return str(path) in str(error) and "\n" not in str(error)
    assert sequence.track.shape[1:] == (13, 3)
    assert np.isfinite(poses.normalize_to_person(sequence.track)).all()
    return None


@pytest.mark.parametrize("compressed", [True, False])
def test_a_cut_label_file_is_refused(tmp_path, compressed):
    path = tmp_path / "0001.mat"
    scipy.io.savemat(path, _fields(1), do_compression=compressed)
    whole = path.read_bytes()
    # The last field is not cut: from there on nothing that is read is missing.
    for size in range(0, len(whole) - 200, 37):
        path.write_bytes(whole[:size])
        assert _read_or_refuse(path)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_label_file_with_changed_bytes_is_refused_or_well_formed(
    tmp_path, compressed
):
    path = tmp_path / "0001.mat"
    scipy.io.savemat(path, _fields(1), do_compression=compressed)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    generator = np.random.default_rng(0)
    for _ in range(100):
        damaged = whole.copy()
        places = generator.integers(0, len(whole), generator.integers(1, 5))
        damaged[places] = generator.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        assert _read_or_refuse(path) in (True, None)


@needs_labels
def test_the_real_labels_have_their_official_sizes():
    pose = RECIPE.with_modality("pose")
    loaded = {part: recipes.load_split(pose, part, REAL) for part in SPLITS}
    assert [len(loaded[part]) for part in SPLITS] == [1131, 127, 1068]
    assert sum(len(set(split.samples)) for split in loaded.values()) == 2326
    for split in loaded.values():
        assert set(split.y.tolist()) == set(range(15))
        values = split.x["pose"]
        assert np.isfinite(values).all()
        shown = values[..., 2] == 1
        assert not values[~shown].any()
        assert abs(values[shown][:, :2].std() - 1) < 0.05
    assert sources.missing("penn_action", REAL) == ("frames",)


@needs_labels
@pytest.mark.parametrize(
    ("number", "frames", "shown"),
    [(1154, 72, 881), (1516, 68, 0), (1605, 157, 1371), (1865, 73, 462)],
)
def test_odd_real_files_are_read(number, frames, shown):
    path = REAL / "penn_action" / "labels" / f"{number}.mat"
    sequence = read_sequence(path, RECIPE.classes)
    assert len(sequence.track) == frames
    assert sequence.track[..., 2].sum() == shown
