"""What the machine can do: a plain matrix product and a plain copy."""

import os
import platform
import time

import numpy as np

SIDE, COPIED = 2048, 2**25
#: Of a square matrix on a GPU, where a smaller one is done before it is begun.
GPU_SIDE, REPEATS = 8192, 10


def limits(precision, device):
    """What measures `(operations a second, bytes a second)`; None where nothing can.

    Float32 on a CPU is NumPy's product; the rest is PyTorch's. On a GPU float32 means
    TF32, in which cuDNN and XLA multiply by default. A copy reads and writes.

    Args:
        precision: Keras's dtype policy.
        device: "cpu" or "gpu".
    """
    if device == "cpu" and precision == "float32":
        return _of_numpy()
    try:
        import torch
    except ImportError:
        return None
    if device == "gpu" and not torch.cuda.is_available():
        return None
    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    return _of_torch(torch, dtype, "cuda" if device == "gpu" else "cpu")


def _of_numpy():
    generator = np.random.default_rng(0)
    square = generator.normal(size=(SIDE, SIDE)).astype("float32")
    product = np.empty_like(square)
    values = np.ones(COPIED, "float32")
    copied = np.empty_like(values)

    def measure():
        multiplied = _seconds(lambda: np.matmul(square, square, product))
        moved = _seconds(lambda: np.copyto(copied, values))
        return 2 * SIDE**3 / multiplied, 2 * values.nbytes / moved

    return measure


def _of_torch(torch, dtype, place):
    side, repeats = (GPU_SIDE, REPEATS) if place == "cuda" else (SIDE, 1)
    square = torch.randn(side, side, device=place).to(dtype)
    product = torch.empty_like(square)
    values = torch.ones(COPIED * repeats, dtype=dtype, device=place)
    copied = torch.empty_like(values)

    def wait(work):
        allowed = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = True
        for _ in range(repeats):
            work()
        torch.backends.cuda.matmul.allow_tf32 = allowed
        if place == "cuda":
            torch.cuda.synchronize()

    def measure():
        multiplied = _seconds(
            lambda: wait(lambda: torch.mm(square, square, out=product))
        )
        moved = _seconds(lambda: wait(lambda: copied.copy_(values)))
        size = 2 * values.numel() * values.element_size()
        return repeats * 2 * side**3 / multiplied, repeats * size / moved

    return measure


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
