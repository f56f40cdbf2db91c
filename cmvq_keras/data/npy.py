"""Large `.npy` files: written row by row, opened without trust."""

import contextlib
import hashlib
import os

import numpy as np

DTYPES = ("uint8", "float16", "float32")
LABELS = "int32"


class RowWriter:
    """Writes one `.npy` file whose first axis grows; the bytes are `np.save`'s.

    Args:
        path: the file; overwritten.
        dtype: a name of `DTYPES`, or `LABELS`.
        shape: of one row.
    """

    def __init__(self, path, dtype, shape):
        self.path = path
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.shape = tuple(shape)
        self.count = 0
        self._file = open(path, "wb")  # noqa: SIM115  (close() closes it)
        self._write_header()

    def append(self, rows):
        """Adds `(k, *shape)` values of the writer's own dtype.

        Raises:
            OSError: with the file's name, e.g. when the disk is full.
        """
        with naming(self.path):
            self._file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.count += len(rows)

    def close(self, finish=True):
        """Closes the file; with `finish` it is complete and on disk."""
        with naming(self.path), self._file:
            if finish:
                # numpy leaves room in the header for the first axis to grow.
                self._file.seek(0)
                self._write_header()
                self._file.flush()
                os.fsync(self._file.fileno())

    def _write_header(self):
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.count, *self.shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


@contextlib.contextmanager
def naming(path):
    """Gives an OSError, e.g. of a full disk, the name of the file it is about."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def open_rows(path, dtype, shape, size):
    """A file of `RowWriter`, memory-mapped; only its header is read.

    Args:
        path: the file.
        dtype: the name of the dtype that it has to have.
        shape: the whole shape that it has to have.
        size: the bytes that it has to have.

    Raises:
        ValueError: for a file that is cut, too long, no `.npy`, or other than said.
        OSError: for a file that may not be read.
    """
    found = path.stat().st_size
    if found != size:
        raise ValueError(f"{path} must have {size:,} bytes. Received: {found:,}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:
        # numpy raises many unrelated types on a damaged header.
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a readable .npy file: {told}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is not a .npy file but an archive of arrays.")
    if array.dtype != np.dtype(dtype) or array.shape != tuple(shape):
        raise ValueError(
            f"{path} must be {tuple(shape)} {dtype}. Received: {array.shape} "
            f"{array.dtype}"
        )
    return array


def checksum(path):
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inside(folder, *parts):
    """The path of a regular file that really lies in a folder.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if a link leads out of the folder or nowhere, or it is no file.
    """
    path = folder.joinpath(*parts)
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing.") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} cannot be followed: {error}") from None
    if not real.is_relative_to(folder.resolve()):
        raise ValueError(f"{path} leads out of {folder}.")
    if not real.is_file():
        raise ValueError(f"{path} is not a file.")
    return path
