"""The records of one training, whose faults end nothing but themselves."""

import contextlib
import pathlib
import re
import sys
from collections.abc import Mapping
from typing import Any

from cmvq_keras import fileio, tracking
from cmvq_keras.fileio import to_json
from cmvq_keras.runs.run import Run

NOTES = "tracking.json"  # in the run folder, what finds each record again
_NOTE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MOST = 300  # letters of a fault


class Record(contextlib.AbstractContextManager):
    """All that `training.log` names, as a context.

    A tracker that fails is left out from then on, with one line on stderr.

    Args:
        run: the `Run`.
        epoch: finished epochs.
        names: of the trackers; None for those of the run's recipe.
    """

    def __init__(
        self, run: Run, epoch: int = 0, *, names: tuple[str, ...] | None = None
    ) -> None:
        self._run = run
        self._epoch = epoch
        self._names = (
            tracking.names(run.recipe.training.log) if names is None else names
        )
        self._open = {}

    def __enter__(self):
        for name in self._names:
            with self._guarded(name):
                self._begin(name)
        return self

    def _begin(self, name):
        notes = _notes(self._run)
        tracking.need(name)
        tracker = tracking.get(name)(self._run, notes.get(name))
        note = tracker.open(self._run.recipe.settings(), self._epoch)
        self._open[name] = tracker
        if note != notes.get(name):
            self._run.write(NOTES, to_json({**notes, name: note}))

    def log(self, numbers: Mapping[str, Any], epoch: int) -> None:
        """Adds an epoch's numbers to each record.

        Args:
            numbers: by the names of history.csv.
            epoch: counted from 1.
        """
        self._each("log", {name: float(each) for name, each in numbers.items()}, epoch)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Adds the final numbers to each record.

        Args:
            metrics: as in metrics.json; what is no number is left out.
        """
        numbers = {
            name: float(value)
            for name, value in fileio.leaves(fileio.plain(metrics))
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        self._each("finish", numbers)

    def add_file(self, path: pathlib.Path) -> None:
        """Adds a file to each record."""
        self._each("add_file", path)

    def __exit__(self, kind, error, trace):
        self._each("close", kind is None)

    def _each(self, method, *arguments):
        for name, tracker in list(self._open.items()):
            with self._guarded(name):
                getattr(tracker, method)(*arguments)

    @contextlib.contextmanager
    def _guarded(self, name):
        try:
            yield
        except Exception as error:
            self._open.pop(name, None)
            text = fileio.one_line(error)[:_MOST]
            print(
                f"Warning: {name} records nothing more: {text}. The run folder has "
                "everything.",
                file=sys.stderr,
            )


def add_file(run: Run, path: pathlib.Path) -> None:
    """Adds a file to the records of a training that is over.

    Args:
        run: the `Run`.
        path: the file's.

    Raises:
        ValueError: for a run whose training was not recorded.
    """
    check_recorded(run)
    with Record(run, len(run.history)) as record:
        record.add_file(path)


def check_recorded(run: Run) -> None:
    """Raises ValueError for a run whose training was not recorded."""
    if not tracking.names(run.recipe.training.log):
        raise ValueError(
            f"{run.directory} has no record to add to: it was trained without "
            "training.log"
        )


def _notes(run):
    """What was noted of a run's records; a file of another form counts as none."""
    if not (run.directory / NOTES).exists():
        return {}
    found = fileio.read_json(run.directory / NOTES, root=run.directory)
    return {
        name: note
        for name, note in found.items()
        if isinstance(note, str) and _NOTE.fullmatch(note)
    }
