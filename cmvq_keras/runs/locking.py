"""One process a folder: a run's, or a comparison's."""

import contextlib
import os
import pathlib
import platform

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
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FileExistsError(
            f"Another process{_holder(folder)} works on {folder}. Wait until it ends, "
            "or stop it."
        ) from None
    try:
        text = f"{os.getpid()} {platform.node()}"
        (folder / HOLDER).write_text(text, encoding="utf-8")
        yield
    finally:
        # Removed while it is held, or it would be the next one's.
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        lock.release()


def check_alone(folder):
    """Raises FileExistsError when another process works on a run folder."""
    if (pathlib.Path(folder) / LOCK).exists():
        with alone(folder):
            pass


def _holder(folder):
    try:
        text = (folder / HOLDER).read_text(encoding="utf-8")
        pid, host = text.split(maxsplit=1)
        return f" (id {int(pid)}{'' if host == platform.node() else f' on {host}'})"
    except (OSError, ValueError):
        return ""
