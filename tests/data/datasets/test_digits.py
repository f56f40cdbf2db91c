"""digits and av-digits from tiny files in the official formats, and from real ones."""

import numpy as np
import pytest
import scipy.io
from PIL import Image
from tiny_sources import REAL, write_fsdd, write_mnist, write_svhn, write_wav

from cmvq_keras import recipes
from cmvq_keras.data.datasets import fsdd, mnist, sources, svhn

pytestmark = pytest.mark.once

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder)
    write_svhn(folder)
    write_fsdd(folder)
    return folder


def _recipe(name, **settings):
    return recipes.get(name, "code").with_settings(settings)


def _sides(split):
    rows = [sample.split(" + ") for sample in split.samples]
    return [set(side) for side in zip(*rows, strict=True)]


@pytest.mark.parametrize("name", ["digits", "av-digits"])
def test_splits_have_the_recipes_shapes_and_share_no_sample(name, root):
    recipe = recipes.get(name)
    sides = []
    for part in SPLITS:
        split = recipes.load_split(recipe, part, root)
        for modality, values in split.x.items():
            assert values.shape == (len(split), *recipe.modalities[modality].shape)
            assert values.dtype == np.float32
            assert np.isfinite(values).all()
        assert split.y.dtype == np.int32
        assert set(split.y.tolist()) == set(range(10))
        sides.append(_sides(split))
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert not sides[one][0] & sides[two][0]
        assert not sides[one][1] & sides[two][1]


def test_digits_pairs_show_the_same_digit(root):
    recipe = _recipe("digits", **{"data.validation_share": 0.5})
    split = recipes.load_split(recipe, "train", root)
    for row, sample in enumerate(split.samples):
        left, right = (int(side.rpartition("/")[2]) for side in sample.split(" + "))
        assert left % 10 == split.y[row]
        assert (right % 10 + 1) % 10 == split.y[row]
        np.testing.assert_allclose(split.x["mnist"][row], left / 255, atol=1e-6)
        np.testing.assert_allclose(split.x["svhn"][row, ..., 0], right / 255, atol=1e-6)
        assert np.all(split.x["svhn"][row, ..., 1:] == 0)


def test_av_digits_pairs_show_the_same_digit(root):
    split = recipes.load_split(_recipe("av-digits"), "test", root)
    for row, sample in enumerate(split.samples):
        left, right = (side.rpartition("/")[2] for side in sample.split(" + "))
        assert int(left) % 10 == split.y[row]
        assert int(right[0]) == split.y[row]
    assert {side.split("_")[2] for side in _sides(split)[1]} == {"3", "4"}
    assert split.x["audio"].max() == 0
    assert split.x["audio"].min() == -80


def test_higher_tones_stand_in_higher_mel_bands(root):
    samples = fsdd.open_part("test", root)
    tones = np.stack([samples.read(item) for item in samples.items])
    loudest = tones.mean(axis=(2, 3)).argmax(axis=1)
    means = [loudest[samples.labels == digit].mean() for digit in range(10)]
    assert np.all(np.diff(means) > 0)


def test_limit_takes_the_first_in_an_order_by_data_seed(root):
    every = recipes.load_split(_recipe("digits"), "train", root)
    few = recipes.load_split(_recipe("digits"), "train", root, limit=7)
    assert few.samples.tolist() == every.samples[:7].tolist()
    assert np.array_equal(few.x["svhn"], every.x["svhn"][:7])
    assert np.array_equal(few.y, every.y[:7])
    same = recipes.load_split(_recipe("digits", **{"training.seed": 3}), "train", root)
    other = recipes.load_split(_recipe("digits", **{"data.seed": 3}), "train", root)
    assert same.samples.tolist() == every.samples.tolist()
    assert sorted(other.samples) != sorted(every.samples)


def test_one_modality_alone_needs_only_its_own_files(tmp_path):
    write_svhn(tmp_path)
    recipe = recipes.get("digits").with_modality("svhn")
    split = recipes.load_split(recipe, "test", tmp_path)
    assert list(split.x) == ["svhn"]
    assert sorted(split.samples) == sorted(f"svhn/test/{row}" for row in range(10))
    # The published unimodal run keeps the whole model, and so needs both.
    whole = recipes.get("digits", "code").with_modality("svhn")
    with pytest.raises(FileNotFoundError, match="mnist"):
        recipes.load_split(whole, "test", tmp_path)


