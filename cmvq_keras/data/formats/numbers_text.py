"""Numbers in text files: CSV of any delimiter, or columns with spaces."""

import numpy as np

from cmvq_keras import fileio

MAX_BYTES = 64_000_000


def read(path):
    """The numbers of a text file.

    Args:
        path: a file in UTF-8, a row a line; commas, semicolons, tabs or spaces between
            the numbers, which have decimal points. A first line of words is a header.

    Returns:
        `(rows, columns)` float64.

    Raises:
        ValueError: in one line, with the path: for rows of different lengths, words,
            numbers that are not finite, and the header and the row numbers of pandas.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "text file of numbers", MAX_BYTES) as file:
        lines = file.read().decode("utf-8-sig").splitlines()
        cells = [
            (number, _cells(line))
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]
        if cells and _is_header(cells):
            del cells[0]
        values = [(number, _numbers(row)) for number, row in cells]
        if not values or not any(map(is_number, cells[0][1])):
            raise ValueError("it holds no numbers")
        if values[0][1] is None:
            raise ValueError(
                f"line {values[0][0]} must hold numbers alone, with decimal points"
            )
        width = len(values[0][1])
        for number, row in values:
            if row is None or len(row) != width:
                received = "words" if row is None else len(row)
                raise ValueError(
                    f"line {number} must hold {width} numbers. Received: {received}"
                )
        found = np.array([row for _, row in values])
        finite = np.isfinite(found).all(axis=1)
        if not finite.all():
            number = values[int(finite.argmin())][0]
            raise ValueError(f"line {number} holds values that are not finite")
        return found


def is_number(text):
    """Whether a text is a number as files have it; Python would take 1_000 too."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_header(cells):
    """Whether the first line holds words.

    Args:
        cells: `(number, cells)` of each line.

    Raises:
        ValueError: for what pandas writes unless it is told not to: numbers as a
            header, and a column that counts the rows.
    """
    first = [each.strip() for each in cells[0][1]]
    rest = [row for _, row in cells[1:]]
    rows, columns = map(str, range(len(rest))), map(str, range(len(first)))
    is_several = bool(rest) and len(first) > 1
    if is_several and not first[0] and [row[0].strip() for row in rest] == list(rows):
        raise ValueError(
            "its first column counts the rows. Write it without (pandas: index=False)"
        )
    # Whole numbers may well begin so themselves.
    has_points = any("." in each for row in rest for each in row)
    if is_several and has_points and first == list(columns):
        raise ValueError(
            "its first line counts the columns. Write it without (pandas: header=False)"
        )
    return not any(map(is_number, first))


def _cells(line):
    for delimiter in ",;\t":
        if delimiter in line:
            return line.split(delimiter)
    return line.split()


def _numbers(cells):
    return [float(cell) for cell in cells] if all(map(is_number, cells)) else None
