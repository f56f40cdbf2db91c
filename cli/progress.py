"""How far a preparation is, on stderr."""

import contextlib
import sys

import click


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
