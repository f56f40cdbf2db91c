"""What a tracker does."""

import pathlib
from collections.abc import Mapping
from typing import Any

from cmvq_keras.runs.run import Run


class Tracker:
    """Keeps the record of one run; a subclass writes it where people look.

    Any exception ends the record, and never the training: see `record.Record`.

    Args:
        run: the `Run`.
        note: what `open` returned when the record began, a text; None for a new one.

    Attributes:
        module: what its package is imported as; None where it needs none.
    """

    module: str | None = None

    def __init__(self, run: Run, note: str | None = None) -> None:
        self.run = run
        self.note = note

    def open(self, settings: Mapping[str, Any], epoch: int) -> str | None:
        """Begins the record, or goes on with the one of `note`.

        Args:
            settings: the recipe's, by dotted name.
            epoch: finished epochs; what the record holds of later ones is dropped
                or replaced.

        Returns:
            What finds the record again, or None.
        """
        raise NotImplementedError

    def log(self, numbers: Mapping[str, float], epoch: int) -> None:
        """Adds the numbers of an epoch, counted from 1, under the names that
        history.csv has."""
        raise NotImplementedError

    def finish(self, numbers: Mapping[str, float]) -> None:
        """Adds the final numbers, by dotted name as in metrics.json."""
        raise NotImplementedError

    def add_file(self, path: pathlib.Path) -> None:
        """Adds a file to the record, such as the report."""
        raise NotImplementedError

    def close(self, completed: bool) -> None:
        """Ends the writing; `completed` is False for a training that was stopped."""
