"""One CSV file a run: settings, curves and final numbers, a number a row."""

import os

from cmvq_keras import fileio
from cmvq_keras.fileio import MAX_BYTES
from cmvq_keras.tracking.tracker import Tracker

TRACKERS = {"csv": "CSVTracker"}
FILE = "log.csv"
_HEADER = ["kind", "epoch", "name", "value"]


class CSVTracker(Tracker):
    """Writes log.csv in the run folder.

    Each row is a setting, a number of an epoch, a final number or a file. history.csv
    has the curves alone, a column a number.
    """

    def open(self, settings, epoch):
        """Keeps what the file has of earlier epochs; a new one begins with settings."""
        self._rows = [row for row in self._read() if _is_of(row, epoch)]
        if not self._rows:
            self._rows = [
                ["setting", "", name, "none" if value is None else value]
                for name, value in settings.items()
            ]
        self._write()

    def log(self, numbers, epoch):
        """Adds a row a number."""
        self._add(["epoch", epoch, name, each] for name, each in numbers.items())

    def finish(self, numbers):
        """Adds a row a number."""
        self._add(["final", "", name, each] for name, each in numbers.items())

    def add_file(self, path):
        """Adds a row with the file's path."""
        self._add([["file", "", path.name, str(path)]])

    def _add(self, rows):
        self._rows += rows
        self._write()

    def _write(self):
        rows = [_HEADER, *self._rows]
        # As a whole: a row is there, or it is not.
        self.run.write(FILE, "".join(map(fileio.csv_line, rows)))

    def _read(self):
        path = self.run.directory / FILE
        if not os.path.lexists(path):
            return []
        with fileio.opened(path, "log", MAX_BYTES, self.run.directory) as file:
            _, *rows = fileio.csv_rows(file.read())
        return [[fileio.unquoted(cell) for cell in row] for _, row in rows]


def _is_of(row, epoch):
    """Whether a row belongs to a training of so many epochs."""
    return len(row) == len(_HEADER) and (row[0] != "epoch" or int(row[1]) <= epoch)
