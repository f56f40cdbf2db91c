"""A tiny NYUv2 in its official format: six pictures of 640 x 480."""

import h5py
import numpy as np
import scipy.io

from cmvq_keras import recipes

COUNT = 6
TRAIN, TEST = (2, 5, 1, 4), (6, 3)  # numbers from 1, in no order
LABELS = 894


def class_map():
    """`(895,)` the class of a label in these files: -1, 0, 1, ..., 39, 0, ..."""
    return np.concatenate([[-1], np.arange(LABELS) % 40])


def picture(number):
    """What picture `number` (from 1) holds, upright: color, depth, labels.

    Nothing is symmetric: red runs with the column, green with the row, blue and the
    depth's left border hold the number; no two labels' regions mirror each other.
    """
    row, column = np.indices((480, 640))
    color = np.stack(
        [column * 255 // 639, row * 255 // 479, np.full_like(row, 10 * number)], axis=-1
    )
    depth = (0.5 + row / 100 + column / 1000).astype(np.float32)
    depth[:, :40] = number
    depth[100:140, 200:260] = 0  # nothing was measured
    labels = 1 + row // 60 + 8 * (column // 80)
    labels[:20] = 0  # unlabelled
    labels[:, -20:] = LABELS
    return color.astype(np.uint8), depth, labels.astype(np.uint16)


def write_nyuv2(root, count=COUNT, train=TRAIN, test=TEST, changes=None):
    """Writes the three official files below `root`; gives their folder.

    `changes` replaces data sets of the HDF5 file: arrays in its own order of axes, or
    None for one that is not there.
    """
    folder = root / "nyuv2"
    folder.mkdir(parents=True, exist_ok=True)
    write_labelled(folder / "nyu_depth_v2_labeled.mat", count, changes or {})
    write_splits(folder / "splits.mat", train, test)
    write_class_map(folder / "classMapping40.mat")
    return folder


def write_labelled(path, count=COUNT, changes=None):
    """MATLAB 7.3: its text of 512 bytes, then HDF5, axes in reverse, packed."""
    pictures = [picture(number) for number in range(1, count + 1)]
    stacked = (np.stack(arrays) for arrays in zip(*pictures, strict=True))
    content = dict(zip(("images", "depths", "labels"), stacked, strict=True))
    content = {
        name: np.moveaxis(values, 1, -1).swapaxes(1, -2)
        for name, values in content.items()
    }
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in (content | (changes or {})).items():
            if values is not None:
                _write(file, name, np.ascontiguousarray(values))
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(head)


def _write(file, name, values):
    chunks = (1, *values.shape[1:]) if values.ndim > 1 else None
    packed = {"chunks": chunks, "compression": "gzip", "compression_opts": 1}
    file.create_dataset(name, data=values, **(packed if chunks else {}))


def write_splits(path, train=TRAIN, test=TEST):
    """`splits.mat`: two columns of numbers from 1."""
    content = {"trainNdxs": train, "testNdxs": test}
    columns = {
        name: np.array(numbers, np.uint16)[:, None] for name, numbers in content.items()
    }
    scipy.io.savemat(path, columns, do_compression=True)


def write_class_map(path, **changes):
    """`classMapping40.mat`: one row of classes from 1, and their names."""
    content = {
        "mapClass": (class_map()[1:] + 1).astype(np.uint8)[None],
        "className": np.array([recipes.get("nyuv2").classes], object),
    }
    scipy.io.savemat(path, content | changes, do_compression=True)
