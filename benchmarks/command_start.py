"""Seconds from `cmvq train` to the end of the first training step.

    OMP_NUM_THREADS=1 python -m benchmarks.command_start torch

Trains on `planted`, a batch of 32, in a process of its own, and takes off what `import
keras` alone takes in another. Both work in turns, after a round that is not counted and
keeps what is compiled. Medians of wall and processor time, as a Markdown table.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

COMMAND = "train --recipe planted --limit 64 --epochs 1 --batch-size 32 --out"


def main(arguments=None):
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("backend", choices=("jax", "tensorflow", "torch"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    seconds_of("first-step", options.backend)
    found = {"import": [], "first-step": []}
    for _ in range(options.rounds):
        for what, times in found.items():
            times.append(seconds_of(what, options.backend))
    print("| seconds | `import keras` | `cmvq train` to the first step | above |")
    print("|---|---|---|---|")
    for place, name in enumerate(("wall", "processor")):
        alone, step = (
            statistics.median(each[place] for each in times) for times in found.values()
        )
        print(f"| {name} | {alone:.2f} | {step:.2f} | {step - alone:.2f} |")


def seconds_of(what, backend):
    """Wall and processor seconds of a process of its own.

    Args:
        what: "import" or "first-step".
        backend: Keras's name for it.
    """
    environment = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    # The process that is measured ends at once, and removes nothing.
    with tempfile.TemporaryDirectory() as folder:
        return _measured(what, {**os.environ, **environment, "RUN": f"{folder}/run"})


def _measured(what, environment):
    # By its path: where an installed package is measured, benchmarks/ is not imported.
    code = f"import runpy; runpy.run_path({__file__!r})['within']({what!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return tuple(map(float, done.stdout.split()[-2:]))


def within(what):
    """Prints the seconds, in the process that is measured.

    Args:
        what: see `seconds_of`.
    """
    started = time.perf_counter()
    if what == "import":
        import keras  # noqa: F401

        _print(started)
        return
    from cmvq_keras.backend import selection

    own = selection.import_keras

    def watched():
        own()
        import keras

        own_end = keras.callbacks.CallbackList.on_train_batch_end

        def end(callbacks, batch, logs=None):
            own_end(callbacks, batch, logs)
            _print(started)
            os._exit(0)

        keras.callbacks.CallbackList.on_train_batch_end = end

    selection.import_keras = watched
    from cmvq_keras.cli import main as command

    command([*COMMAND.split(), os.environ["RUN"]])


def _print(started):
    print("\n", time.perf_counter() - started, time.process_time(), flush=True)


if __name__ == "__main__":
    main()
