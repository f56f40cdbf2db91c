"""How far a training, an evaluation or a prediction is."""

import shutil
import sys
import time

import keras

from cmvq_keras.fileio import duration

_SECONDS = 0.1  # between two drawings of the line


class BriefProgress(keras.callbacks.Callback):
    """One line an epoch: loss, score, those of validation, and the time left.

    Keras's own bar would show every term of every modality: all of them are in
    history.csv. Where a person watches, the line is drawn anew after each step.

    Not one of rich's bars: the line stays when its epoch ends, is the same in a file,
    and needs no ipywidgets in a notebook.

    It is a context too: its end closes a line that an exception left open.

    Args:
        epochs: of the whole training. A resumed epoch has a `fit` of its own.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs
        self._open = False
        self._length = 0
        self._pace = _Pace()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._close()

    def on_epoch_begin(self, epoch, logs=None):
        self._title = f"Epoch {epoch + 1}/{self.epochs}"
        self._left = self.epochs - epoch - 1
        self._drawn = time.monotonic()
        self._pace.epoch_begins()
        # Into a file the rest of the line follows when the epoch ends.
        print(self._title, end="", flush=True)
        self._open, self._length = True, len(self._title)

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if not _is_live() or now - self._drawn < _SECONDS:
            return
        self._drawn = now
        steps = self.params["steps"]
        seconds = self._pace.seconds_left(self._left, (batch + 1) / steps)
        self._draw(f", step {batch + 1}/{steps}: {_line(logs, seconds)}")

    def on_epoch_end(self, epoch, logs=None):
        self._pace.epoch_ends()
        rest = f": {_line(logs, self._pace.seconds_left(self._left))}"
        if _is_live():
            self._draw(rest)
        else:
            print(rest, end="", flush=True)
        self._close()

    def _draw(self, rest):
        """Replaces the line; a terminal could not take one back that it has folded."""
        width = shutil.get_terminal_size((80, 24)).columns - 1
        text = f"{self._title}{rest}"[:width]
        print(f"\r{text.ljust(min(self._length, width))}", end="", flush=True)
        self._length = len(text)

    def _close(self):
        if self._open:
            print(flush=True)
        self._open = False


class _Pace:
    """How long epochs take; the first one, which compiles, counts only alone."""

    def __init__(self):
        self._epochs = 0
        self._begins = self._first_end = time.monotonic()
        self._mean = None

    def epoch_begins(self):
        """Notes the time."""
        self._begins = time.monotonic()

    def epoch_ends(self):
        """Counts the epoch."""
        now = time.monotonic()
        self._epochs += 1
        if self._epochs == 1:
            self._first_end, self._mean = now, now - self._begins
        else:
            # With what lies between two epochs, such as a checkpoint.
            self._mean = (now - self._first_end) / (self._epochs - 1)

    def seconds_left(self, epochs, share=1.0):
        """Seconds until the training ends.

        Args:
            epochs: that follow the current one.
            share: of the current epoch that is done, in (0, 1].
        """
        mean = self._mean
        if mean is None:
            mean = (time.monotonic() - self._begins) / share
        return (epochs + 1 - share) * mean


class StepProgress(keras.callbacks.Callback):
    """Counts the batches of an evaluation or prediction where a person watches: on
    stderr, as stdout may be a CSV file."""

    def on_test_batch_end(self, batch, logs=None):
        self._show(batch + 1)

    def on_predict_batch_end(self, batch, logs=None):
        self._show(batch + 1)

    def _show(self, done):
        if sys.stderr.isatty():
            steps = self.params["steps"]
            end = "\n" if done == steps else ""
            print(f"\rBatch {done}/{steps}", end=end, file=sys.stderr, flush=True)


def _line(logs, seconds_left):
    """The few numbers that a person follows."""
    score = next(name for name in ("mean_iou", "r2", "accuracy") if name in logs)
    title = score.replace("_iou", " IoU").replace("r2", "R2")
    parts = [f"loss {logs['loss']:.4g}, {title} {_shown(score, logs[score])}"]
    if "val_loss" in logs:
        loss, value = logs["val_loss"], logs[f"val_{score}"]
        parts.append(f"validation {loss:.4g}, {_shown(score, value)}")
    if seconds_left:
        parts.append(f"{duration(seconds_left)} left")
    return "; ".join(parts)


def _shown(score, value):
    return f"{value:.3f}" if score == "r2" else f"{100 * value:.1f} %"


def _is_live():
    """Whether a line can be drawn over: on a terminal, and in a notebook."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules
