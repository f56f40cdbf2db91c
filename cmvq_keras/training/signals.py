"""Ctrl-C and SIGTERM while a run is trained: once to save and stop, twice to stop."""

import os
import signal
import threading

from cmvq_keras.errors import SIGNALS, TrainingInterruptedError

_STDERR = 2


class Interruption:
    """A context in which both signals are taken; ends with the handlers of before.

    Outside the main thread, and for a signal that is ignored, nothing changes.

    Args:
        directory: the run folder, for the message.

    Attributes:
        can_wait: whether a first signal only notes that it came, because someone asks
            for `requested` soon.
        requested: the signal that came, or None.
    """

    def __init__(self, directory):
        self.directory = directory
        self.can_wait = False
        self.requested = None
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for signum in SIGNALS:
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    self._before[signum] = signal.signal(signum, self._take)
        return self

    def __exit__(self, *error):
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _take(self, signum, frame):
        again, self.requested = self.requested is not None, signum
        if again or not self.can_wait:
            # Noted all the same: Keras swallows any exception while it builds a model.
            raise TrainingInterruptedError(signum, self.directory)
        name = SIGNALS[signum]
        text = f"\n{name}: saving after this step. A second one stops at once.\n"
        # No print: the signal may have come within one.
        os.write(_STDERR, text.encode())

    def stop(self, signum, where):
        """Raises `TrainingInterruptedError` by a signal, after everything was saved."""
        raise TrainingInterruptedError(signum, self.directory, where)
