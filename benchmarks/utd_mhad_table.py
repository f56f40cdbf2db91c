"""utd-mhad as a table of files, for `cmvq train --table`; the recipe is not used.

    python -m benchmarks.utd_mhad_table --data-dir DATA -o utd.csv
    cmvq train --table utd.csv --out RUN

The splits are the recipe's: subjects 1, 3 and 5 train, 7 validates, 2, 4, 6 and 8 test.
"""

import argparse
import csv
import pathlib
import re

SPLITS = {"1": "train", "3": "train", "5": "train", "7": "validation"}
NAME = re.compile(r"a(\d+)_s(\d)_t\d+_skeleton\.mat")


def main():
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with options.output.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("skeleton", "inertial", "label", "split"))
        writer.writerows(rows(options.data_dir.absolute() / "utd_mhad"))


def rows(folder):
    """A row for each recording: two paths, the action and the split.

    Args:
        folder: with `Skeleton/` and `Inertial/`.
    """
    for path in sorted((folder / "Skeleton").glob("*.mat")):
        action, subject = NAME.fullmatch(path.name).groups()
        other = folder / "Inertial" / path.name.replace("skeleton", "inertial")
        yield path, other, f"action {action}", SPLITS.get(subject, "test")


if __name__ == "__main__":
    main()
