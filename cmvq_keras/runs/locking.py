"""One process a folder: a run's, or a comparison's."""

import contextlib
import os
import pathlib
import platform

from cmvq_keras import fileio

LOCK = ".lock"
HOLDER = ".process"  # who holds the lock, for the message to others
FILES = (LOCK, HOLDER)


@contextlib.contextmanager
def alone(folder):
    """Keeps other processes from training into a folder, or measuring what it holds.

    The system ends the lock with its process, however that ends: files that a killed
    one has left lock nothing.

    Args:
        folder: it must exist.

    Raises:
        FileExistsError: when another process works on it; with that one's id.
    """
    from filelock import FileLock, Timeout

    folder = pathlib.Path(folder)
    # What another program has put there under these names is neither followed nor
    # waited for.
    fileio.check_no_links(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FileExistsError(
            f"Another process{_holder(folder)} is using {folder}. Wait until it ends, "
            "or stop it."
        ) from None
    try:
        text = f"{os.getpid()} {platform.node()}"
        fileio.write_atomically(folder / HOLDER, text, folder)
        yield
    finally:
        # Removed while it is held, or it would be the next one's.
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        lock.release()


def check_alone(folder):
    """Raises FileExistsError when another process works on a run folder."""
    if os.path.lexists(pathlib.Path(folder) / LOCK):
        with alone(folder):
            pass


def _holder(folder):
    try:
        with fileio.opened(folder / HOLDER, "note", 1000, folder) as file:
            pid, host = file.read().decode().split(maxsplit=1)
        host = "" if host == platform.node() else f" on {fileio.printable(host)}"
        return f" (id {int(pid)}{host})"
    except (OSError, ValueError):
        return ""
