"""Small, untrusted CSV files."""

import contextlib

from cmvq_keras import fileio

MAX_BYTES = 10_000_000


@contextlib.contextmanager
def naming(path, line=None):
    """Puts the file, and the line if it is known, before a ValueError's message."""
    try:
        yield
    except ValueError as error:
        where = str(path) if line is None else f"{path}, line {line}"
        raise ValueError(f"{where}: {error}") from None


def read(path):
    """A table's rows.

    Args:
        path: a CSV file in UTF-8, with or without a byte order mark.

    Returns:
        List of `(line number, cells)`, counted from 1, spaces around a cell taken
        away, without empty lines.

    Raises:
        ValueError: in one line, with the path: for an empty file and one that is no
            such table.
        OSError: if it is not there, or cannot be read.
    """
    with fileio.opened(path, "table", MAX_BYTES) as file:
        rows = _rows(file.read())
        if not rows:
            raise ValueError("it is empty")
    return rows


def shown(cell):
    """A cell for a message: quoted, on one line, and not long."""
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")


def _rows(content):
    rows = [
        (line, [cell.strip() for cell in row]) for line, row in fileio.csv_rows(content)
    ]
    return [(line, row) for line, row in rows if any(row)]
