"""Arrays from idx files, as MNIST's authors publish them, packed by gzip or not."""

import gzip
import math

import numpy as np

from cmvq_keras import fileio

_GZIP = b"\x1f\x8b"
_BYTES = 8  # the type of unsigned bytes, the only one that MNIST has


def read(path, axes, max_bytes):
    """The values of an idx file of unsigned bytes.

    Args:
        path: the file.
        axes: how many it has to have.
        max_bytes: of values above which the file is refused.

    Returns:
        Array of uint8.

    Raises:
        ValueError: in one line, with the path: for another type or number of axes, and
            for a file that is truncated, too long or too large.
        OSError: if it is not there or may not be read.

    Reference: http://yann.lecun.com/exdb/mnist, "The IDX file format".
    """
    with fileio.opened(path, "idx file") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        content = gzip.GzipFile(fileobj=file) if packed else file
        head = content.read(4)
        if head != bytes((0, 0, _BYTES, axes)):
            raise ValueError(
                f"it must be an idx file of bytes with {axes} axes. Received: a file "
                f"that begins with {head.hex() or 'nothing'}"
            )
        sizes = content.read(4 * axes)
        shape = tuple(np.frombuffer(sizes, ">u4").tolist())
        size = math.prod(shape)
        if len(sizes) != 4 * axes or size > max_bytes:
            raise ValueError(
                f"it must have up to {max_bytes:,} values. Received: {shape}"
            )
        values = np.empty(size, np.uint8)
        fileio.fill(content, values)
        if content.read(1):
            raise ValueError(f"it continues after the values of {shape}")
        return values.reshape(shape)
