"""JSON and CSV, as text and from untrusted files."""

import csv
import io
import json
import math
import re

from cmvq_keras.fileio.reading import MAX_BYTES, opened


def to_json(content):
    """JSON text with sorted keys; numpy values become plain, NaN becomes null."""
    return json.dumps(plain(content), indent=2, sort_keys=True, allow_nan=False) + "\n"


def leaves(value, name=""):
    """Yields `(dotted name, value)` of what objects of JSON hold.

    Args:
        value: nested dicts; a list is one value.
        name: of the whole, before the dots.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}" if name else key)
    else:
        yield name, value


def plain(value):
    """A value as JSON can hold it: see `to_json`."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path, what="JSON file", root=None):
    """The JSON object in an untrusted file.

    Args:
        path, what, root: as in `opened`.

    Raises:
        ValueError: in one line, with the path, for a file that holds none.
        OSError: when it is missing or may not be read.
    """
    with opened(path, what, MAX_BYTES, root) as file:
        content = json.loads(file.read().decode("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it must hold a JSON object")
        return content


def csv_rows(content, delimiter=","):
    """Yields `(line number, cells)` of an untrusted table.

    Args:
        content: its bytes, in UTF-8 with or without a byte order mark.
        delimiter: between two cells.

    Raises:
        ValueError: for what is no such table.
    """
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(
            io.StringIO(text, newline=""), strict=True, delimiter=delimiter
        )
        for cells in reader:
            yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"it is not a CSV file in UTF-8: {error}") from None


def csv_line(cells):
    """A line of a CSV file. Numbers stay numbers; texts that a spreadsheet would take
    for a formula are quoted, see `quoted`."""
    line = io.StringIO()
    # With this end a cell with either of its letters is set in quotation marks.
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow([quoted(each) if isinstance(each, str) else each for each in cells])
    return line.getvalue().removesuffix("\r\n") + "\n"


def quoted(text):
    """A cell as spreadsheets show it: with a ' before = + - @, but before a number."""
    if not re.match(r"'*[=+\-@\t\r]", text):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def unquoted(cell):
    """The text that `quoted` was given."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell
