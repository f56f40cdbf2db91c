"""One process that does one piece of work whenever it is asked.

    python -m benchmarks.speed.worker WHO PART SHAPE PRECISION

WHO is one of the contestants of `python -m benchmarks`. Prints
a line of JSON when it is ready, and one for each line that it reads: seconds a batch,
the processor's seconds, the memory that it has had at
most, and how much of it the work has added.
"""

import contextlib
import json
import os
import sys
import time

# What holds for as long as the process lives.
_for_good = contextlib.ExitStack()


def main():
    """Answers until its input ends."""
    who, part, shape, precision = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints is no answer.
    os.dup2(2, 1)
    backend = who.removeprefix("one-hot-").removesuffix("+recompute")
    foreign = backend in ("published", "vector-quantize-pytorch")
    os.environ["KERAS_BACKEND"] = "torch" if foreign else backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        _as_the_command_line(backend)
        _import(backend)
        if not foreign:
            _as_in_training()
        work, batches, needs = _prepare(who, part, shape, precision)
        before = _start_peak()
        work()
    except (ValueError, ImportError) as error:
        _answer(answers, {"error": str(error).splitlines()[0]})
        return
    _answer(answers, {"floor": needs, **_versions(backend)})
    for _ in sys.stdin:
        processor, start = time.process_time(), time.perf_counter()
        work()
        seconds = (time.perf_counter() - start) / batches
        processor = (time.process_time() - processor) / batches
        peak = _peak()
        answer = {"seconds": seconds, "processor": processor, "peak": peak}
        _answer(answers, {**answer, "growth": peak - before})


def _prepare(who, part, shape, precision):
    from benchmarks.speed import network, quantizers

    if part == "quantizer":
        if who == "vector-quantize-pytorch":
            return quantizers.vector_quantize_pytorch()
        return quantizers.one_hot() if "one-hot" in who else quantizers.ours()
    part = "step" if part == "memory" else part
    if who == "published":
        return network.published(part, shape, precision)
    return network.ours(part, shape, precision, who.endswith("+recompute"))


def _as_the_command_line(backend):
    """Sets what `cmvq train` sets before Keras loads."""
    from cmvq_keras import sparing

    sparing.order_for_memory(backend)


def _as_in_training():
    """Sets what `cmvq.train` sets: some operations have a slower form that gives the
    same digits each time."""
    import keras

    from cmvq_keras.distribution import deterministic

    if keras.config.backend() == "tensorflow":
        # It asks for a seed. On others this would load TensorFlow, too.
        keras.utils.set_random_seed(0)
    _for_good.enter_context(deterministic())


def _import(backend):
    import keras  # noqa: F401

    if backend == "vector-quantize-pytorch":
        import vector_quantize_pytorch  # noqa: F401


def _versions(backend):
    from importlib import metadata

    names = ["keras", "numpy"]
    if backend == "vector-quantize-pytorch":
        names.append(backend)
    elif backend == "tensorflow":
        names += ["tensorflow", "tensorflow-cpu"]
    else:
        names.append("torch" if backend == "published" else backend)
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"versions": found}


def _start_peak():
    """Bytes that this process holds; its peak is counted anew, where Linux can."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _peak()


def _peak():
    """The most memory that this process has had, in bytes."""
    try:
        with open("/proc/self/status") as file:
            told = dict(line.split(":", 1) for line in file)
        return int(told["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return _peak_by_system()


def _peak_by_system():
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _answer(file, content):
    file.write(json.dumps(content) + "\n")
    file.flush()


if __name__ == "__main__":
    main()
