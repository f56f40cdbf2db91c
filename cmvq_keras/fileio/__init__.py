"""Untrusted files: checked when opened, replaced as a whole, faults in one line.

A `root` is a folder that somebody else may have made: a run, a store, a comparison.
What is opened, written or removed there is a regular file or folder inside it; no link
is followed, and no pipe or device is waited for.
"""

from cmvq_keras.fileio.contents import (
    csv_line,
    csv_rows,
    leaves,
    plain,
    quoted,
    read_json,
    to_json,
    unquoted,
)
from cmvq_keras.fileio.inside import (
    check_no_links,
    make_folder,
    naming,
    remove_folder,
)
from cmvq_keras.fileio.reading import (
    MAX_BYTES,
    POINTER,
    UNREADABLE,
    ZLIB_RATIO,
    check_stored,
    fill,
    is_pointer,
    opened,
    refuse_pointer,
    size,
)
from cmvq_keras.fileio.text import (
    duration,
    one_line,
    printable,
    printable_lines,
)
from cmvq_keras.fileio.writing import (
    deferring,
    discard,
    replacing,
    replacing_path,
    take_place,
    writable,
    write_atomically,
)

__all__ = [
    "MAX_BYTES",
    "POINTER",
    "UNREADABLE",
    "ZLIB_RATIO",
    "check_no_links",
    "check_stored",
    "csv_line",
    "csv_rows",
    "deferring",
    "discard",
    "duration",
    "fill",
    "is_pointer",
    "leaves",
    "make_folder",
    "naming",
    "one_line",
    "opened",
    "plain",
    "printable",
    "printable_lines",
    "quoted",
    "read_json",
    "refuse_pointer",
    "remove_folder",
    "replacing",
    "replacing_path",
    "size",
    "take_place",
    "to_json",
    "unquoted",
    "writable",
    "write_atomically",
]
