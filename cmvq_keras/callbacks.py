"""What happens at the end of a step and of an epoch.

A callback that keeps something between epochs says so: `state()` gives it, plain values
for JSON, and `restore(state)` takes it back after `on_train_begin`. Then a resumed
training goes on with it.
"""

import contextlib
import math
import sys
import time

import keras

from cmvq_keras import checkpoint
from cmvq_keras.checkpoint import Diverged, Position
from cmvq_keras.distribution import generators, set_generators

BRIEF = (
    "loss",
    "accuracy",
    "mean_iou",
    "val_loss",
    "val_accuracy",
    "val_mean_iou",
    "zeta",
)


class BriefProgress(keras.callbacks.Callback):
    """A progress bar an epoch with the few numbers that a person follows.

    Keras's own would show every term of every modality: all of them are in
    history.csv. Into a file goes one line an epoch.
    """

    def on_epoch_begin(self, epoch, logs=None):
        print(f"Epoch {epoch + 1}/{self.params['epochs']}", flush=True)
        self._bar = keras.utils.Progbar(
            self.params["steps"],
            stateful_metrics=BRIEF,
            verbose=1 if sys.stdout.isatty() else 2,
            unit_name="step",
        )

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(batch + 1, _brief(logs), finalize=False)

    def on_epoch_end(self, epoch, logs=None):
        self._bar.update(self.params["steps"], _brief(logs), finalize=True)


class StepProgress(keras.callbacks.Callback):
    """Counts the batches of an evaluation or prediction where a person watches: on
    stderr, as stdout may be a CSV file."""

    def on_test_batch_end(self, batch, logs=None):
        self._tell(batch + 1)

    def on_predict_batch_end(self, batch, logs=None):
        self._tell(batch + 1)

    def _tell(self, done):
        if sys.stderr.isatty():
            steps = self.params["steps"]
            end = "\n" if done == steps else ""
            print(f"\rBatch {done}/{steps}", end=end, file=sys.stderr, flush=True)


def _brief(logs):
    return [(name, float(logs[name])) for name in BRIEF if name in logs]


class ComplementarityLog(keras.callbacks.Callback):
    """Adds compl (percent by modality) and zeta to the epoch's logs."""

    def on_epoch_end(self, epoch, logs=None):
        found = self.model.complementarity()
        logs.update({f"{name}_compl": value for name, value in found["compl"].items()})
        zeta = found["zeta"]
        if isinstance(zeta, dict):
            logs.update({f"{name}_zeta": value for name, value in zeta.items()})
        else:
            logs["zeta"] = zeta


class BestWeights(keras.callbacks.Callback):
    """Chooses the best epoch on validation data; `Backup` saves its weights.

    Args:
        run: the `Run` that keeps the weights.
        select_by: "accuracy" or "mean_iou" (the highest; of equal ones the lowest
            task loss), or "task_loss" (the lowest).

    Attributes:
        best_epoch: number of the kept epoch, from 1; None before the first whose
            loss is finite.
    """

    def __init__(self, run, select_by="accuracy"):
        super().__init__()
        self.run = run
        self.select_by = select_by
        self.best_epoch = None
        self._best = None

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["val_task_loss"]):
            return
        rank = self._rank(logs)
        if self._best is not None and rank <= self._best:
            return
        self._best, self.best_epoch = rank, epoch + 1

    def _rank(self, logs):
        if self.select_by == "task_loss":
            return (-float(logs["val_task_loss"]),)
        return (float(logs[f"val_{self.select_by}"]), -float(logs["val_task_loss"]))

    def save(self, model, epoch):
        """Saves a model's weights if it is that of the best epoch.

        Args:
            model: the model.
            epoch: number of its last epoch, from 1.
        """
        if self.best_epoch == epoch:
            self.run.save_weights(model)

    def state(self):
        """The best rank so far and its epoch."""
        return {"best": self._best, "epoch": self.best_epoch}

    def restore(self, state):
        """Takes `state()` back."""
        self._best = None if state["best"] is None else tuple(state["best"])
        self.best_epoch = state["epoch"]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's, which a resumed training goes on with."""

    def state(self):
        """How long it waits, and what for."""
        best = None if self.best is None else float(self.best)
        return {"wait": self.wait, "best": best}

    def restore(self, state):
        """Takes `state()` back."""
        self.wait, self.best = state["wait"], state["best"]


