"""What watches over a training: checkpoints, and a loss that stays finite."""

import contextlib
import math
import time

import keras

from cmvq_keras.backend.runtime import generators, set_generators
from cmvq_keras.data import faults
from cmvq_keras.distribution import replicas
from cmvq_keras.errors import SIGNALS, DivergedError
from cmvq_keras.runs import checkpoint
from cmvq_keras.runs.checkpoint import Position


class FiniteLoss(keras.callbacks.Callback):
    """Stops a training at the first step whose loss is not finite.

    Args:
        backup: the `Backup`, for the message.

    Raises:
        DivergedError: with the step, and the terms of the loss that went.
    """

    def __init__(self, backup):
        super().__init__()
        self.backup = backup

    def on_train_batch_end(self, batch, logs=None):
        if math.isfinite(replicas.all_reduce_sum(float(logs["loss"]))):
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
        minutes: a checkpoint within an epoch after so many minutes; None for none.
        position: the `Position` to start at.
        splits: `Split`s in which a training that diverges looks for a cause.

    Attributes:
        epoch: finished epochs.
        first_step: steps of the next one that were finished before this `fit`.
        stopped: whether the training ended early.
        position: the `Position` of the last checkpoint.
        seconds_spent: on writing checkpoints.
    """

    def __init__(self, run, best, others, interruption, minutes, position, splits):
        super().__init__()
        self.run = run
        self.best = best
        self.interruption = interruption
        self.minutes = minutes
        self.position = position
        self.epoch, self.first_step = position.epoch, position.step
        self.stopped = position.stopped
        self.seconds_spent = 0.0
        self._keepers = _by_name(each for each in others if _keeps(each))
        self._states = None
        self._generators = None
        self._splits = splits
        # As it is now: a file that is edited meanwhile is not what is trained.
        self._recipe = run.recipe
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
        states, index = generators(), replicas.index
        found = checkpoint.read_generators(self.run.directory, states, index)
        # A process that was not there then keeps what it has.
        self._generators = found or states

    def on_train_begin(self, logs=None):
        # The others' own on_train_begin has just emptied them.
        if self._states is not None:
            self.keep(self._states)
        self.interruption.can_wait = True

    def on_epoch_begin(self, epoch, logs=None):
        if self.first_step:
            # The model again, too: the epoch has begun once, with all that other
            # callbacks do to it then.
            for metrics in (False, True):
                checkpoint.restore(self.run.directory, self.model, metrics=metrics)
        else:
            self._set_generators()

    def on_train_batch_begin(self, batch, logs=None):
        # Beginning an epoch draws numbers too; within an epoch that was done before.
        if self.first_step and batch == 0:
            self._set_generators()

    def _set_generators(self):
        # What Keras does between a checkpoint and the next step depends on whether the
        # process is a new one.
        set_generators(self._generators)

    def on_train_batch_end(self, batch, logs=None):
        late = self.minutes and time.monotonic() - self._written > 60 * self.minutes
        late, signum = self._agree(bool(late))
        if not late and signum is None:
            return
        if batch + 1 == self.params["steps"]:
            return  # the epoch ends, and is saved, as soon as it is measured
        self.write(self.model, self.first_step + batch + 1)
        self._stop_by(signum)

    def _agree(self, late=False):
        """Whether any process is late, and the signal that came to any, or None.

        One that comes after a process gave its part is for the next time: to stop by
        it now would leave the others alone.
        """
        signals = [self.interruption.requested == each for each in SIGNALS]
        late, *signals = replicas.all_reduce_sum([late, *signals]) > 0
        came = [name for name, each in zip(SIGNALS, signals, strict=True) if each]
        return late, came[0] if came else None

    def _stop_by(self, signum):
        if signum is not None:
            self.interruption.stop(signum, str(self.position))

    def on_epoch_end(self, epoch, logs=None):
        _, signum = self._agree()
        self.epoch, self.first_step = epoch + 1, 0
        self.stopped = bool(self.model.stop_training)
        self.write(self.model)
        with self._full_disk_reported(f"The weights of epoch {self.epoch}"):
            self.best.save(self.model, self.epoch)
        self._stop_by(signum)

    def on_train_end(self, logs=None):
        self._states = self.states()
        _, signum = self._agree()
        self.interruption.can_wait = False
        self._stop_by(signum)

    def write(self, model, step=0):
        """Replaces the checkpoint.

        Args:
            model: what is trained.
            step: finished steps of the epoch that has begun.

        Raises:
            DivergedError: when a weight is not finite.
            OSError: when the disk is full; the one of before is kept.
        """
        began = time.monotonic()
        position = Position(self.epoch, step, self.stopped, self.seconds)
        try:
            self._generators = generators()
            # Of all processes, in their order.
            all_gather = zip(*map(replicas.all_gather, self._generators), strict=True)
            states = [state for own in all_gather for state in own]
            if replicas.is_first:
                with self._full_disk_reported(f"The checkpoint {position}"):
                    checkpoint.write(
                        self.run.directory,
                        model,
                        position,
                        self.states(),
                        states,
                        self._recipe,
                        self.run.history_checksums(),
                    )
        except DivergedError as error:
            raise self.diverged(f"{position}: {error}") from None
        self.position = position
        self._written = time.monotonic()
        self.seconds_spent += self._written - began

    @contextlib.contextmanager
    def _full_disk_reported(self, what):
        try:
            yield
        except OSError as error:
            raise OSError(
                f"{what} could not be written: {error}. "
                f"{self._how_to_resume()} Free some space, "
                f"then: cmvq train --resume {self.run.directory}"
            ) from error

    def diverged(self, where):
        """The exception for a training that left the finite numbers."""
        advice = (
            faults.outliers(self._splits)
            or "Lower training.learning_rate, or set training.clip_norm"
        )
        return DivergedError(
            f"Training diverged {where}. {advice}. {self._how_to_resume()}"
        )

    def _how_to_resume(self):
        place = checkpoint.path(self.run.directory)
        return f"The last good checkpoint, {self.position}, is kept: {place}."


def _keeps(callback):
    """Whether a callback keeps something; it may use the names for something else."""
    return all(callable(getattr(callback, name, None)) for name in ("state", "restore"))


def _by_name(callbacks):
    """Callbacks by a name that the next process gives them, too."""
    found = {}
    for callback in callbacks:
        kind = type(callback).__name__
        count = sum(name.partition("-")[0] == kind for name in found)
        found[f"{kind}-{count + 1}"] = callback
    return found
