"""Where the time goes, beside the floor and beside others.

    python -m benchmarks                    everything, about half an hour on two cores
    python -m benchmarks --only step --shape digits --rounds 3        about a minute
    python -m benchmarks --only step memory --shape crema-d --device gpu --batch 128

Every contestant is a process of its own that lives through all rounds; in each round
they work one after another, so that what else runs on the machine meets all of them.
Ratios are taken within a round; the table holds medians. The contestants:

    torch, jax, tensorflow    cmvq-keras
    BACKEND+accumulate        with training.accumulation_steps, a batch in four parts
    published                 the published formulation in plain PyTorch
    published+compiled        that through PyTorch's compiler, with --compiled
    one-hot-BACKEND           the published quantizer on that backend
    vector-quantize-pytorch   its VectorQuantize, where it is installed

The floor of time is what the counted operations and bytes take (the longer of the two)
at the speed of a plain matrix product and a plain copy in the same round and precision;
that of memory is what a step must keep for its gradients.
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

from benchmarks import reading_speed
from benchmarks.speed import devices, machine, table

BACKENDS = ("torch", "jax", "tensorflow")
SHAPES = ("planted", "digits", "crema-d")
PRECISIONS = ("float32", "mixed_bfloat16")
NETWORK_PARTS = ("step", "evaluation", "inference")
PARTS = (*NETWORK_PARTS, "quantizer", "memory", "first step", "reading", "help")
OTHER = "vector-quantize-pytorch"
ROUNDS = 5


def main():
    """Measures, prints, saves."""
    options = _options()
    devices.choose(options.device)
    about = machine.describe() | {"date": datetime.date.today().isoformat()}
    about |= {"versions": {}, "command": " ".join(sys.argv[1:])}
    measured = []
    for found in _everything(options, about):
        print(table.markdown(table.rows(found)), flush=True)
        measured += found
        # Each time: whatever ends a run of an hour leaves what it had.
        content = {"about": about, "rows": table.rows(measured), "measured": measured}
        options.out.write_text(json.dumps(content, indent=1) + "\n")
    print("\n" + "\n".join(f"{name}: {value}" for name, value in about.items()) + "\n")
    print(table.markdown(table.rows(measured)))


def _everything(options, about):
    """Yields lists of what was measured; adds to `about` what the workers say."""
    for group in _groups(options):
        yield list(_compete(group, options, about))
    for part in options.only:
        yield from _processes(part, options)


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
    parser.add_argument(
        "--rounds", type=int, help="default: 5, of the first step, which is long, 1"
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument(
        "--batch", type=int, help="samples of a batch, of what a network does"
    )
    parser.add_argument("--batches", type=int, help="in one measurement, likewise")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        default="benchmarks.json",
        help="a file for all of it (default: %(default)s)",
    )
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
                if options.compiled:
                    who.append("published+compiled")
                if part == "memory":
                    who += [f"{each}+accumulate" for each in options.backend]
                yield [(part, shape, each, precision) for each in who]


def _compete(cases, options, about):
    """Yields what `table.rows` takes for each of some cases."""
    with contextlib.ExitStack() as stack:
        workers, started = [], []
        for case in cases:
            # One after another: libraries try out kernels as they start.
            workers.append(stack.enter_context(_worker(case, options)))
            started.append(_answer(workers[-1]))
        found = [
            {"case": case, "rounds": [], "error": start.get("error")}
            for case, start in zip(cases, started, strict=True)
        ]
        part, _, _, precision = cases[0]
        measure = machine.limits(precision, options.device)
        for number in range(options.rounds or ROUNDS):
            limits = measure() if measure and part != "memory" else None
            # The first one is another in each round.
            for place in range(len(cases)):
                index = (place + number) % len(cases)
                each, needs = found[index], started[index].get("floor")
                if each["error"]:
                    continue
                answer = _ask(workers[index])
                if "error" in answer:
                    each["error"] = answer["error"]
                    continue
                if part == "memory":
                    answer["floor"] = needs
                elif needs and limits:
                    pairs = zip(needs, limits, strict=True)
                    answer["floor"] = max(least / speed for least, speed in pairs)
                each["rounds"].append(answer)
    for start, each in zip(started, found, strict=True):
        about["versions"].update(start.get("versions", {}))
        about.update(start.get("about", {}))
        yield each


@contextlib.contextmanager
def _worker(case, options):
    part, shape, who, precision = case
    command = [sys.executable, "-m", "benchmarks.speed.worker"]
    command += [who, part, shape, precision, "--device", options.device]
    for name in ("batch", "batches"):
        if value := getattr(options, name):
            command += [f"--{name}", str(value)]
    process = subprocess.Popen(
        command,
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
    with contextlib.suppress(BrokenPipeError):
        worker.stdin.write("\n")
        worker.stdin.flush()
    return _answer(worker)


def _answer(worker):
    line = worker.stdout.readline()
    if line:
        return json.loads(line)
    return {"error": f"its process ended ({worker.wait()})"}


def _processes(part, options):
    """Yields lists of what is timed as whole processes."""
    if part == "help":
        command = ["-m", "cmvq_keras.cli", "--help"]
        rounds = options.rounds or ROUNDS
        yield [
            _case("help", "", "cmvq --help", [_timed(command) for _ in range(rounds)])
        ]
    elif part == "reading":
        for backend in options.backend:
            yield list(_reading(backend))
    elif part == "first step":
        for backend in options.backend:
            for shape in options.shape:
                yield _first_steps(backend, shape, options.rounds or 1)


def _first_steps(backend, shape, rounds):
    command = ["-m", "benchmarks.speed.first_step", backend, shape]
    found = {f"{backend}, naive": [], backend: [], f"{backend}, again": []}
    for _ in range(rounds):
        found[f"{backend}, naive"].append(_timed([*command, "--naive"]))
        with tempfile.TemporaryDirectory() as folder:
            environment = {"CMVQ_CACHE_DIR": folder}
            found[backend].append(_timed(command, environment))
            if backend == "jax":
                found[f"{backend}, again"].append(_timed(command, environment))
    return [
        _case("first step", shape, who, each) for who, each in found.items() if each
    ]


def _case(part, shape, who, rounds):
    return {"case": (part, shape, who, "float32"), "rounds": rounds, "error": None}


def _timed(command, environment=None):
    start = time.perf_counter()
    _run(command, environment)
    return {"seconds": time.perf_counter() - start}


def _reading(backend):
    """Yields a case for each way in which a batch of samples is read."""
    line = _run(["-m", "benchmarks.reading_speed", "--backend", backend])
    figures = [float(each.replace(",", "")) for each in line.split("|")[2:5]]
    _, moved = machine.limits("float32", "cpu")()
    ways = f"{backend}, alone", f"{backend}, into fit", f"{backend}, memory into fit"
    for who, figure in zip(ways, figures, strict=True):
        one = {"seconds": reading_speed.BATCH / figure}
        if who != ways[-1]:
            one["floor"] = reading_speed.BATCH * reading_speed.MOVED / moved
        yield _case("reading", "crema-d", who, [one])


def _run(command, environment=None):
    """What a process prints."""
    return subprocess.run(
        [sys.executable, *command],
        check=True,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout


if __name__ == "__main__":
    main()
