"""Kills trainings at random moments, resumes them, compares with one never killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import h5py
import numpy as np

from cmvq_keras import checkpoint
from cmvq_keras.run import Run

#: Dropout of both kinds, a schedule, early stopping: all that a state may forget.
SETTINGS = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.solver_units": 8,
    "model.modality_dropout": 0.3,
    "training.batch_size": 8,
    "training.limit": 64,
    "training.schedule": "cosine",
    "training.early_stopping": 50,
}
WRITES = "amid a checkpoint"
ANY = "at any moment"


def arguments(epochs, out):
    """The command line of one such training."""
    settings = {**SETTINGS, "training.epochs": epochs}
    words = [
        word for pair in settings.items() for word in ("--set", "=".join(_s(pair)))
    ]
    return ["train", "--recipe", "planted", *words, "--out", str(out)]


def _s(pair):
    return [str(each) for each in pair]


def start(*words, **options):
    """A process of the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "cmvq_keras.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


class Output(threading.Thread):
    """Reads a process's output; `has(word)` waits for a word in it."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.lines = process, []
        self.start()

    def run(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def has(self, word, seconds=240):
        """Whether the word came before the process ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ended = self.process.poll() is not None
            if any(word in line for line in self.lines):
                return True
            if ended:
                self.join(10)
                return any(word in line for line in self.lines)
            time.sleep(0.01)
        return False


def kill(process, output, folder, how, seconds):
    """Kills a training with SIGKILL once it trains; False when it ended before.

    Args:
        process, output: of the training.
        folder: its run folder.
        how: `ANY`, or `WRITES`: while a checkpoint is being written.
        seconds: of training that the moment lies within, for `ANY`.
    """
    if not output.has("Epoch "):
        return False
    if how == ANY:
        end = time.monotonic() + random.uniform(0, seconds)
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.002)
    else:
        backup = folder / checkpoint.FOLDER
        while process.poll() is None and not any(backup.glob(".*.tmp")):
            pass
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.wait()
    return True


def unreadable(folder):
    """Names of files of a run folder that are there and cannot be read."""
    faults = []
    run = Run(folder)
    try:
        Run.open_begun(folder)
        checkpoint.read(folder)
    except ValueError as error:
        faults.append(str(error))
    if run.weights_path.exists():
        try:
            contents(run.weights_path)
        except OSError as error:
            faults.append(f"{run.weights_path}: {error}")
    return faults


def contents(path):
    """All arrays of an HDF5 file by their place."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if hasattr(item, "dtype") else None
            )
        )
    return found


def differences(folder, other):
    """Names of what differs between two finished runs, by bits."""
    one, two = Run.open(folder), Run.open(other)
    found = []
    if (folder / "history.csv").read_bytes() != (other / "history.csv").read_bytes():
        found.append("history")
    metrics = [{**run.metrics, "training_seconds": None} for run in (one, two)]
    if metrics[0] != metrics[1]:
        found.append("metrics")
    weights = [contents(run.weights_path) for run in (one, two)]
    if weights[0].keys() != weights[1].keys() or not all(
        np.array_equal(values, weights[1][name]) for name, values in weights[0].items()
    ):
        found.append("weights")
    return found


def survive(root, reference, epochs, kills, seconds, seed=0):
    """Kills trainings until there were enough kills; compares each with `reference`.

    Args:
        root: folder for the runs.
        reference: folder of the same training, never killed.
        epochs: as of the reference.
        kills: how many, half of them amid a checkpoint.
        seconds: see `kill`.
        seed: of the moments.

    Returns:
        A dict for a table: by fault the tries; "runs" that ended, "different",
        "unreadable", "lines".
    """
    random.seed(seed)
    told = {ANY: 0, WRITES: 0, "runs": 0, "different": [], "unreadable": []}
    number = 0
    while told[ANY] + told[WRITES] < kills:
        number += 1
        folder = root / f"run{number}"
        words = arguments(epochs, folder)
        while not (folder / "metrics.json").exists():
            process = start(*words)
            output = Output(process)
            done = told[ANY] + told[WRITES]
            how = WRITES if done % 2 else ANY
            if done < kills and kill(process, output, folder, how, seconds):
                told[how] += 1
                told["unreadable"] += unreadable(folder)
            else:
                process.wait()
                output.join(10)
                if process.returncode:
                    raise RuntimeError("".join(output.lines[-5:]))
            words = ["train", "--resume", str(folder)]
        told["runs"] += 1
        told["different"] += differences(reference, folder)
        print(json.dumps({**told, "backend": os.environ.get("KERAS_BACKEND")}))
    return told
