"""Numbers in text files: CSV of any delimiter, or columns with spaces."""

import numpy as np

from cmvq_keras import fileio

MAX_BYTES = 64_000_000


def read(path):
    """The numbers of a text file.

    Args:
        path: a file in UTF-8, a row a line; commas, semicolons, tabs or spaces between
            the numbers. A first line of words is a header.

    Returns:
        `(rows, columns)` float64.

    Raises:
        ValueError: in one line, with the path: for rows of different lengths, words,
            and numbers that are not finite.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "text file of numbers", MAX_BYTES) as file:
        lines = file.read().decode("utf-8-sig").splitlines()
        values = [
            (number, _numbers(_cells(line)))
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]
        if values and values[0][1] is None:
            del values[0]
        if not values or values[0][1] is None:
            raise ValueError("it holds no numbers")
        width = len(values[0][1])
        for number, row in values:
            if row is None or len(row) != width:
                raise ValueError(f"line {number} must hold {width} numbers")
        found = np.array([row for _, row in values])
        if not np.isfinite(found).all():
            raise ValueError("it holds values that are not finite")
        return found


def _cells(line):
    for delimiter in ",;\t":
        if delimiter in line:
            return line.split(delimiter)
    return line.split()


def _numbers(cells):
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None
