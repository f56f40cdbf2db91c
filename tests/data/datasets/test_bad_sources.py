"""A damaged source ends in one line that names the file, whatever the reader."""

import os
import re
import shutil

import numpy as np
import pytest
import scipy.io
import tiny_penn_action
import tiny_sources
from command_line import invoke
from damage import PLAIN, damaged

from cmvq_keras import recipes
from cmvq_keras.data import Store

pytestmark = pytest.mark.once

LISTED = {
    "digits": ["mnist/mnist.npz", "svhn/train_32x32.mat", "svhn/test_32x32.mat"],
    "av-digits": ["fsdd/recordings/3_theo_3.wav", "fsdd/recordings/3_theo_6.wav"],
    "penn-action": [
        "penn_action/labels/0016.mat",
        "penn_action/frames/0016/000002.jpg",
    ],
}
FILES = [(recipe, name) for recipe, names in LISTED.items() for name in names]
OPTIONS = {"penn-action": ["--set", "data.sequences=45"]}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    root = tmp_path_factory.mktemp("good")
    tiny_sources.write_mnist(root)
    tiny_sources.write_svhn(root, 20, 10)
    tiny_sources.write_fsdd(root)
    tiny_penn_action.write_penn_action(root)
    return root


@pytest.fixture
def root(good, tmp_path):
    """A data root that a test may damage."""
    return shutil.copytree(good, tmp_path / "data")


def told_by(*arguments):
    """The one line in which a command ends, behind what it tells of its progress."""
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    *before, last = result.stderr.strip().splitlines()
    assert last.startswith("Error: ")
    assert not any("Error" in line for line in before)
    return last


def prepare(recipe, root):
    options = OPTIONS.get(recipe, [])
    out = root.parent / "store"
    return ["prepare", "--recipe", recipe, "--data-dir", root, *options, "--out", out]


@pytest.mark.parametrize("recipe", LISTED)
def test_the_sources_are_good_before_they_are_damaged(recipe, good, tmp_path):
    root = shutil.copytree(good, tmp_path / "data")
    result = invoke(*prepare(recipe, root))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("damage", [each for each in PLAIN if each != "pipe"])
@pytest.mark.parametrize(("recipe", "name"), FILES)
def test_prepare_names_a_damaged_file(recipe, name, damage, root):
    path = root / name
    damaged(path, path.read_bytes(), damage)
    assert path.name in told_by(*prepare(recipe, root))
    assert not (root.parent / "store" / recipe).exists()


@pytest.mark.parametrize(
    ("recipe", "name"), [(recipe, names[0]) for recipe, names in LISTED.items()]
)
def test_train_names_a_damaged_file_and_leaves_no_run(recipe, name, root, tmp_path):
    damaged(root / name, (root / name).read_bytes(), "cut")
    options = [*OPTIONS.get(recipe, []), "--data-dir", root, "--out", tmp_path / "run"]
    assert (root / name).name in told_by("train", "--recipe", recipe, *options)
    assert not (tmp_path / "run").exists()


def _mnist(**changes):
    def write(root):
        path = root / "mnist" / "mnist.npz"
        with np.load(path) as content:
            np.savez(path, **{**content, **changes})

    return write


def _svhn(pictures=None, labels=None):
    def write(root):
        path = root / "svhn" / "train_32x32.mat"
        good = scipy.io.loadmat(path)
        pictures_ = good["X"] if pictures is None else pictures
        labels_ = good["y"] if labels is None else labels
        scipy.io.savemat(path, {"X": pictures_, "y": labels_})

    return write


def _label(number, **changes):
    return lambda root: tiny_penn_action.write_label(root, number, **changes)


def _sound(rate=8000, count=800, **options):
    def write(root):
        path = root / "fsdd" / "recordings" / "3_theo_6.wav"
        tiny_sources.write_wav(path, np.zeros((count, 1)), rate, **options)

    return write


def _move(source, target):
    return lambda root: os.replace(root / source, root / target)


def _copy(source, target):
    return lambda root: shutil.copy(root / source, root / target)


RECORDINGS = "fsdd/recordings"
NAN = np.full((3, 13), np.nan)


@pytest.mark.parametrize(
    ("recipe", "change", "name", "message"),
    [
        # Wrong shape.
        ("digits", _mnist(x_train=np.zeros((60, 28), "u1")), "mnist.npz", "28, 28"),
        ("digits", _mnist(y_train=np.zeros(59, "u1")), "mnist.npz", r"\(60,\)"),
        ("digits", _svhn(np.zeros((32, 32, 20), "u1")), "train_32x32", "32, 32, 3, n"),
        ("digits", _svhn(labels=np.ones((19, 1), "u1")), "train_32x32", r"\(20, 1\)"),
        ("penn-action", _label(16, x=np.ones((3, 12))), "0016.mat", r"\(3, 13\)"),
        ("av-digits", _sound(count=0), "3_theo_6.wav", "0 samples"),
        ("av-digits", _sound(rate=100), "3_theo_6.wav", "4000 to 192000 Hz"),
        # Values that are not finite, or no numbers.
        ("digits", _mnist(x_train=np.full((60, 28, 28), np.nan)), "mnist.npz", "uint8"),
        ("digits", _svhn(np.full((32, 32, 3, 20), np.nan)), "train_32x32", "uint8"),
        ("penn-action", _label(16, y=NAN), "0016.mat", "must be finite"),
        # Labels out of range.
        ("digits", _mnist(y_train=np.full(60, 10, "u1")), "mnist.npz", "0 to 9"),
        ("digits", _svhn(labels=np.zeros((20, 1), "u1")), "train_32x32", "1 to 10"),
        ("penn-action", _label(16, action="juggling"), "0016.mat", "Unknown action"),
        ("penn-action", _label(16, train=0), "0016.mat", "train must be 1 or -1"),
        # Missing entries.
        ("digits", _move("mnist/mnist.npz", "gone"), "mnist.npz", "cmvq download"),
        ("digits", _move("svhn/test_32x32.mat", "gone"), "test_32x32", "cmvq download"),
        ("penn-action", _label(16, y=None), "0016.mat", "it lacks y"),
        (
            "penn-action",
            _move("penn_action/frames/0016/000002.jpg", "gone"),
            "0016/000002.jpg",
            "is not in",
        ),
        # An entry that is there twice.
        (
            "av-digits",
            _copy(f"{RECORDINGS}/3_theo_6.wav", f"{RECORDINGS}/3_theo_06.wav"),
            "3_theo_06.wav",
            "is a duplicate",
        ),
    ],
)
def test_content_that_is_not_as_expected_is_named(recipe, change, name, message, root):
    change(root)
    told = told_by(*prepare(recipe, root))
    assert name in told
    assert re.search(message, told), told


def test_a_source_without_one_digit_is_told(root):
    for path in (root / RECORDINGS).glob("7_*"):
        path.unlink()
    assert "audio has no samples of class 7" in told_by(*prepare("av-digits", root))


def _content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("room", [1000, 50_000])
def test_after_a_full_disk_the_same_command_goes_on(room, root, tmp_path):
    resource = pytest.importorskip("resource", reason="not on this platform")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        told = told_by(*prepare("digits", root))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(root.parent / "store") in told
    assert invoke(*prepare("digits", root)).exit_code == 0
    other = [*prepare("digits", root)[:-1], tmp_path / "other"]
    assert invoke(*other).exit_code == 0
    store = root.parent / "store" / "digits"
    assert _content(store) == _content(tmp_path / "other" / "digits")
    assert Store.open(store).recipe == recipes.get("digits")
