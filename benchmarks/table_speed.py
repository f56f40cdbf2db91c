"""How long a large table of numbers takes to read and to store, and its memory.

    python -m benchmarks.table_speed

Makes a table of four columns of numbers and a label, reads and checks it, stores it,
and prints a line of a Markdown table.
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np

from benchmarks.prepare_speed import peak_megabytes
from cmvq_keras.data import tables as reading
from cmvq_keras.runs import tables as storing

COLUMNS = ("left_x", "left_y", "right_x", "right_y")


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "table.csv"
        write_table(path, rows)
        begun = time.perf_counter()
        table = reading.open_table(path)
        read = time.perf_counter()
        storing.prepare(table, pathlib.Path(folder) / "store")
        stored = time.perf_counter()
    print("| rows | seconds to read and check | seconds to store | MB |")
    print("|---|---|---|---|")
    print(
        f"| {rows:,} | {read - begun:.0f} | {stored - read:.0f} | "
        f"{peak_megabytes():.0f} |"
    )


def write_table(path, rows):
    """Random numbers, and ten classes in turn."""
    values = np.random.default_rng(0).normal(size=(rows, len(COLUMNS))).round(4)
    with path.open("w") as file:
        file.write(",".join((*COLUMNS, "label")) + "\n")
        for place, row in enumerate(values.tolist()):
            file.write(",".join(map(str, row)) + f",class{place % 10}\n")


if __name__ == "__main__":
    main()
