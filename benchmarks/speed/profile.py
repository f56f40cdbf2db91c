"""Which operations the time of a training step goes to.

    python -m benchmarks.speed.profile WHO SHAPE [--device gpu] [--batch N] [--top N]

WHO is torch, jax or published. Prints the step's milliseconds without a profiler, and
a Markdown table of milliseconds a step by operation as the library's own profiler has
them: PyTorch's own time of each operator, XLA's instructions by kind. Operations run
beside each other, and a profiler costs time: shares, not speeds.
"""

import argparse
import collections
import glob
import gzip
import json
import os
import statistics
import tempfile
import time

from benchmarks.speed import devices

ROUNDS = 5


def main():
    """Profiles and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.profile", description=__doc__.splitlines()[0]
    )
    parser.add_argument("who", choices=("torch", "jax", "published"))
    parser.add_argument("shape")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--top", type=int, default=15)
    options = parser.parse_args()
    library = "jax" if options.who == "jax" else "torch"
    os.environ["KERAS_BACKEND"] = library
    devices.choose(options.device)
    if library == "jax":
        from cmvq_keras.backend import xla_flags

        xla_flags.set_xla_memory_scheduler("jax")
    import keras  # noqa: F401

    try:
        devices.check(library, options.device)
    except ValueError as error:
        parser.exit(2, f"error: {error}\n")
    work, batches = _work(options)
    seconds = [_seconds(work) / batches for _ in range(ROUNDS + 1)][1:]
    print(f"{1e3 * statistics.median(seconds):.1f} ms a step\n")
    found = _of_jax(work) if library == "jax" else _of_torch(work, options.device)
    total = sum(spent for spent, _ in found.values())
    print("| operation | calls a step | ms a step | share |\n|---|---|---|---|")
    largest = sorted(found.items(), key=lambda each: -each[1][0])
    for name, (spent, calls) in largest[: options.top]:
        text = f"{1e3 * spent / batches:.1f} | {100 * spent / total:.0f} %"
        print(f"| {name} | {calls / batches:g} | {text} |")
    print(f"| all | | {1e3 * total / batches:.1f} | |")


def _work(options):
    from benchmarks.speed import network
    from cmvq_keras.backend.runtime import deterministic

    batch, batches = network.SIZES[options.shape]
    what = "step", options.shape, options.precision, (options.batch or batch, batches)
    if options.who == "published":
        return network.published(*what, options.device)[:2]
    work = network.ours(*what)[0]

    def as_in_training():
        with deterministic():
            work()

    return as_in_training, batches


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _of_torch(work, device):
    """`(seconds, calls)` by operator, on a GPU with the kernels that it starts."""
    from torch import autograd, profiler

    kinds = [profiler.ProfilerActivity.CPU]
    if device == "gpu":
        kinds.append(profiler.ProfilerActivity.CUDA)
    with profiler.profile(activities=kinds) as seen:
        work()
    own = "self_device_time_total" if device == "gpu" else "self_cpu_time_total"
    return {
        each.key: (getattr(each, own) / 1e6, each.count)
        for each in seen.key_averages()
        if each.device_type == autograd.DeviceType.CPU
    }


def _of_jax(work):
    """`(seconds, calls)` by kind of instruction: its name without its number."""
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            work()
        (path,) = glob.glob(f"{folder}/**/*.trace.json.gz", recursive=True)
        with gzip.open(path) as file:
            events = json.load(file)["traceEvents"]
    found = collections.defaultdict(lambda: (0, 0))
    for event in events:
        if name := event.get("args", {}).get("hlo_op"):
            kind = name.split(".")[0]
            spent, calls = found[kind]
            found[kind] = spent + event["dur"] / 1e6, calls + 1
    return found


if __name__ == "__main__":
    main()
