"""The user's cache folder: what can be made again, kept to save time."""

import contextlib
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import stat


def root():
    """The folder of it all: `CMVQ_CACHE_DIR`, or the platform's for a user's cache."""
    chosen = os.environ.get("CMVQ_CACHE_DIR")
    if not chosen:
        import platformdirs

        chosen = platformdirs.user_cache_dir("cmvq", appauthor=False)
    return pathlib.Path(chosen).expanduser()


def stores():
    """The folder of the stores that a training made by itself; it need not exist."""
    return root() / "stores"


def compiled():
    """The folder of JAX's compiled programs on this kind of processor."""
    return root() / "compiled" / f"jax-{platform.machine()}-{_abilities()}"


def trim_compiled(most):
    """Removes the longest unused compiled programs until the rest takes `most` bytes.

    What another process removes or reads at the same time is passed over: it is
    compiled again. So is all of a folder that cannot be read.
    """
    try:
        with os.scandir(compiled()) as folder:
            files = [
                (found.st_atime_ns, found.st_size, entry.path)
                for entry in folder
                if stat.S_ISREG((found := entry.stat(follow_symlinks=False)).st_mode)
            ]
    except OSError:
        return
    excess = sum(size for _, size, _ in files) - most
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        excess -= size


def entries():
    """Yields `(folder, bytes)` of each store, finished or not, and of compiled
    programs."""
    for folder in [*sorted(stores().glob("*/*")), *sorted(root().glob("compiled/*"))]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        yield folder, sum(path.stat().st_size for path in files)


def clear():
    """Removes it all; whoever needs something of it makes it again."""
    for folder in (stores(), root() / "compiled"):
        if folder.is_dir():
            shutil.rmtree(folder)


@functools.cache
def _abilities():
    """Tells processors apart: a checksum of the model and, on Linux, its flags."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    # One core, the first paragraph, speaks for all.
    first = lines[: lines.index("")] if "" in lines else lines
    # Clock rates and counters change.
    steady = ("model name", "flags", "Features", "CPU part")
    text = [line for line in first if line.startswith(steady)] or [platform.processor()]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:12]
