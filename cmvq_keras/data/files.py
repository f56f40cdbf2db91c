"""Files that nobody vouches for: opened with care, their faults told in one line."""

import contextlib
import os
import pathlib
import stat
import sys

ZLIB_RATIO = 1032  # the most that zlib unpacks of one byte
_CHUNK = 2**20


@contextlib.contextmanager
def opened(path, what, max_bytes=sys.maxsize):
    """Opens a file for its parser, and names the file in whatever goes wrong.

    Parsers and libraries raise many unrelated types on damaged content, most of them
    without the file's name: inside the `with` block all of them become one ValueError.

    Args:
        path: the file.
        what: what it should be, for the message, e.g. "WAV file".
        max_bytes: a file that is larger is refused; an empty one always is.

    Yields:
        The file, open for reading in binary mode; `size` tells its length.

    Raises:
        ValueError: in one line, with the path.
        OSError: with the path, for a file that is missing or may not be read, and for
            a loop of links.

    Example:
        >>> with files.opened(path, "WAV file", 10**8) as file:
        ...     return parse(file)
    """
    path = pathlib.Path(path)
    about = path.stat()
    # A pipe or a device might give no end of bytes, or none and no end either.
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"{path} is not a readable {what}: it is no file")
    if not 0 < about.st_size <= max_bytes:
        most = "" if max_bytes == sys.maxsize else f" to {max_bytes:,}"
        raise ValueError(
            f"{path} is not a readable {what}: it has {about.st_size:,} bytes, not "
            f"1{most or ' or more'}"
        )
    with path.open("rb") as file:
        try:
            yield file
        except Exception as error:
            reason = one_line(error)
            raise ValueError(f"{path} is not a readable {what}: {reason}") from error


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
            raise ValueError("it is cut")
        done += count


def one_line(error):
    """What an exception says, on one line of printable characters."""
    text = " ".join(str(error).split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    if isinstance(error, EOFError):
        return shown or "it is cut"
    return shown or type(error).__name__
