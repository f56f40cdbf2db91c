"""One process that does one piece of work whenever it is asked.

    python -m benchmarks.speed.worker WHO PART SHAPE PRECISION

WHO is one of the contestants of `python -m benchmarks`. Prints a line of JSON when it
is ready, and one for each line that it reads: seconds a batch, the processor's seconds,
the memory that it has had at most, and how much of it the work has added.
"""

import argparse
import contextlib
import json
import os
import sys
import time

from benchmarks.speed import devices, memory

# What holds for as long as the process lives.
_for_good = contextlib.ExitStack()


def main():
    """Answers until its input ends."""
    options = _options()
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints is no answer.
    os.dup2(2, 1)
    library = _library(options.who)
    os.environ["KERAS_BACKEND"] = library
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    devices.choose(options.device)
    try:
        if not _is_foreign(options.who):
            _as_the_command_line(library)
        _import(options.who)
        devices.check(library, options.device)
        if not _is_foreign(options.who):
            _as_in_training()
        work, batches, needs = _prepare(options)
        counter = memory.counter(library, options.device)
        work()
        about = devices.about(library, options.device)
        _answer(answers, {"floor": needs, "about": about, **_versions(options.who)})
        for _ in sys.stdin:
            answer = _timed(work, batches)
            peak = counter.peak()
            _answer(answers, {**answer, "peak": peak, "growth": peak - counter.held})
    except Exception as error:  # whatever a library raises: memory, kernels, compilers
        text = str(error).strip().splitlines() or [""]
        _answer(answers, {"error": f"{type(error).__name__}: {text[0]}"})


def _timed(work, batches):
    """Seconds a batch, and the processors' seconds."""
    processor, start = time.process_time(), time.perf_counter()
    work()
    seconds = (time.perf_counter() - start) / batches
    return {
        "seconds": seconds,
        "processor": (time.process_time() - processor) / batches,
    }


def _options():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.worker")
    for name in ("who", "part", "shape", "precision"):
        parser.add_argument(name)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--batches", type=int)
    return parser.parse_args()


def _is_foreign(who):
    return who.startswith("published") or who == "vector-quantize-pytorch"


def _library(who):
    if _is_foreign(who):
        return "torch"
    return who.removeprefix("one-hot-").partition("+")[0]


def _prepare(options):
    from benchmarks.speed import network, quantizers

    who, part, device = options.who, options.part, options.device
    if part == "quantizer":
        if who == "vector-quantize-pytorch":
            return quantizers.vector_quantize_pytorch(device)
        made = quantizers.one_hot if who.startswith("one-hot") else quantizers.ours
        return made(device)
    batch, batches = network.SIZES[options.shape]
    if device == "gpu":
        # A step is over sooner there than what surrounds a `fit`.
        batches = max(batches, network.GPU_BATCHES)
    size = options.batch or batch, options.batches or batches
    what = part, options.shape, options.precision, size
    if _is_foreign(who):
        return network.published(*what, device, who.endswith("+compiled"))
    return network.ours(*what, variant=who.partition("+")[2])


def _as_the_command_line(backend):
    """Sets what `cmvq train` sets before Keras loads, but that nothing compiled is
    kept: each start is a first one."""
    from cmvq_keras.backend import xla_flags

    xla_flags.set_xla_memory_scheduler(backend)


def _as_in_training():
    """Sets what `cmvq.train` sets: some operations have a slower form that gives the
    same digits each time."""
    import keras

    from cmvq_keras.backend.runtime import deterministic

    if keras.config.backend() == "tensorflow":
        # It asks for a seed. On others this would load TensorFlow, too.
        keras.utils.set_random_seed(0)
    _for_good.enter_context(deterministic())


def _import(who):
    import keras  # noqa: F401

    if who == "vector-quantize-pytorch":
        import vector_quantize_pytorch  # noqa: F401


def _versions(who):
    from importlib import metadata

    library = _library(who)
    names = ["keras", "numpy", library]
    if library == "tensorflow":
        names.append("tensorflow-cpu")
    if who == "vector-quantize-pytorch":
        names.append(who)
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"versions": found}


def _answer(file, content):
    file.write(json.dumps(content) + "\n")
    file.flush()


if __name__ == "__main__":
    main()
