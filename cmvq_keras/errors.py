"""Every exception of this package that a user can meet."""

import os
import signal


class DivergedError(ValueError):
    """The training left the finite numbers."""


class InputError(ValueError):
    """Inputs or labels that do not fit the model; its message is one line."""

    # Keras would add the arguments of the layer in which it came.
    _keras_call_info_injected = True


class PeerLostError(ConnectionError):
    """Another process of this training does not answer any more."""

    # Keras would add the arguments of the layer in which it came.
    _keras_call_info_injected = True

    @classmethod
    def from_error(cls, error: BaseException) -> "PeerLostError":
        """The exception for what a backend raises when a process does not answer."""
        reason = " ".join(str(error).split())[:200]
        return cls(
            "Another process of this training, or the connection to it, was lost "
            f"({reason})"
        )


SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class LeaderRefusedError(RuntimeError):
    """The first process of this training refused to begin. It reports the reason."""


class TrainingInterruptedError(KeyboardInterrupt):
    """A training was stopped; the message says how to go on.

    A `KeyboardInterrupt`, so that what goes on after a failed training stops here.

    Attributes:
        exit_code: 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(
        self,
        signum: signal.Signals,
        directory: str | os.PathLike,
        where: str = "at once",
    ) -> None:
        super().__init__(
            f"Stopped {where} by {SIGNALS[signum]}. Continue with: cmvq train --resume "
            f"{directory}"
        )
        self.exit_code = 128 + signum


class RecipeFileError(Exception):
    """A fault in a recipe file, in one line with the file and the line number."""


class WrongSamplesError(ValueError):
    """Not the samples that the comparison is about."""


class DownloadError(OSError):
    """A download that did not succeed; its message is one line."""
