"""What the machine can do: a plain matrix product and a plain copy."""

import os
import platform
import time

import numpy as np

SIDE, COPIED = 2048, 2**25


class Machine:
    """Measures both, once a round."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self._square = generator.normal(size=(SIDE, SIDE)).astype("float32")
        self._product = np.empty_like(self._square)
        self._from = np.ones(COPIED, "float32")
        self._to = np.empty_like(self._from)

    def measure(self):
        """`(operations a second, bytes a second)`; a copy reads and writes."""
        product = _seconds(lambda: np.matmul(self._square, self._square, self._product))
        copy = _seconds(lambda: np.copyto(self._to, self._from))
        return 2 * SIDE**3 / product, 2 * self._from.nbytes / copy


def _seconds(work):
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def describe():
    """What stands above the tables: processor, cores, load."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load at the start": round(load, 1),
    }


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(": ")[1] for line in file if line.startswith("model n")]
        return names[0].strip()
    except (OSError, IndexError):
        return platform.processor()
