"""The text of a table: whatever delimiter, quotes and ends of lines it has."""

import dataclasses

from cmvq_keras import fileio

MAX_BYTES = 2_000_000_000
_DELIMITERS = ",;\t"


@dataclasses.dataclass(frozen=True)
class Cells:
    """A table's cells, spaces around each taken away.

    Args:
        columns: the header.
        lines: `(n,)` number of each row's last line, counted from 1.
        rows: `(n,)` lists of cells, as many as there are columns.
    """

    columns: list
    lines: list
    rows: list

    def column(self, name):
        """The cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def read(path):
    """A table's cells.

    Args:
        path: a CSV file in UTF-8, with or without a byte order mark; commas, semicolons
            or tabs stand between the cells, whichever its header has most of.

    Returns:
        `Cells`; empty lines are not among them.

    Raises:
        ValueError: in one line, with the path: for an empty table, columns without a
            name or of the same name, and rows of another length.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "table", MAX_BYTES) as file:
        content = file.read()
        found = fileio.csv_rows(content, delimiter(content))
        _, header = next(((n, row) for n, row in found if any(row)), (0, []))
        columns = [cell.strip() for cell in header]
        _check_header(columns)
        lines, rows = [], []
        for number, row in found:
            if not any(map(str.strip, row)):
                continue
            if len(row) != len(columns):
                raise ValueError(
                    f"line {number} must have {len(columns)} cells. Received: "
                    f"{len(row)}"
                )
            lines.append(number)
            rows.append([cell.strip() for cell in row])
        if not rows:
            raise ValueError("it has no rows below its header")
        return Cells(columns, lines, rows)


def delimiter(content):
    """What stands between the cells: whichever the header has most of."""
    head = content[:100_000].lstrip(b"\xef\xbb\xbf\r\n").split(b"\n", 1)[0]
    text, bare = head.decode("utf-8", "replace"), ""
    for index, part in enumerate(text.split('"')):
        bare += part if index % 2 == 0 else ""
    return max(_DELIMITERS, key=bare.count)


def _check_header(columns):
    if not columns:
        raise ValueError("it is empty")
    if "" in columns:
        place = columns.index("") + 1
        raise ValueError(
            f"column {place} has no name in the header. If pandas wrote it for its "
            "index: to_csv(..., index=False)"
        )
    lower = [name.lower() for name in columns]
    for name in dict.fromkeys(lower):
        if lower.count(name) > 1:
            twice = [each for each in columns if each.lower() == name]
            raise ValueError(f"it has two columns {' and '.join(twice[:2])}")
