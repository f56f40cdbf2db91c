"""Untrusted files: opened with care, their faults told in one line."""

import contextlib
import json
import math
import os
import pathlib
import stat
import sys

ZLIB_RATIO = 1032  # the most that zlib unpacks of one byte
_CHUNK = 2**20
POINTER = b"version https://git-lfs.github.com/spec/v1"


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
            refuse_pointer(file)
            yield file
        except Exception as error:
            reason = one_line(error)
            raise ValueError(f"{path} is not a readable {what}: {reason}") from error


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
            raise ValueError("it is cut")
        done += count


def one_line(error):
    """What an exception says, on one line of printable characters."""
    text = " ".join(str(error).split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    if isinstance(error, EOFError):
        return shown or "it is cut"
    return shown or type(error).__name__


MAX_BYTES = 64_000_000  # of a file of text


_WRITTEN_AT_ONCE = 1_000_000  # bytes that are written at once


def _reserve(path, size):
    """Raises OSError unless a file of that size can be written.

    HDF5 that meets a full disk ends in tracebacks of its own, or the process in a
    crash.
    """
    with naming(path), path.open("wb") as file:
        for start in range(0, size, _WRITTEN_AT_ONCE):
            file.write(bytes(min(_WRITTEN_AT_ONCE, size - start)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def write_atomically(path, content):
    """Writes a file so that readers see the old content or the new, never half.

    Args:
        path: the file; its folder must exist.
        content: bytes, or a text, written as UTF-8.
    """
    path = pathlib.Path(path)
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _append(path, content):
    """Adds bytes to a file: all of them, or none where the disk is full."""
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        try:
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, end)
            raise


def to_json(content):
    """JSON text with sorted keys; numpy values become plain, NaN becomes null."""
    return json.dumps(_plain(content), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read_json(path):
    if not path.exists():
        return {}
    with opened(path, "JSON file", MAX_BYTES) as file:
        content = json.loads(file.read().decode("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it must hold a JSON object")
        return content


@contextlib.contextmanager
def naming(path):
    """Gives an OSError, e.g. of a full disk, the name of the file it is about."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
