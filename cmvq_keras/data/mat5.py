"""Arrays of numbers and texts from MATLAB 5 files that nobody vouches for.

A reader of our own, because scipy's ends the process on some damaged files. Cells,
structures, sparse and complex arrays are passed over.

Reference: MAT-File Format, Level 5 (The MathWorks).
"""

import math
import struct
import zlib

import numpy as np

MAGIC = b"MATLAB 5.0 MAT-file"
_HEADER = 128  # bytes; the last two say the byte order
_MATRIX, _COMPRESSED = 14, 15
_CHARACTERS, _COMPLEX = 4, 0x0800
_CLASSES = dict(
    enumerate(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"], start=6)
)
# How values are stored: often smaller than their class.
_STORED = dict(enumerate(["i1", "u1", "i2", "u2", "i4", "u4", "f4"], start=1))
_STORED |= {9: "f8", 12: "i8", 13: "u8"}
# Of texts; types 2 and 4 are bytes and UTF-16 here.
_ENCODINGS = {1: "ascii", 2: "ascii", 4: "utf-16", 16: "utf-8", 17: "utf-16"}


def read(path, names, max_bytes):
    """Variables by name.

    Args:
        path: `pathlib.Path` of the file.
        names: of the variables to read; each has to be there once.
        max_bytes: size of the file, and of every unpacked variable, above which it is
            refused.

    Returns:
        A dictionary: arrays of numbers in the variables' shapes, `str` for a row of
        characters.

    Raises:
        ValueError: without the path: for an empty, cut or foreign file, and for
            variables that are absent, come twice, or are neither numbers nor text.
        FileNotFoundError: if it is not there.
    """
    size = path.stat().st_size
    if not 0 < size <= max_bytes:
        raise ValueError(f"it has {size:,} bytes, not 1 to {max_bytes:,}")
    content = path.read_bytes()
    orders = {b"IM": "<", b"MI": ">"}
    order = orders.get(content[_HEADER - 2 : _HEADER])
    if not content.startswith(MAGIC) or order is None:
        raise ValueError("it is no MATLAB 5 file")
    found = {}
    for kind, data in _elements(content[_HEADER:], order):
        for matrix in _matrices(kind, data, order, max_bytes):
            name, parts = _head(matrix, order)
            if name in found:
                raise ValueError(f"{name!a} comes twice")
            if name in names:
                found[name] = _values(name, parts, order)
    absent = [name for name in names if name not in found]
    if absent:
        raise ValueError(f"it lacks {', '.join(absent)}")
    return found


def _elements(content, order):
    """`(type, bytes)` of the elements that fill `content`."""
    start = 0
    while start < len(content):
        if len(content) - start < 8:
            raise ValueError("it is cut")
        kind, size = struct.unpack_from(f"{order}II", content, start)
        if kind >> 16:
            # The small format: type, size and up to four bytes in one tag.
            kind, size, first = kind & 0xFFFF, kind >> 16, start + 4
            if size > 4:
                raise ValueError("an element has an impossible size")
            step = 8
        else:
            first = start + 8
            step = 8 + (size if kind == _COMPRESSED else -(-size // 8) * 8)
        if first + size > len(content):
            raise ValueError("it is cut")
        yield kind, content[first : first + size]
        start += step


def _matrices(kind, data, order, max_bytes):
    if kind == _MATRIX:
        yield data
    elif kind == _COMPRESSED:
        unpacker = zlib.decompressobj()
        try:
            unpacked = unpacker.decompress(data, max_bytes)
        except zlib.error as error:
            raise ValueError(f"it is damaged ({error})") from None
        # Some official files lack the stream's end behind complete values: not the
        # end, but the size that the values state is checked, in `_elements`.
        if unpacker.unconsumed_tail:
            raise ValueError(f"a variable unpacks to more than {max_bytes:,} bytes")
        for kind, data in _elements(unpacked, order):
            if kind == _MATRIX:
                yield data


def _head(matrix, order):
    """A variable's name, and its elements as `(type, bytes)`."""
    parts = list(_elements(matrix, order))
    if len(parts) < 3 or len(parts[0][1]) != 8 or len(parts[1][1]) % 4:
        raise ValueError("a variable has no proper head")
    return parts[2][1].decode("latin-1"), parts


def _values(name, parts, order):
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    kind = flags & 0xFF
    shape = np.frombuffer(parts[1][1], f"{order}i4").tolist()
    if kind == _CHARACTERS and len(parts) == 4:
        return _text(name, *parts[3], order)
    if kind not in _CLASSES or flags & _COMPLEX or len(parts) != 4:
        raise ValueError(f"{name} must be an array of real numbers or a text")
    stored, data = parts[3]
    dtype = np.dtype(_STORED.get(stored, "V")).newbyteorder(order)
    count = math.prod(shape)
    if min(shape, default=-1) < 0 or not dtype.itemsize:
        raise ValueError(f"{name} has an impossible size or type")
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{name} has {len(data)} bytes for {count} values")
    with np.errstate(invalid="ignore"):
        values = np.frombuffer(data, dtype).astype(_CLASSES[kind])
    return values.reshape(shape, order="F")


def _text(name, stored, data, order):
    encoding = _ENCODINGS.get(stored, "none")
    if encoding == "utf-16":
        encoding += "-le" if order == "<" else "-be"
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        text = "\0"
    if not text.isprintable():
        raise ValueError(f"{name} is not a readable text")
    return text
