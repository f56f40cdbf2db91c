"""NYUv2's `nyu_depth_v2_labeled.mat`: HDF5 (MATLAB 7.3), read one picture at a time.

The file has 2.8 GB, so it is never in memory as a whole. MATLAB stores axes in reverse
order: a picture of 480 rows and 640 columns lies there as 640 x 480.
"""

import functools
import os
import pathlib

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data.formats import hdf5

_WHAT = "file of NYUv2"
# Of MATLAB, and of HDF5 without MATLAB's text in front.
_MAGIC = (b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n")
_MAGIC_BYTES = max(map(len, _MAGIC))
HEIGHT, WIDTH = 480, 640
# Axes of one picture, as they lie in the file.
_LAYOUT = {
    "images": ((3, WIDTH, HEIGHT), np.dtype("u1")),
    "depths": ((WIDTH, HEIGHT), np.dtype("f4")),
    "labels": ((WIDTH, HEIGHT), np.dtype("u2")),
}


def count_pictures(path):
    """How many pictures the file holds, after a check of its layout.

    Args:
        path: the file.

    Raises:
        ValueError: in one line, with the path: for a file that is no HDF5 file, lacks
            a data set, or holds one of another shape or type or outside of the file.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, _WHAT) as file:
        if not file.read(_MAGIC_BYTES).startswith(_MAGIC):
            raise ValueError("it is not a MATLAB 7.3 file")
        sizes = {name: len(found) for name, found in _datasets(path).items()}
        if len(set(sizes.values())) > 1 or not sizes["images"]:
            raise ValueError(f"its data sets hold {sizes} pictures")
    return sizes["images"]


def read_picture(path, row, names):
    """One picture's arrays, upright.

    The file is opened once a process.

    Args:
        path: the file, checked by `count_pictures`.
        row: which picture, from 0.
        names: some of "images", "depths" and "labels".

    Returns:
        Arrays by name: images `(480, 640, 3)` uint8; depths `(480, 640)` float32,
        metres; labels `(480, 640)` uint16.

    Raises:
        ValueError: in one line, with the path and the picture's number from 1.
    """
    with fileio.opened(path, _WHAT):
        datasets = _datasets(path)
        try:
            return {name: hdf5.read_slice(datasets[name], row).T for name in names}
        except Exception as error:
            reason = fileio.one_line(error)
            raise ValueError(f"picture {row + 1}: {reason}") from error


def _datasets(path):
    path = pathlib.Path(path)
    stamp = path.stat()
    # A worker process that was forked must not share its parent's file.
    return _open(path, os.getpid(), stamp.st_ino, stamp.st_size, stamp.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _open(path, process, *stamp):
    import h5py  # slow to import, and only this recipe needs it

    file = h5py.File(path, "r")
    try:
        return {
            name: hdf5.open_dataset(file, name, *layout)
            for name, layout in _LAYOUT.items()
        }
    except Exception:
        file.close()
        raise