def test_a_missing_file_gets_one_line_that_helps(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        recipes.load_split(recipes.get("digits"), "train", tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("mnist/mnist.npz", str(tmp_path), "cmvq download mnist", "https://"):
        assert part in message


def _break_mnist(root, **changes):
    write_mnist(root)
    path = root / "mnist" / "mnist.npz"
    with np.load(path) as file:
        content = {**file, **changes}
    kept = {key: value for key, value in content.items() if value is not None}
    np.savez(path, **kept)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((60, 28, 27), np.uint8)}, r"x_train must be \(n, 28, 28"),
        ({"x_train": np.zeros((60, 28, 28))}, "x_train must be .* float64"),
        ({"y_train": np.zeros(59, np.uint8)}, r"y_train must be \(60,\) integers"),
        ({"y_train": np.full(60, 10, np.uint8)}, "digits, 0 to 9"),
        ({"y_train": np.array([{}] * 60)}, "it must hold numbers"),
        ({"y_train": None}, "it lacks y_train"),
    ],
)
def test_an_mnist_file_in_another_format_is_refused(tmp_path, changes, message):
    _break_mnist(tmp_path, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        mnist.open_part("train", tmp_path)
    assert "mnist.npz" in str(caught.value)


def test_a_damaged_or_swollen_mnist_file_is_refused(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "mnist" / "mnist.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(ValueError, match=r"mnist\.npz is not a readable \.npz file"):
        mnist.open_part("train", tmp_path)
    np.savez_compressed(path, x_train=np.zeros(210_000_000, np.uint8), y_train=[0])
    with pytest.raises(ValueError, match="unpacks to more than 200,000,000 bytes"):
        mnist.open_part("train", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"X": np.zeros((32, 32, 4), np.uint8), "y": 1},
            r"X must be \(32, 32, 3, n\) uint8",
        ),
        ({"X": np.zeros((32, 32, 3, 4)), "y": 1}, "float64"),
        (
            {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": 1},
            r"y must be \(4, 1\) integers",
        ),
        (
            {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.zeros((4, 1), np.uint8)},
            "y must hold 1 to 10",
        ),
        ({"a": 1}, "it lacks X, y"),
        (b"nonsense" * 100, "not a readable MATLAB 5 file"),
    ],
)
def test_an_svhn_file_in_another_format_is_refused(tmp_path, content, message):
    path = tmp_path / "svhn" / "train_32x32.mat"
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        scipy.io.savemat(path, content)
    with pytest.raises(ValueError, match=message) as caught:
        svhn.open_part("train", tmp_path)
    assert "train_32x32.mat" in str(caught.value)


def test_a_folder_without_recordings_is_refused(tmp_path):
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    with pytest.raises(ValueError, match="no test recordings named like"):
        fsdd.open_part("test", tmp_path)


def test_pictures_and_recordings_of_ones_own_are_read(tmp_path):
    digits, speech = recipes.get("digits", "code"), recipes.get("av-digits", "code")
    picture = Image.fromarray(np.full((50, 40, 3), (255, 0, 0), np.uint8))
    picture.save(tmp_path / "a.png")
    red = recipes.read_sample(digits, "svhn", tmp_path / "a.png")
    assert red.shape == (32, 32, 3)
    assert red[0, 0].tolist() == [1, 0, 0]
    gray = recipes.read_sample(digits, "mnist", tmp_path / "a.png")
    np.testing.assert_allclose(gray, np.full((32, 32, 1), 76 / 255), atol=1e-6)
    write_wav(tmp_path / "b.WAV", np.sin(np.arange(44100) / 8), rate=44100, width=3)
    spoken = recipes.read_sample(speech, "audio", tmp_path / "b.WAV")
    assert spoken.shape == (64, 64, 1)
    assert spoken.max() == 0


def test_a_picture_of_ones_own_equals_the_same_sample_of_the_split(root, tmp_path):
    recipe = recipes.get("digits")
    split = recipes.load_split(recipe, "test", root, limit=1)
    row = int(split.samples[0].split(" + ")[0].rpartition("/")[2])
    with np.load(root / "mnist" / "mnist.npz") as file:
        Image.fromarray(file["x_test"][row]).save(tmp_path / "a.png")
    own = recipes.read_sample(recipe, "mnist", tmp_path / "a.png")
    assert np.array_equal(own, split.x["mnist"][0])


@pytest.mark.parametrize(
    ("recipe", "modality", "name", "message"),
    [
        ("digits", "mnist", "a.wav", r"must end in \.npy or \.png or \.jpg"),
        ("digits", "mnist", "a.png", "not a readable picture"),
        ("av-digits", "audio", "a.wav", "not a readable sound file"),
    ],
)
def test_unreadable_files_are_refused(tmp_path, recipe, modality, name, message):
    (tmp_path / name).write_bytes(b"RIFF nonsense")
    with pytest.raises(ValueError, match=message) as caught:
        recipes.read_sample(recipes.get(recipe), modality, tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not REAL.exists(), reason="the real data is not here")
@pytest.mark.parametrize("name", ["digits", "av-digits"])
def test_real_data_is_split_officially_and_normalized(name):
    recipe = recipes.get(name)
    train = recipes.load_split(recipe, "train", REAL, limit=3000)
    test = recipes.load_split(recipe, "test", REAL, limit=1000)
    for values in train.x.values():
        assert abs(values.mean()) < 0.05
        assert abs(values.std() - 1) < 0.05
    for one, two in zip(_sides(train), _sides(test), strict=True):
        assert not one & two
    if name == "av-digits":
        takes = {int(side.rpartition("_")[2]) for side in _sides(test)[1]}
        assert takes == {0, 1, 2, 3, 4}


@pytest.mark.skipif(not REAL.exists(), reason="the real data is not here")
def test_real_sources_have_their_official_sizes():
    assert len(mnist.open_part("train", REAL).labels) == 60_000
    assert len(mnist.open_part("test", REAL).labels) == 10_000
    assert np.bincount(fsdd.open_part("train", REAL).labels).tolist() == [270] * 10
    assert np.bincount(fsdd.open_part("test", REAL).labels).tolist() == [30] * 10
    assert sources.missing("mnist", REAL) == ()
