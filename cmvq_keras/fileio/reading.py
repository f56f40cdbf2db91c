"""Opens files that nobody has checked."""

import contextlib
import os
import pathlib
import stat
import sys
import zipfile

from cmvq_keras.fileio.inside import LINK_ERRORS, NO_FOLLOW, naming, parent, refusal
from cmvq_keras.fileio.text import one_line

ZLIB_RATIO = 1032  # the most that zlib unpacks of one byte
MAX_BYTES = 64_000_000  # of a file of text
#: What a reader raises for a damaged file; numpy's the last two, if it is empty or cut.
UNREADABLE = (ValueError, OSError, EOFError, zipfile.BadZipFile)
POINTER = b"version https://git-lfs.github.com/spec/v1"
_CHUNK = 2**20
# A pipe without a writer would be waited for.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def opened(path, what, max_bytes=sys.maxsize, root=None):
    """Opens a file for its parser, and names the file in whatever goes wrong.

    Parsers and libraries raise many unrelated types on damaged content, most of them
    without the file's name: inside the `with` block all of them become one ValueError.

    Args:
        path: the file.
        what: what it should be, for the message, e.g. "WAV file".
        max_bytes: a file that is larger is refused; an empty one always is.
        root: a folder above it; below that one no link is followed.

    Yields:
        The file, open for reading in binary mode; `size` gives its length.

    Raises:
        ValueError: in one line, with the path.
        OSError: with the path, for a file that is missing or may not be read, and for
            a loop of links.

    Example:
        >>> with fileio.opened(path, "WAV file", 10**8) as file:
        ...     return parse(file)
    """
    path = pathlib.Path(path)
    with os.fdopen(_opened(path, what, root), "rb") as file:
        if not 0 < size(file) <= max_bytes:
            most = "" if max_bytes == sys.maxsize else f" to {max_bytes:,}"
            raise ValueError(
                f"{path} is not a readable {what}: it has {size(file):,} bytes, not "
                f"1{most or ' or more'}"
            )
        try:
            refuse_pointer(file)
            yield file
        except Exception as error:
            reason = one_line(error)
            raise ValueError(f"{path} is not a readable {what}: {reason}") from error


def _opened(path, what, root):
    """The descriptor of a regular file; arguments as in `opened`."""
    with naming(path), parent(path, root) as (name, place):
        try:
            handle = os.open(name, _READ | (NO_FOLLOW if root else 0), **place)
        except OSError as error:
            if root and error.errno in LINK_ERRORS:
                raise refusal(path, root) from None
            raise
    # A pipe or a device might give no end of bytes, or none and no end either.
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{path} is not a readable {what}: it is not a file")
    return handle


def refuse_pointer(file):
    """Raises ValueError for what git-lfs leaves in place of a file not yet fetched.

    Args:
        file: open for reading in binary mode, at its beginning; it is left there.
    """
    head = file.read(len(POINTER))
    file.seek(0)
    if head == POINTER:
        raise ValueError(
            "it is a git-lfs pointer, not the file itself. Run `git lfs pull` in its "
            "repository"
        )


def is_pointer(path):
    """Whether git-lfs has not yet fetched a file that is there."""
    with open(path, "rb") as file:
        return file.read(len(POINTER)) == POINTER


def size(file):
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def fill(file, buffer):
    """Reads as many bytes as a buffer holds, a bit at a time.

    Args:
        file: anything with `readinto`.
        buffer: of bytes, e.g. an array of uint8.

    Raises:
        ValueError: when there are not so many.
    """
    view, done = memoryview(buffer), 0
    while done < len(view):
        count = file.readinto(view[done : done + _CHUNK])
        if not count:
            raise ValueError("it is truncated")
        done += count


def check_stored(file):
    """Raises ValueError for a ZIP archive that unpacks to more bytes than it has.

    PyTorch and Keras pack nothing in the archives that they write.

    Args:
        file: open for reading in binary mode, at its beginning; it is left there.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
        if any(each.compress_type != zipfile.ZIP_STORED for each in members):
            raise ValueError("it is packed, and what wrote it packs nothing")
        if sum(each.file_size for each in members) > size(file):
            raise ValueError("it states more bytes than it has")
    file.seek(0)
