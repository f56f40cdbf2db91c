"""Kills trainings at random moments, resumes them, compares with one never killed."""

import functools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import graphs
import h5py
import numpy as np

from cmvq_keras.runs import checkpoint
from cmvq_keras.runs.run import Run

#: Dropout of both kinds, a schedule, early stopping, a mask that is frozen before the
#: second of three epochs: all that a state may forget.
SETTINGS = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.solver_units": 8,
    "model.modality_dropout": 0.3,
    "model.mask_freeze": 0.5,
    "training.batch_size": 16,
    "training.limit": 64,
    "training.schedule": "cosine",
    "training.early_stopping": 50,
}
WRITES = "during a checkpoint"
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


class Process:
    """A process of the command line.

    Args:
        words: its arguments.
        log: file for its output.
        forked: whether it is forked from a process that has imported everything, which
            saves the seconds of a start.
    """

    def __init__(self, *words, log, forked=False):
        words = [str(word) for word in words]
        self.log = log
        log.unlink(missing_ok=True)
        if forked:
            self._process = _server().Process(target=_main, args=(words, str(log)))
            self._process.start()
        else:
            with log.open("wb") as file:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "cmvq_keras.cli", *words],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
        self.pid = self._process.pid

    @property
    def code(self):
        """The exit code; None while it runs."""
        if hasattr(self._process, "exitcode"):
            return self._process.exitcode
        return self._process.poll()

    @property
    def output(self):
        """What it has printed."""
        return self.log.read_text() if self.log.exists() else ""

    def wait(self, seconds=1200):
        """Waits for its end; gives the exit code."""
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.code

    def prints(self, word, seconds=600):
        """Whether a word comes before it ends."""
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:
            if word in self.output:
                return True
            time.sleep(0.01)
        return word in self.output


@functools.cache
def _server():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras", "killing", "cmvq_keras.cli.train"])
    return context


def _main(words, log):
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    from cmvq_keras.cli import main

    graphs.run_plain()
    main(words)


def kill(process, folder, how, seconds):
    """Kills a training with SIGKILL once it trains; False when it ended before.

    Args:
        process: the `Process`.
        folder: its run folder.
        how: `ANY`, or `WRITES`: while a checkpoint is being written.
        seconds: of training that the moment lies within, for `ANY`.
    """
    if not process.prints("Epoch "):
        return False
    if how == ANY:
        time.sleep(random.uniform(0, seconds))
    else:
        backup = folder / checkpoint.FOLDER
        while process.code is None and not any(backup.glob(".*.tmp")):
            time.sleep(0.0005)
    if process.code is not None:
        return False
    os.kill(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


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


def survive(root, reference, epochs, kills, seconds, forked=False):
    """Kills trainings until there were enough kills; compares each with `reference`.

    Args:
        root: folder for the runs.
        reference: folder of the same training, never killed.
        epochs: as of the reference.
        kills: how many, half of them during a checkpoint.
        seconds: see `kill`.
        forked: see `Process`.

    Returns:
        A dict for a table: by fault the tries; "runs" that ended, "different",
        "unreadable", "lines".
    """
    random.seed(0)
    told = {ANY: 0, WRITES: 0, "runs": 0, "different": [], "unreadable": []}
    number = 0
    while told[ANY] + told[WRITES] < kills:
        number += 1
        folder = root / f"run{number}"
        words = arguments(epochs, folder)
        while not (folder / "metrics.json").exists():
            process = Process(*words, log=root / "log", forked=forked)
            done = told[ANY] + told[WRITES]
            how = WRITES if done % 2 else ANY
            if done < kills and kill(process, folder, how, seconds):
                told[how] += 1
                print(f"killed {how}: {told[how]}", flush=True)
                told["unreadable"] += unreadable(folder)
            else:
                if process.wait() != 0:
                    raise RuntimeError(process.output[-2000:])
            words = ["train", "--resume", str(folder)]
        told["runs"] += 1
        told["different"] += differences(reference, folder)
        print(json.dumps(told), flush=True)
    return told
