"""Large `.npy` files: written row by row, opened without trust."""

import contextlib
import dataclasses
import hashlib
import math
import os
import warnings

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.fileio import naming

DTYPES = ("uint8", "float16", "float32")
LABELS = "int32"


class RowWriter(contextlib.AbstractContextManager):
    """Writes one `.npy` file whose first axis grows; the bytes are `np.save`'s.

    Args:
        path: the file.
        dtype: a name of `DTYPES`, or `LABELS`.
        shape: of one row.
        count: rows of a file that is there already to keep; 0 starts it anew.

    Raises:
        ValueError: for a file with fewer rows than `count`.
    """

    def __init__(self, path, dtype, shape, count=0):
        self.path = path
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.shape = tuple(shape)
        self.count = count
        self._file = fileio.writable(path, keep=bool(count))
        with naming(path):
            self._write_header()
            if count:
                self._keep()

    def _keep(self):
        end = self._file.tell() + self.count * self.row_bytes
        if os.fstat(self._file.fileno()).st_size < end:
            self._file.close()
            raise ValueError(f"{self.path} has fewer than {self.count} rows.")
        self._file.truncate(end)
        self._file.seek(end)

    @property
    def row_bytes(self):
        """Bytes of one row."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))

    def append(self, rows):
        """Adds `(k, *shape)` values of the writer's own dtype.

        Raises:
            OSError: with the file's name, e.g. when the disk is full.
        """
        with naming(self.path):
            self._file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.count += len(rows)

    def sync(self):
        """Returns when the rows so far are on disk."""
        with naming(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self):
        """Closes the file, complete and on disk."""
        with naming(self.path), self._file:
            # numpy leaves room in the header for the first axis to grow.
            self._file.seek(0)
            self._write_header()
            self.sync()

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.close()
            return
        with contextlib.suppress(OSError):  # what ended the writing is reported already
            self._file.close()

    def _write_header(self):
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.count, *self.shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def open_rows(path, dtype, shape, size, root=None):
    """A file of `RowWriter`, memory-mapped; only its header is read.

    Args:
        path: the file.
        dtype: the name of the dtype that it has to have.
        shape: the whole shape that it has to have.
        size: the bytes that it has to have.
        root: as in `cmvq_keras.fileio.opened`.

    Raises:
        ValueError: for a file that is cut, too long, no `.npy`, or other than said.
        OSError: for a file that may not be read.
    """
    with fileio.opened(path, ".npy file", root=root) as file:
        found = fileio.size(file)
        if found != size:
            raise ValueError(f"it must have {size:,} bytes. Received: {found:,}")
        header = read_header(file, size)
        if (header.dtype, header.shape) != (np.dtype(dtype), tuple(shape)):
            raise ValueError(
                f"it must be {tuple(shape)} {dtype}. Received: {header.shape} "
                f"{header.dtype}"
            )
        if header.order != "C":
            raise ValueError("its rows must be contiguous")
        return np.memmap(file, header.dtype, "r", file.tell(), header.shape)


def open_own(path):
    """A file of `RowWriter` that this program has just written, memory-mapped."""
    with fileio.opened(path, ".npy file", root=path.parent) as file:
        header = read_header(file, fileio.size(file))
        return np.memmap(file, header.dtype, "r", file.tell(), header.shape)


@dataclasses.dataclass(frozen=True)
class Header:
    """What a `.npy` file says of its values: dtype, shape, and order "C" or "F"."""

    dtype: np.dtype
    shape: tuple
    order: str


def read_header(file, size):
    """The header of a `.npy` file; the values are as many bytes as there have to be.

    Args:
        file: binary, at the beginning; it is left at the first value.
        size: bytes of the whole content.

    Raises:
        ValueError: for another format, anything but numbers, and a size that is not
            the stated shape's. `fileio.opened` catches whatever else numpy raises.
    """
    if np.lib.format.read_magic(file) != (1, 0):
        # The other versions are for structures and for names beyond Latin letters.
        raise ValueError("it must hold one array of numbers")
    with warnings.catch_warnings(action="ignore"):
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "buif":
        raise ValueError(f"it must hold numbers. Received dtype: {dtype}")
    expected, found = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or expected != found:
        raise ValueError(
            f"shape {shape} of {dtype} takes {expected:,} bytes. Received: {found:,}"
        )
    return Header(dtype, shape, "F" if is_fortran else "C")


def read_values(file, header):
    """The values behind a header that was read; see `read_header`."""
    values = np.empty(math.prod(header.shape), header.dtype)
    fileio.fill(file, values.view(np.uint8))
    if header.dtype.kind == "b":
        values = values.view(np.uint8) != 0  # any other byte is no truth value
    return values.reshape(header.shape, order=header.order)


def checksum(path, root=None):
    """SHA-256 of a file, in hexadecimal; `root` as in `cmvq_keras.fileio.opened`."""
    with fileio.opened(path, "file", root=root) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
