"""What reaches a terminal: no control character but our own.

Texts from files (class names, reasons, places) could set a terminal's title, fill its
clipboard, or turn the direction of a line.
"""

import contextlib
import os
import re
import sys

from cmvq_keras import fileio

# Colors, and what progress bars need: to clear a line, to go up, to hide the cursor.
_OWN = re.compile(r"(\x1b\[(?:[0-9;]*[mKA]|\?25[lh]))")


class _Printable:
    """A stream of text that spells control characters out; else the stream itself."""

    def __init__(self, stream):
        self._stream = stream
        self._failed = False

    def write(self, text):
        """Writes text; its length."""
        if not isinstance(text, str):
            raise TypeError(f"A terminal takes text. Received: {type(text).__name__}")
        # Every second part is a sequence of our own.
        parts = _OWN.split(text) if self._stream.isatty() else [text]
        parts[::2] = map(fileio.printable_lines, parts[::2])
        with self._faults_reported():
            self._stream.write("".join(parts))
        return len(text)

    def flush(self):
        """Hands on what was written."""
        with self._faults_reported():
            self._stream.flush()

    @contextlib.contextmanager
    def _faults_reported(self):
        try:
            yield
        except BrokenPipeError:
            self._drop()
            # Click would end without a word.
            raise OSError(
                "The output was closed early: its reader has stopped."
            ) from None
        except OSError as error:
            self._failed = True
            raise OSError(error.errno, error.strerror, self._stream.name) from None

    def end(self):
        """Gives up what a failed stream still holds; all of it was reported."""
        if self._failed:
            self._drop()

    def _drop(self):
        """Nothing is written any more, or Python's own end would fail at it again."""
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def writelines(self, lines):
        """Writes lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._stream, name)


@contextlib.contextmanager
def printable():
    """Spells control characters out that are written to stdout and stderr."""
    before = sys.stdout, sys.stderr
    # A stream that was closed before the start is None.
    streams = [each and _Printable(each) for each in before]
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for each in filter(None, streams):
            each.end()
