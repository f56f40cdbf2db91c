"""How far a command is, on stderr: bars by rich where a person watches."""

import contextlib
import sys
import time

import click

from cmvq_keras.experiments import score_words
from cmvq_keras.experiments.progress import ProgressReporter
from cmvq_keras.fileio import duration

_SECONDS = 0.1  # between two drawings of a bar


class Bar(contextlib.AbstractContextManager):
    """One bar with the time left.

    Args:
        title: what is done, one line.
        total: steps, or None where it is not known.
        in_bytes: whether the steps are bytes.
        in_pipes: whether the title alone is printed outside a terminal.
    """

    def __init__(self, title, total, in_bytes=False, in_pipes=True):
        self._drawn = 0.0
        self._bar = None
        if not sys.stderr.isatty():
            if in_pipes:
                click.echo(title, err=True)
            return
        from rich import progress
        from rich.console import Console

        amount = (
            progress.DownloadColumn() if in_bytes else progress.MofNCompleteColumn()
        )
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            amount,
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            # No thread that draws, and no hands on what others print.
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task(title, total=total)
        self._bar.start()

    def update(self, done):
        """Shows that so many steps are done."""
        if self._bar is None:
            return
        self._bar.update(self._task, completed=done)
        if time.monotonic() - self._drawn > _SECONDS:
            self._bar.refresh()
            self._drawn = time.monotonic()

    def __exit__(self, kind, error, trace):
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()
        self._bar = None


class Progress(contextlib.AbstractContextManager):
    """One bar a split that is prepared."""

    def __init__(self):
        self._bar = None
        self._split = None

    def update(self, split, done, total):
        """Shows that `done` of `total` samples of a split are prepared."""
        if split != self._split:
            self._end()
            self._split = split
            self._bar = Bar(f"Preparing {split}", total)
        if self._bar is not None:
            self._bar.update(done)
        if done >= total:
            self._end()

    def _end(self):
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar = None

    def __exit__(self, kind, error, trace):
        self._end()


class TerminalProgress(ProgressReporter):
    """Prints a comparison's progress: ended trainings on stdout, a bar of the epochs
    of the current one on stderr."""

    def __init__(self):
        self._name = ""
        self._say = score_words.PERCENT
        self._preparing = None
        self._epochs = None

    def planned(self, text):
        self._end(self._preparing)
        click.echo(text)
        sys.stdout.flush()

    def starts(self, trial, number, total):
        self._say = score_words.of_task(trial.recipe.task)
        self._name = f"[{number}/{total}] {trial.variant.title}, seed {trial.seed}"

    def preparing(self, split, done, total):
        if self._preparing is None:
            self._preparing = Progress()
        self._preparing.update(split, done, total)

    def epoch(self, number, total):
        self._end(self._preparing)
        if not sys.stderr.isatty():
            return
        if self._epochs is None:
            self._epochs = Bar(f"{self._name}, epochs", total)
        self._epochs.update(number)

    def ends(self, result, seconds_left):
        self._end(self._preparing, self._epochs)
        self._preparing = self._epochs = None
        if result.failure:
            text = f"failed: {result.failure}"
        else:
            score, seconds = result.measured["score"], result.measured["seconds"]
            text = f"{self._say.plain(score, more=1)}{self._say.unit}, {seconds:.0f} s"
        left = f" (about {duration(seconds_left)} left)" if seconds_left else ""
        click.echo(f"{self._name}: {text}{left}")
        sys.stdout.flush()

    def _end(self, *bars):
        for bar in bars:
            if bar is not None:
                bar.__exit__(None, None, None)
