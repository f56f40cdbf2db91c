"""Where the time goes, beside the floor and beside others.

    python -m benchmarks                    everything, about an hour on two cores
    python -m benchmarks --only step --shape digits --rounds 3        about a minute

Every contestant is a process of its own that lives through all rounds; in each round
they work one after another, so that what else runs on the machine meets all of them.
Ratios are taken within a round; the table holds medians. The contestants:

    torch, jax, tensorflow    cmvq-keras
    BACKEND+recompute         the same with training.recompute
    published                 the published formulation in plain PyTorch
    one-hot-BACKEND           the published quantizer on that backend
    vector-quantize-pytorch   its VectorQuantize, where it is installed

The floor is what the counted operations and bytes take (the longer of the two) at the
speed of a plain matrix product and a plain copy in the same round.
"""

import argparse
import contextlib
import datetime
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from benchmarks.speed import machine, table

BACKENDS = ("torch", "jax", "tensorflow")
SHAPES = ("planted", "digits", "crema-d")
PRECISIONS = ("float32", "mixed_bfloat16")
NETWORK_PARTS = ("step", "evaluation", "inference")
PARTS = (*NETWORK_PARTS, "quantizer", "memory", "first step", "reading", "help")
OTHER = "vector-quantize-pytorch"


def main():
    """Measures, prints, saves."""
    options = _options()
    about = machine.describe() | {"date": datetime.date.today().isoformat()}
    measured, versions = [], {}
    for group in _groups(options):
        found = list(_compete(group, options.rounds, versions))
        print(table.markdown(table.rows(found)), flush=True)
        measured += found
    for part in options.only:
        for found in _processes(part, options):
            print(table.markdown(table.rows(found)), flush=True)
            measured += found
    about |= {"versions": versions, "command": " ".join(sys.argv[1:])}
    rows = table.rows(measured)
    if options.out:
        content = {"about": about, "rows": rows, "measured": measured}
        options.out.write_text(json.dumps(content, indent=1) + "\n")
    print("\n" + "\n".join(f"{name}: {value}" for name, value in about.items()) + "\n")
    print(table.markdown(rows))


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, choices in (
        ("only", PARTS),
        ("backend", BACKENDS),
        ("shape", SHAPES),
        ("precision", PRECISIONS),
    ):
        parser.add_argument(f"--{name}", choices=choices, nargs="+", default=choices)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="a file for all of it (JSON)")
    return parser.parse_args()


def _groups(options):
    """Lists of cases that compete with each other: `(part, shape, who, precision)`."""
    if "quantizer" in options.only:
        who = [name for each in options.backend for name in (each, f"one-hot-{each}")]
        if importlib.util.find_spec(OTHER.replace("-", "_")):
            who.append(OTHER)
        yield [("quantizer", "", each, "float32") for each in who]
    for part in (*NETWORK_PARTS, "memory"):
        if part not in options.only:
            continue
        for shape in options.shape:
            for precision in options.precision:
                if part == "memory" and precision != "float32":
                    continue
                who = ["published", *options.backend]
                if part == "memory":
                    who += [f"{each}+recompute" for each in options.backend]
                yield [(part, shape, each, precision) for each in who]


def _compete(cases, rounds, versions):
    """Yields what `table.rows` takes for each of some cases."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_worker(case)) for case in cases]
        started = [_answer(worker) for worker in workers]
        found = [{"case": case, "rounds": []} for case in cases]
        limits = machine.Machine()
        for number in range(rounds):
            operations, moved = limits.measure()
            # The first one is another in each round.
            for place in range(len(cases)):
                index = (place + number) % len(cases)
                if "error" in started[index]:
                    continue
                answer = _ask(workers[index])
                if started[index]["floor"]:
                    counted, size = started[index]["floor"]
                    answer["floor"] = max(counted / operations, size / moved)
                found[index]["rounds"].append(answer)
    for start, each in zip(started, found, strict=True):
        versions.update(start.get("versions", {}))
        yield each | ({"error": start["error"]} if "error" in start else {})


@contextlib.contextmanager
def _worker(case):
    part, shape, who, precision = case
    command = [sys.executable, "-m", "benchmarks.speed.worker"]
    process = subprocess.Popen(
        [*command, who, part, shape, precision],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(worker):
    worker.stdin.write("\n")
    worker.stdin.flush()
    return _answer(worker)


def _answer(worker):
    line = worker.stdout.readline()
    return json.loads(line) if line else {"error": "its process ended"}


def _processes(part, options):
    """Yields lists of what is timed as whole processes."""
    if part == "help":
        yield [_timed("help", "", "cmvq --help", ["-m", "cmvq_keras.cli", "--help"], 5)]
    elif part == "reading":
        for backend in options.backend:
            _run(["-m", "benchmarks.reading_speed", "--backend", backend], shown=True)
    elif part == "first step":
        for backend in options.backend:
            for shape in options.shape:
                yield list(_first_steps(backend, shape))


def _first_steps(backend, shape):
    command = ["-m", "benchmarks.speed.first_step", backend, shape]
    naive = f"{backend}, naive"
    yield _timed("first step", shape, naive, [*command, "--naive"], 1)
    with tempfile.TemporaryDirectory() as folder:
        environment = {"CMVQ_CACHE_DIR": folder}
        yield _timed("first step", shape, backend, command, 1, environment)
        if backend == "jax":
            again = f"{backend}, again"
            yield _timed("first step", shape, again, command, 1, environment)


def _timed(part, shape, who, command, rounds, environment=None):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        _run(command, environment)
        seconds.append({"seconds": time.perf_counter() - start})
    return {"case": (part, shape, who, "float32"), "rounds": seconds}


def _run(command, environment=None, shown=False):
    subprocess.run(
        [sys.executable, *command],
        check=True,
        env={**os.environ, **(environment or {})},
        stdout=None if shown else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
