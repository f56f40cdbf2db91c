"""Arrays from `.npy` and `.npz` files that nobody vouches for."""

import zipfile

import numpy as np


def read_npy(path, shape):
    """One array of numbers, checked before its values are read.

    Args:
        path: a `.npy` file.
        shape: the shape that it has to have; a last axis of 1 may be left out.

    Returns:
        Array of `shape`, in the file's own dtype: bool, integer or float.

    Raises:
        ValueError: for files that are no `.npy`, hold objects, or have another
            shape.
    """
    try:
        # Memory-mapped: the header is checked before memory is taken.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, TypeError) as error:
        raise ValueError(f"{path} is not a readable .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is not a .npy file but an archive of arrays.")
    if array.dtype.kind not in "buif":
        raise ValueError(f"{path} must hold numbers. Received dtype: {array.dtype}")
    if array.shape != shape and not (shape[-1] == 1 and array.shape == shape[:-1]):
        raise ValueError(f"{path} must have shape {shape}. Received: {array.shape}")
    return np.array(array).reshape(shape)


def read_npz(path, names, max_bytes):
    """Arrays by name from a `.npz` file.

    Args:
        path: the file.
        names: of the arrays to read.
        max_bytes: the unpacked size of those arrays above which the file is
            refused.

    Raises:
        ValueError: for files that are no `.npz`, lack a name, hold objects, or
            unpack to more than `max_bytes`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
        absent = [name for name in names if f"{name}.npy" not in sizes]
        if absent:
            raise ValueError(f"it lacks {', '.join(absent)}")
        if sum(sizes[f"{name}.npy"] for name in names) > max_bytes:
            raise ValueError(f"it unpacks to more than {max_bytes:,} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (ValueError, EOFError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path} is not as expected: {error}") from None
