"""Less memory, by switches that must be set before a library loads."""

import os
from importlib import metadata

_FLAG = "xla_cpu_scheduler_type"
# Whoever gives XLA a flag that it does not know is ended by it. The flag is known here.
_KNOWN_IN = ("0.10.",)


def order_for_memory(backend):
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
