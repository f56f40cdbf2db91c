"""Less memory, by switches that must be set before a library loads."""

import os
import warnings
from importlib import metadata

from cmvq_keras import cache_dir

_FLAG = "xla_cpu_scheduler_type"
# XLA aborts on unknown flags. The flag is known here.
_KNOWN_IN = ("0.10.",)


def set_xla_memory_scheduler(backend):
    """Lets XLA order a program on a CPU so that it needs little memory.

    Its own choice is the order in which most could run at a time: on CREMA-D's network
    that takes 546 MB for the values within a step, this one 330 MB, in the same time
    (benchmarks/RESULTS.md). To be called before JAX is imported. A choice in
    `XLA_FLAGS` stays; where the flag is not known to exist nothing is set.

    Args:
        backend: the name of Keras's backend; only JAX has an order to choose.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if backend != "jax" or _FLAG in flags or not _version().startswith(_KNOWN_IN):
        return
    choice = f"--{_FLAG}=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"
    os.environ["XLA_FLAGS"] = f"{flags} {choice}".strip()


def _version():
    try:
        return metadata.version("jaxlib")
    except metadata.PackageNotFoundError:
        return ""


#: When a process begins, compiled programs take this many bytes at most; the longest
#: unused ones go first.
COMPILED_BYTES = 2**30


def enable_compilation_cache(backend):
    """Lets JAX keep its compiled programs, so that only the first run compiles.

    To be called before JAX is imported. A user who sets `JAX_COMPILATION_CACHE_DIR` or
    `JAX_ENABLE_COMPILATION_CACHE` keeps their own choice. The other backends have no
    such cache. One of several processes keeps nothing: in their first step programs
    from the cache abort on each other's messages.
    """
    if backend != "jax" or "JAX_ENABLE_COMPILATION_CACHE" in os.environ:
        return
    if os.environ.get("JAX_COORDINATOR_ADDRESS"):
        return
    settings = {
        # A home folder may be shared by machines that have other instructions.
        "JAX_COMPILATION_CACHE_DIR": str(cache_dir.compiled()),
        # With a limit JAX looks at every file of the folder for each that it writes.
        "JAX_COMPILATION_CACHE_MAX_SIZE": "-1",
        # Building a model compiles hundreds of small programs: they count too.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache_dir.trim_compiled(COMPILED_BYTES)
        # What a killed process left half written, or what a full disk does not take,
        # is compiled again: each program would say so.
        said = "Error (reading|writing) persistent compilation cache"
        warnings.filterwarnings("ignore", said)
        os.environ.update(settings)
