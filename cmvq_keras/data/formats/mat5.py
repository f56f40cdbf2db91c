"""Arrays of numbers, texts and cells of texts from untrusted MATLAB 5 files.

A reader of our own, because scipy's ends the process on some damaged files. It reads
in order and unpacks straight into the arrays: nothing is in memory twice, and no size
is believed that the file's own bytes cannot fill. Other cells, structures, sparse and
complex arrays are passed over.

Reference: MAT-File Format, Level 5 (The MathWorks).
"""

import math
import struct
import zlib

import numpy as np

from cmvq_keras import fileio

MAGIC = b"MATLAB 5.0 MAT-file"
_HEADER = 128  # bytes; the last two say the byte order
_MATRIX, _COMPRESSED = 14, 15
_CELLS, _CHARACTERS, _COMPLEX = 1, 4, 0x0800
_CLASSES = dict(
    enumerate(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"], start=6)
)
# How values are stored: often smaller than their class.
_STORED = dict(enumerate(["i1", "u1", "i2", "u2", "i4", "u4", "f4"], start=1))
_STORED |= {9: "f8", 12: "i8", 13: "u8"}
# Of texts; types 2 and 4 are bytes and UTF-16 here.
_ENCODINGS = {1: "ascii", 2: "ascii", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_HEAD_PART = 1024  # bytes; names have up to 63, sizes 4 an axis
_CHUNK = 2**20


def read(path, names, max_bytes):
    """Variables by name.

    Args:
        path: the file.
        names: of the variables to read; each has to be there once.
        max_bytes: size of the file, and of every unpacked variable, above which it is
            refused.

    Returns:
        A dictionary: arrays of numbers in the variables' shapes, the first axis the
        fastest in memory; `str` for a row of characters; a tuple of `str` for a cell
        array of them, in MATLAB's order.

    Raises:
        ValueError: in one line with the path: for an empty, cut or foreign file, and
            for variables that are absent, come twice, or are neither numbers nor text.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "MATLAB 5 file", max_bytes) as file:
        order, found = _order(file), {}
        for matrix in _matrices(file, order, max_bytes):
            name, flags, shape = _head(matrix)
            if name in found:
                raise ValueError(f"{name!a} is there twice")
            if name in names:
                found[name] = _values(matrix, name, flags, shape, max_bytes)
        absent = [name for name in names if name not in found]
        if absent:
            raise ValueError(f"it lacks {', '.join(absent)}")
        return found


def read_only(path, max_bytes):
    """The array of a file that holds one array of numbers and nothing else.

    Args:
        path, max_bytes: as in `read`.

    Raises:
        ValueError, OSError: as `read`, and for a file of several variables.
    """
    with fileio.opened(path, "MATLAB 5 file", max_bytes) as file:
        found = {}
        for matrix in _matrices(file, _order(file), max_bytes):
            name, flags, shape = _head(matrix)
            if found:
                raise ValueError(f"it must hold one array. It holds {name!a} too")
            found[name] = _values(matrix, name, flags, shape, max_bytes)
        values = next(iter(found.values()), None)
        if not isinstance(values, np.ndarray) or not values.size:
            raise ValueError("it must hold one array of numbers")
        return values


def _order(file):
    """The order of bytes, from the file's header."""
    orders = {b"IM": "<", b"MI": ">"}
    header = file.read(_HEADER)
    order = orders.get(header[_HEADER - 2 :])
    if not header.startswith(MAGIC) or order is None:
        raise ValueError("it is not a MATLAB 5 file")
    return order


class _Element:
    """The content of one element: `left` bytes of a stream that are still to come."""

    def __init__(self, stream, left, order):
        self.stream, self.left, self.order = stream, left, order

    def fill(self, buffer):
        """Reads as many bytes as a buffer holds."""
        if len(buffer) > self.left:
            raise ValueError("it is truncated")
        fileio.fill(self.stream, buffer)
        self.left -= len(buffer)

    def take(self, count):
        """The next `count` bytes, which must not be many."""
        buffer = bytearray(min(count, self.left + 1))
        self.fill(buffer)
        return bytes(buffer)

    def tag(self):
        """`(type, size, padding, content)` of the element within that is next.

        The content is None where it is still to be read, and its padding after it.
        """
        tag = self.take(8)
        kind, size = struct.unpack(f"{self.order}II", tag)
        if not kind >> 16:
            return kind, size, -size % 8, None
        # The small format: type, size and up to four bytes in one tag.
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise ValueError("an element has an impossible size")
        return kind, size, 0, tag[4 : 4 + size]

    def part(self, most):
        """`(type, content)` of the element within that is next."""
        kind, size, padding, content = self.tag()
        if content is None:
            if size > most:
                raise ValueError("an element has an impossible size")
            content = self.take(size)
            self.skip(padding)
        return kind, content

    def skip(self, padding):
        """Passes over padding, which may lack at the end."""
        self.take(min(padding, self.left))


class _Unpacked:
    """Unpacks the next `size` bytes of a file, a bit at a time."""

    def __init__(self, file, size):
        self._file, self._left = file, size
        self._unpacker = zlib.decompressobj()

    def readinto(self, view):
        piece = self._next(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def finish(self):
        """Lets zlib compare its checksum with the values."""
        if self._next(_CHUNK) and self._next(_CHUNK):
            raise ValueError("it is damaged (a variable continues after its end)")

    def _next(self, most):
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, _CHUNK))
                self._left -= len(packed)
            try:
                piece = self._unpacker.decompress(packed, min(most, _CHUNK))
            except zlib.error as error:
                raise ValueError(f"it is damaged ({error})") from None
            # Some official files lack the stream's end behind complete values.
            if piece or not packed:
                return piece
        return b""


def _matrices(file, order, max_bytes):
    """Every variable as an `_Element`."""
    end = fileio.size(file)
    while (start := file.tell()) < end:
        rest = _Element(file, end - start, order)
        kind, size, padding, content = rest.tag()
        if content is None:
            if size > rest.left:
                raise ValueError("it is truncated")
            start += size + (0 if kind == _COMPRESSED else padding)
        if kind == _MATRIX and content is None:
            yield _Element(file, size, order)
        elif kind == _COMPRESSED and content is None:
            yield from _packed_matrix(file, size, order, max_bytes)
        file.seek(start + 8)


def _packed_matrix(file, packed, order, max_bytes):
    stream = _Unpacked(file, packed)
    kind, size, _, content = _Element(stream, 8, order).tag()
    if kind != _MATRIX or content is not None:
        return
    if size > max_bytes:
        raise ValueError(f"a variable unpacks to more than {max_bytes:,} bytes")
    if size > fileio.ZLIB_RATIO * packed:
        raise ValueError("it is truncated")
    matrix = _Element(stream, size, order)
    yield matrix
    if not matrix.left:
        stream.finish()


def _head(matrix):
    """A variable's name, its flags and its shape."""
    (_, flags), (_, shape), (_, name) = (matrix.part(_HEAD_PART) for _ in range(3))
    if len(flags) != 8 or len(shape) % 4:
        raise ValueError("a variable has no valid header")
    (flags,) = struct.unpack_from(f"{matrix.order}I", flags)
    shape = np.frombuffer(shape, f"{matrix.order}i4").tolist()
    return name.decode("latin-1"), flags, shape


def _values(matrix, name, flags, shape, max_bytes):
    kind = flags & 0xFF
    numbers = kind in _CLASSES and not flags & _COMPLEX
    if not numbers and kind not in (_CELLS, _CHARACTERS):
        raise ValueError(
            f"{name} must be an array of real numbers, a text or a cell of texts"
        )
    if kind == _CELLS:
        values = _texts(matrix, name, math.prod(shape), max_bytes)
    elif not numbers:
        values = _text(name, *matrix.part(max_bytes), matrix.order)  # pyright: ignore
    else:
        values = _numbers(matrix, name, shape).astype(_CLASSES[kind], copy=False)
        values = values.reshape(shape, order="F")
    if matrix.left:
        raise ValueError(f"{name} has {matrix.left:,} bytes after its values")
    return values


def _numbers(matrix, name, shape):
    """The values in a row, as they are stored."""
    stored, size, padding, content = matrix.tag()
    dtype = np.dtype(_STORED.get(stored, "V")).newbyteorder(matrix.order)
    count = math.prod(shape)
    if min(shape, default=-1) < 0 or not dtype.itemsize:
        raise ValueError(f"{name} has an impossible size or type")
    if size != count * dtype.itemsize:
        raise ValueError(f"{name} has {size} bytes for {count} values")
    if content is not None:
        return np.frombuffer(bytearray(content), dtype)
    if size > matrix.left:
        raise ValueError("it is truncated")
    values = np.empty(count, dtype)
    matrix.fill(values.view(np.uint8))
    matrix.skip(padding)
    return values


def _texts(matrix, name, count, max_bytes):
    texts = []
    while matrix.left:
        kind, size, _, content = matrix.tag()
        if kind != _MATRIX or content is not None or size > matrix.left:
            raise ValueError(f"{name} must hold only texts")
        cell = _Element(matrix.stream, size, matrix.order)
        matrix.left -= size
        _, flags, _ = _head(cell)
        if flags & 0xFF != _CHARACTERS:
            raise ValueError(f"{name} must hold only texts")
        texts.append(_text(name, *cell.part(max_bytes), matrix.order))
        if cell.left:
            raise ValueError(f"{name} has {cell.left:,} bytes after a text")
    if len(texts) != count:
        raise ValueError(f"{name} has {len(texts)} cells, not {count}")
    return tuple(texts)


def _text(name, stored, data, order):
    encoding = _ENCODINGS.get(stored, "none")
    if encoding == "utf-16":
        encoding += "-le" if order == "<" else "-be"
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        text = "\0"
    if not text.isprintable():
        raise ValueError(f"{name} is not readable text")
    return text
