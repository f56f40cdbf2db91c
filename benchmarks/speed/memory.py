"""The most memory that work has taken: a process's, or a library's on a GPU."""

import contextlib
import sys


def counter(library, device):
    """Counts from here on.

    Args:
        library: "torch", "jax" or "tensorflow", loaded.
        device: "cpu" or "gpu".

    Returns:
        An object with `held`, the bytes at the start, and `peak()`, the most so far.
    """
    if device == "cpu":
        return _Process()
    return {"torch": _Torch, "jax": _Jax, "tensorflow": _TensorFlow}[library]()


class _Process:
    """All of this process, libraries included."""

    def __init__(self):
        # Linux begins its peak anew.
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        self.held = self.peak()

    def peak(self):
        try:
            with open("/proc/self/status") as file:
                text = dict(line.split(":", 1) for line in file)
            return int(text["VmHWM"].split()[0]) * 1024
        except (OSError, KeyError):
            return self._peak_by_system()

    def _peak_by_system(self):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class _Torch:
    def __init__(self):
        import torch

        self._cuda = torch.cuda
        self._cuda.reset_peak_memory_stats()
        self.held = self._cuda.memory_allocated()

    def peak(self):
        return self._cuda.max_memory_allocated()


class _TensorFlow:
    def __init__(self):
        import tensorflow as tf

        self._of = tf.config.experimental
        self._of.reset_memory_stats("GPU:0")
        self.held = self._of.get_memory_info("GPU:0")["current"]

    def peak(self):
        return self._of.get_memory_info("GPU:0")["peak"]


class _Jax:
    """Its peak cannot begin anew: building the model counts, too."""

    def __init__(self):
        import jax

        self._device = jax.local_devices()[0]
        self.held = self._device.memory_stats()["bytes_in_use"]

    def peak(self):
        return self._device.memory_stats()["peak_bytes_in_use"]
