"""MATLAB files of both kinds: version 5, and 7.3, which is HDF5."""

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data.formats import hdf5, mat5

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAGIC = (b"MATLAB 7.3 MAT-file", _HDF5)


def read(path, names, max_bytes):
    """Variables by name.

    Args:
        path: the file; its first bytes say which kind it is.
        names: of the variables to read; each has to be there.
        max_bytes: size of the file, and of every unpacked variable, above which it is
            refused.

    Returns:
        A dictionary, as `mat5.read` gives it. In a file of version 7.3 only arrays of
        real numbers and texts of one row can be read.

    Raises:
        ValueError: in one line with the path: for damaged and foreign files, and for
            variables that are absent or of another kind.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "MATLAB file", max_bytes) as file:
        if not file.read(len(_MAGIC[0])).startswith(_MAGIC):
            return mat5.read(path, names, max_bytes)
        import h5py  # slow to import, and the official files need it rarely

        file.seek(0)
        with h5py.File(file, "r") as content:
            return {name: _variable(content, name, max_bytes) for name in names}


def _variable(content, name, max_bytes):
    found = hdf5.own_dataset(content, name)
    if found.dtype.kind not in "uif":
        raise ValueError(f"{name} must be an array of real numbers or a text")
    hdf5.check_storage(found, name, max_bytes)
    # MATLAB's axes lie in reverse order.
    values = hdf5.read_whole(found).T
    kind = found.attrs.get("MATLAB_class")
    if kind not in (b"char", "char"):
        return values
    if values.ndim != 2 or len(values) != 1 or values.dtype != np.uint16:
        raise ValueError(f"{name} must be a text of one row")
    return values.astype("<u2").tobytes().decode("utf-16-le")
