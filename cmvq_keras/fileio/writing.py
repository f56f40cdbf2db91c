"""Writes files that are whole or not there."""

import contextlib
import os
import pathlib
import shutil
import stat

from cmvq_keras.fileio.inside import NO_FOLLOW, naming, parent

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def replacing(path, root=None):
    """A file that takes the place of another one when the block ends.

    Readers see the old content or the new, never half. After an error the old one is
    still there. Another name of the old one, a hard link or a link, keeps it.

    Args:
        path: the file; its folder must exist.
        root: as in `opened`.

    Yields:
        The file, open for writing and reading in binary mode.

    Raises:
        OSError: with the path, e.g. for a full disk.
    """
    path = pathlib.Path(path)
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming(path), parent(temporary, root) as (name, place):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, **place)  # of a killed process with the same number
        try:
            handle = os.open(name, _NEW | NO_FOLLOW, 0o666, **place)
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            target = path.name if place else path
            os.replace(
                name,
                target,
                **{f"src_{k}": v for k, v in place.items()}
                | {f"dst_{k}": v for k, v in place.items()},
            )
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name, **place)


@contextlib.contextmanager
def replacing_path(path):
    """As `replacing`, for what is written by path: a file or a folder.

    Args:
        path: `pathlib.Path`; its folder must exist.

    Yields:
        The path to write to. It takes the name `path` when the block ends.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with naming(path):
            yield temporary
        take_place(temporary, path)
    finally:
        discard(temporary)


def take_place(new, path):
    """Gives a finished file or folder its name; what had that name is removed.

    Args:
        new: its `pathlib.Path` until now, in the same folder.
        path: its path from now on.
    """
    if not path.is_dir():
        os.replace(new, path)
        return
    old = path.with_name(f".{path.name}.old")
    discard(old)  # of a process that was killed right here
    os.replace(path, old)
    os.replace(new, path)
    discard(old)


def discard(path):
    """Removes a file, a link or a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_atomically(path, content, root=None):
    """Writes a file so that readers see the old content or the new, never half.

    Args:
        path, root: as in `replacing`.
        content: bytes, or a text, written as UTF-8.
    """
    with replacing(path, root) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def writable(path, keep=False):
    """A file that is written bit by bit, open for writing and reading.

    Args:
        path: the file. What else has that name is removed, and not written to.
        keep: whether to go on with the file that is there.

    Raises:
        OSError: with the path.
        ValueError: to go on with a link, and with a file that has other names.
    """
    path = pathlib.Path(path)
    with naming(path):
        if not keep:
            path.unlink(missing_ok=True)
            return os.fdopen(os.open(path, _NEW | NO_FOLLOW, 0o666), "w+b")
        about = path.stat(follow_symlinks=False)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
            raise ValueError(f"{path} is a link, or a file with other names")
        return path.open("r+b")


class _Deferring:
    """See `deferring`."""

    def __init__(self, file):
        self._file, self.error = file, None

    def __getattr__(self, name):
        method = getattr(self._file, name)

        def call(*arguments):
            try:
                return method(*arguments)
            except OSError as error:
                self.error = self.error or error
                return len(arguments[0]) if arguments and name == "write" else 0

        return call


@contextlib.contextmanager
def deferring(file):
    """A file for HDF5 that raises errors of the disk after HDF5 has finished.

    During its work they would end in its own tracebacks, or in a crash.

    Args:
        file: open for writing.
    """
    held = _Deferring(file)
    try:
        yield held
    finally:
        if held.error is not None:
            raise held.error
