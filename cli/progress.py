"""How far a preparation is, on stderr."""

import contextlib
import sys

import click

from cmvq_keras.cli.text_tables import percent
from cmvq_keras.experiments.progress import ProgressReporter


class Progress(contextlib.AbstractContextManager):
    """One bar a split, with the time left; nothing but its name in a file."""

    def __init__(self):
        self._bar = None
        self._split = None

    def tell(self, split, done, total):
        """Shows that `done` of `total` samples of a split are prepared."""
        if split != self._split:
            self._end()
            self._split = split
            self._bar = click.progressbar(
                length=total, label=f"Preparing {split}", file=sys.stderr
            )
            self._bar.__enter__()
        self._bar.update(done - self._bar.pos)

    def _end(self):
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar = None

    def __exit__(self, kind, error, trace):
        self._end()


class TerminalProgress(ProgressReporter):
    """Prints what a comparison tells: ended trainings on stdout, the rest on stderr."""

    def __init__(self):
        self._name = ""
        self._bar = None
        self._live = sys.stderr.isatty()

    def starts(self, trial, number, total):
        self._name = f"[{number}/{total}] {trial.variant.title}, seed {trial.seed}"
        self._overwrite("starting")

    def preparing(self, split, done, total):
        if self._bar is None:
            self._overwrite("")
            self._bar = Progress()
        self._bar.tell(split, done, total)

    def epoch(self, number, total):
        self._end_bar()
        self._overwrite(f"epoch {number}/{total}")

    def ends(self, result, seconds_left):
        self._end_bar()
        if self._live:
            click.echo("\r\033[K", nl=False, err=True)
        if result.failure:
            text = f"failed: {result.failure}"
        else:
            score, seconds = result.measured["score"], result.measured["seconds"]
            text = f"{percent(score)}, {seconds:.0f} s"
        left = f" (about {duration(seconds_left)} left)" if seconds_left else ""
        click.echo(f"{self._name}: {text}{left}")
        sys.stdout.flush()

    def _end_bar(self):
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar = None

    def _overwrite(self, text):
        if self._live:
            click.echo(f"\r\033[K{self._name}: {text}", nl=False, err=True)


def duration(seconds):
    """A time for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
