"""A table of files of every kind, small."""

import csv

import numpy as np
import soundfile
from PIL import Image

CLASSES = ("cat", "dog")
HEADER = ("photo", "sound", "motion", "size_a", "size_b", "label", "group", "owner")


def write_table(folder, count=40, name="pets.csv", **changes):
    """Writes files and the table that names them; both classes can be told apart.

    Args:
        folder: `pathlib.Path`.
        count: of rows.
        name: of the table.
        **changes: see `write_rows`.

    Returns:
        The path of the table.
    """
    generator = np.random.default_rng(0)
    rows = []
    for number in range(count):
        label = number % 2
        paths = [f"{part}{number}{end}" for part, end in zip("psm", _ENDS, strict=True)]
        picture = generator.integers(0, 100, (12, 20, 3)) + 100 * label
        Image.fromarray(picture.astype(np.uint8)).save(folder / paths[0])
        tone = np.sin(np.arange(4000) * (0.2 + 0.4 * label))
        soundfile.write(folder / paths[1], 0.5 * tone, 16_000)
        steps = generator.normal(label, 1, (30 + number % 5, 3))
        np.savetxt(folder / paths[2], steps, delimiter=";")
        numbers = generator.normal(label, 1, 2)
        rows.append(
            [
                *paths,
                *map(repr, map(float, numbers)),
                CLASSES[label],
                f"g{number // 4}",
                f"owner {number % 3}",
            ]
        )
    return write_rows(folder / name, rows, **changes)


_ENDS = (".png", ".wav", ".csv")


def write_rows(path, rows, header=HEADER, delimiter=",", encoding="utf-8", end="\n"):
    """Writes a table; returns its path."""
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def read_rows(path):
    """The rows of a table of `write_table` below its header."""
    with open(path, newline="") as file:
        return list(csv.reader(file))[1:]