class HistoryFile(keras.callbacks.Callback):
    """Appends each epoch's logs to the run's history.csv, at its end."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        self.run.append_history({"epoch": epoch + 1, **logs})


class FiniteLoss(keras.callbacks.Callback):
    """Stops a training at the first step whose loss is not finite.

    Args:
        backup: the `Backup`, for the message.

    Raises:
        Diverged: with the step, and the terms of the loss that went.
    """

    def __init__(self, backup):
        super().__init__()
        self.backup = backup

    def on_train_batch_end(self, batch, logs=None):
        if math.isfinite(float(logs["loss"])):
            return
        # These are means since the epoch's start: a term that went stays so.
        terms = [
            f"{name} ({float(value)})"
            for name, value in logs.items()
            if name != "loss"
            and name.endswith(("_loss", "penalty"))
            and not math.isfinite(float(value))
        ]
        raise self.backup.diverged(
            f"in step {self.backup.first_step + batch + 1} of epoch "
            f"{self.backup.epoch + 1}: first in {', '.join(terms) or 'the loss'}"
        )


class Backup(keras.callbacks.Callback):
    """Writes what a resumed training goes on from; the last callback of all.

    The checkpoint is written before the weights of the best epoch: a process that dies
    between the two leaves the first, from which the second are saved again.

    Args:
        run: the `Run`.
        best: its `BestWeights`.
        others: all callbacks that run before this one.
        interruption: an `Interruption`.
        minutes: a checkpoint amid an epoch after so many minutes; None for none.
        position: the `Position` to start at.

    Attributes:
        epoch: finished epochs.
        first_step: steps of the next one that were finished before this `fit`.
        stopped: whether the training ended early.
        position: the `Position` of the last checkpoint.
        seconds_spent: on writing checkpoints.
    """

    def __init__(self, run, best, others, interruption, minutes, position):
        super().__init__()
        self.run = run
        self.best = best
        self.interruption = interruption
        self.minutes = minutes
        self.position = position
        self.epoch, self.first_step = position.epoch, position.step
        self.stopped = position.stopped
        self.seconds_spent = 0.0
        self._keepers = _by_name(each for each in others if hasattr(each, "state"))
        self._states = None
        self._generators = None
        self._started = time.monotonic() - position.seconds
        self._written = time.monotonic()

    @property
    def seconds(self):
        """Of work so far, all tries together."""
        return time.monotonic() - self._started

    def states(self):
        """What the other callbacks keep, by name."""
        return {name: each.state() for name, each in self._keepers.items()}

    def keep(self, states):
        """Gives the callbacks their states, now and when the next `fit` begins."""
        self._states = states
        for name, callback in self._keepers.items():
            if name in states:
                callback.restore(states[name])

    def keep_generators(self):
        """Takes the checkpoint's random number states for the next `fit`."""
        found = checkpoint.read_generators(self.run.directory, generators())
        self._generators = found

    def on_train_begin(self, logs=None):
        # The others' own on_train_begin has just emptied them.
        if self._states is not None:
            self.keep(self._states)
        self.interruption.can_wait = True

    def on_epoch_begin(self, epoch, logs=None):
        if self.first_step:
            checkpoint.restore(self.run.directory, self.model, metrics=True)
        else:
            self._set_generators()

    def on_train_batch_begin(self, batch, logs=None):
        # To begin an epoch draws numbers, too: amid one that was done before.
        if self.first_step and batch == 0:
            self._set_generators()

    def _set_generators(self):
        # What Keras does between a checkpoint and the next step depends on whether the
        # process is a new one.
        set_generators(self._generators)

    def on_train_batch_end(self, batch, logs=None):
        late = self.minutes and time.monotonic() - self._written > 60 * self.minutes
        if not late and self.interruption.requested is None:
            return
        if batch + 1 == self.params["steps"]:
            return  # the epoch ends, and is saved, as soon as it is measured
        self.write(self.model, self.first_step + batch + 1)
        if self.interruption.requested is not None:
            self.interruption.stop(str(self.position))

    def on_epoch_end(self, epoch, logs=None):
        self.epoch, self.first_step = epoch + 1, 0
        self.stopped = bool(self.model.stop_training)
        self.write(self.model)
        with self._disk_told(f"The weights of epoch {self.epoch}"):
            self.best.save(self.model, self.epoch)
        if self.interruption.requested is not None:
            self.interruption.stop(str(self.position))

    def on_train_end(self, logs=None):
        self.interruption.can_wait = False
        self._states = self.states()

    def write(self, model, step=0):
        """Replaces the checkpoint.

        Args:
            model: what is trained.
            step: finished steps of the epoch that has begun.

        Raises:
            Diverged: when a weight is not finite.
            OSError: when the disk is full; the one of before is kept.
        """
        began = time.monotonic()
        position = Position(self.epoch, step, self.stopped, self.seconds)
        try:
            self._generators = generators()
            with self._disk_told(f"The checkpoint {position}"):
                checkpoint.write(
                    self.run.directory, model, position, self.states(), self._generators
                )
        except Diverged as error:
            raise self.diverged(f"{position}: {error}") from None
        self.position = position
        self._written = time.monotonic()
        self.seconds_spent += self._written - began

    @contextlib.contextmanager
    def _disk_told(self, what):
        try:
            yield
        except OSError as error:
            raise OSError(
                f"{what} could not be written: {error}. {self._told()} Make room, "
                f"then: cmvq train --resume {self.run.directory}"
            ) from error

    def diverged(self, where):
        """The exception for a training that left the finite numbers."""
        return Diverged(
            f"Training diverged {where}. Lower training.learning_rate, or set "
            f"training.clip_norm. {self._told()}"
        )

    def _told(self):
        place = checkpoint.path(self.run.directory)
        return f"The last good checkpoint, {self.position}, is kept: {place}."


def _by_name(callbacks):
    """Callbacks by a name that the next process gives them, too."""
    found = {}
    for callback in callbacks:
        kind = type(callback).__name__
        count = sum(name.partition("-")[0] == kind for name in found)
        found[f"{kind}-{count + 1}"] = callback
    return found
