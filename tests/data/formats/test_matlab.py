"""MATLAB 7.3 files hold what the same file of version 5 holds."""

import h5py
import numpy as np
import pytest
import tiny_sources
from damage import refused
from tiny_penn_action import CLASSES, label_fields, write_label

from cmvq_keras.data.datasets import svhn
from cmvq_keras.data.datasets.penn_action.labels import read_sequence
from cmvq_keras.data.formats import matlab

pytestmark = pytest.mark.once


def write_mat73(path, content, **packing):
    """A file as MATLAB's `save -v7.3` writes it: axes reversed, a head of 512 bytes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in content.items():
            if isinstance(values, str):
                codes = np.frombuffer(values.encode("utf-16-le"), "<u2")
                file[name] = codes[:, None]
                file[name].attrs["MATLAB_class"] = np.bytes_("char")
            else:
                file.create_dataset(name, data=np.asarray(values).T, **packing)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


@pytest.mark.parametrize(
    "packing", [{}, {"compression": "gzip", "chunks": (7, 3, 32, 32), "shuffle": True}]
)
def test_svhn_as_hdf5_is_svhn(packing, tmp_path):
    tiny_sources.write_svhn(tmp_path)
    path = tmp_path / "svhn" / "train_32x32.mat"
    expected = svhn.open_part("train", tmp_path)
    content = matlab.read(path, ("X", "y"), 10**7)
    content["X"] = np.random.default_rng(0).integers(0, 256, content["X"].shape, "u1")
    path.unlink()
    write_mat73(path, {"y": content["y"]})
    with h5py.File(path, "r+") as file:
        file.create_dataset("X", data=content["X"].T, **packing)
    found = svhn.open_part("train", tmp_path)
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.items, np.moveaxis(content["X"], 3, 0))


def _as_mat73(path, fields):
    """Penn Action's label file; MATLAB has no numbers but matrices."""
    matrices = {
        key: value if isinstance(value, str) else np.atleast_2d(value)
        for key, value in fields.items()
    }
    path.unlink(missing_ok=True)
    write_mat73(path, matrices)


@pytest.mark.parametrize("number", [3, 20])
def test_a_label_file_of_penn_action_as_hdf5_is_the_same_sequence(number, tmp_path):
    expected = read_sequence(write_label(tmp_path, number), CLASSES)
    fields = label_fields(number)
    path = tmp_path / "a.mat"
    _as_mat73(path, fields)
    found = read_sequence(path, CLASSES)
    assert found.action == expected.action == fields["action"]
    assert found.is_train == expected.is_train == (fields["train"] == 1)
    track = np.stack([fields["x"], fields["y"], fields["visibility"]], -1)
    for each in (found, expected):
        assert each.track.dtype == np.float64
        assert np.array_equal(each.track, track)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"action": "swim"}, "Unknown action swim"),
        ({"nframes": 7}, "nframes is 7, but x has 3 frames"),
        ({"train": 2}, "train must be 1 or -1"),
        ({"y": np.full((3, 13), np.nan)}, "y must be finite"),
        ({"x": np.zeros((3, 12))}, r"x must be (3, 13) numbers. Received: (3, 12)"),
        ({"action": np.zeros((1, 1))}, "action must be a text"),
        ({"visibility": None}, "visibility"),
    ],
)
def test_wrong_fields_of_such_a_label_file_are_told(changes, told, tmp_path):
    path = tmp_path / "a.mat"
    _as_mat73(path, label_fields(3, **changes))
    assert told in refused(lambda path: read_sequence(path, CLASSES), path)


def test_bombs_and_links_are_refused(tmp_path):
    path = tmp_path / "a.mat"

    def read(path):
        return matlab.read(path, ("X",), 10**8)

    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10**7,), "u1", chunks=(10**6,), compression="gzip")
    assert "X states an impossible size" in refused(read, path)
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10**12,), "u1", chunks=(10**6,))
    assert "X takes more than" in refused(read, path)
    with h5py.File(path, "w") as file:
        file["X"] = h5py.ExternalLink("/etc/hostname", "X")
    assert "X is a link" in refused(read, path)
