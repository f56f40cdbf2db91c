"""Files beside the data: taken where their names allow it, else counted."""

import gzip

import numpy as np
import pytest
import tiny_clips
import tiny_penn_action
import tiny_sources
from damage import refused

from cmvq_keras import recipes
from cmvq_keras.data.datasets import fsdd, mnist, sources, svhn, unused
from cmvq_keras.data.datasets.rml.files import find_clips

pytestmark = pytest.mark.once

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def _names(skipped):
    assert all(each.expected for each in skipped)
    return {each.name: each.reason for each in skipped}


def test_speakers_of_every_name_are_taken_and_the_rest_is_counted(tmp_path):
    tiny_sources.write_fsdd(tmp_path)
    folder = tmp_path / "fsdd" / "recordings"
    content = (folder / "7_theo_5.wav").read_bytes()
    added = ["7_anna2_5.wav", "7_Bob_6.WAV", "7_mary_ann_7.wav", "7_Jörg_8.wav"]
    others = ["7_theo.wav", "seven_theo_5.wav", "._7_theo_5.wav", ".hidden", "a.txt"]
    for name in (*added, *others):
        (folder / name).write_bytes(content)
    samples = fsdd.open_part("train", tmp_path)
    assert {f"fsdd/{name[:-4]}" for name in added} < set(samples.names)
    found = _names(samples.skipped)
    assert set(found) == {f"recordings/{name}" for name in others}
    assert "AppleDouble" in found["recordings/._7_theo_5.wav"]
    assert "not named like" in found["recordings/7_theo.wav"]
    tiny_sources.write_mnist(tmp_path)
    recipe = recipes.get("av-digits")
    parts = [recipes.open_split(recipe, split, tmp_path) for split in ("train", "test")]
    assert [len(each.skipped) for each in parts] == [5, 0]


def test_what_is_left_out_is_on_the_log(tmp_path, caplog):
    tiny_sources.write_fsdd(tmp_path)
    tiny_sources.write_mnist(tmp_path)
    (tmp_path / "mnist" / "more.npz").write_bytes(b"0")
    recipes.load_split(recipes.get("av-digits"), "train", tmp_path)
    assert "1 files or samples were skipped (mnist/more.npz: " in caplog.text


def test_many_files_are_one_line(tmp_path):
    for number in range(200):
        (tmp_path / f"{number:03}.txt").touch()
    (only,) = unused.unused(tmp_path, (), "no reason", root=tmp_path)
    assert only.name == "000.txt to 199.txt (200 files)"


def test_files_beside_svhn_and_rml_are_counted(tmp_path):
    tiny_sources.write_svhn(tmp_path)
    (tmp_path / "svhn" / "extra_32x32.mat").touch()
    assert list(_names(svhn.open_part("train", tmp_path).skipped)) == [
        "svhn/extra_32x32.mat"
    ]
    tiny_clips.write_rml(tmp_path, speakers=1)
    (tmp_path / "rml" / "s1" / "._an1.avi").write_bytes(b"\x00\x05\x16\x07")
    found, skipped = find_clips(tmp_path / "rml")
    assert len(found) == 6
    assert "AppleDouble" in _names(skipped)["rml/s1/._an1.avi"]


def test_crema_d_takes_mp4_and_counts_what_is_no_clip(tmp_path):
    lists = tiny_clips.write_crema_d(tmp_path)
    folder = tmp_path / "crema_d" / "VideoFlash"
    names = [each.stem for each in sorted(folder.iterdir())]
    content = tiny_clips.clip(("mp4", "libx264", "aac"))
    for name, ending in zip(names[:3], (".mp4", ".MP4", ".mkv"), strict=True):
        (folder / f"{name}.flv").unlink()
        (folder / f"{name}{ending}").write_bytes(content)
    (folder / "1001_IEO_ANG_HI (1).flv").write_bytes(content)
    (folder / f"._{names[0]}.mp4").touch()
    recipe = recipes.get("crema-d").with_settings({"data.split": str(lists)})
    parts = [recipes.open_split(recipe, each, tmp_path) for each in ("train", "test")]
    assert [len(each) for each in parts] == [12, 6]
    assert set(_names(parts[0].skipped)) == {
        "VideoFlash/1001_IEO_ANG_HI (1).flv",
        f"VideoFlash/._{names[0]}.mp4",
    }
    group = parts[0].groups[0]
    row = list(parts[0].names).index(names[0])
    assert group.read(group.items[row])["image"].shape == (4, 128, 128, 3)


def test_files_beside_penn_action_are_counted(tmp_path):
    tiny_penn_action.write_penn_action(tmp_path, count=45)
    (tmp_path / "penn_action" / "labels" / "9999.mat").touch()
    recipe = recipes.get("penn-action").with_settings({"data.sequences": 45})
    listing = recipes.open_split(recipe.with_modality("pose"), "train", tmp_path)
    assert list(_names(listing.skipped)) == ["labels/9999.mat"]


IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _write_idx(root, packed, names=IDX):
    """The four idx files of the arrays in `mnist.npz`, in its place."""
    tiny_sources.write_mnist(root)
    path = root / "mnist" / "mnist.npz"
    content = np.load(path)
    path.unlink()
    for name, key in zip(
        names, ("x_train", "y_train", "x_test", "y_test"), strict=True
    ):
        values = content[key]
        sizes = np.array(values.shape, ">u4").tobytes()
        data = bytes((0, 0, 8, values.ndim)) + sizes + values.tobytes()
        ending = ".gz" if packed else ""
        (root / "mnist" / f"{name}{ending}").write_bytes(
            gzip.compress(data) if packed else data
        )
    return content


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("part", ["train", "test"])
def test_mnist_is_read_from_idx_files(part, packed, tmp_path):
    content = _write_idx(tmp_path, packed)
    samples = mnist.open_part(part, tmp_path)
    assert np.array_equal(samples.labels, content[f"y_{part}"])
    assert np.array_equal(samples.items, content[f"x_{part}"])
    assert not samples.skipped
    assert not sources.missing("mnist", tmp_path)


def test_damaged_idx_files_are_refused(tmp_path):
    _write_idx(tmp_path, packed=False)
    path = tmp_path / "mnist" / IDX[0]
    whole = path.read_bytes()

    def read(_):
        return mnist.open_part("train", tmp_path)

    huge = whole[:4] + b"\xff" * 4 + whole[8:]
    for content, said in (
        (whole[:-1], "it is truncated"),
        (whole + b"0", "it continues after"),
        (huge, "values. Received"),
        (b"\x00\x00\x0d\x03" + whole[4:], "an idx file of bytes with 3 axes"),
    ):
        path.write_bytes(content)
        assert said in refused(read, path)
    bomb = whole[:4] + np.array([3000, 28, 28], ">u4").tobytes() + bytes(10**8)
    path.write_bytes(gzip.compress(bomb))
    assert "it continues after" in refused(read, path)


def test_files_that_git_lfs_has_not_fetched_are_missing(tmp_path):
    tiny_clips.write_crema_d(tmp_path)
    folder = tmp_path / "crema_d"
    assert not sources.missing("crema_d", tmp_path)
    paths = sorted((folder / "VideoFlash").iterdir())
    paths[0].write_text(POINTER)
    assert sources.count_entries(folder / "VideoFlash") == (len(paths), 1)
    assert not sources.missing("crema_d", tmp_path)
    for path in (*paths, folder / "VideoDemographics.csv"):
        path.write_text(POINTER)
    assert sources.missing("crema_d", tmp_path) == (
        "VideoFlash",
        "VideoDemographics.csv",
    )
