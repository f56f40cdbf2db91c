"""av-digits as a table of files, for `cmvq train --table`.

    python -m benchmarks.av_digits_table --data-dir DATA -o digits.csv --limit 400
    cmvq train --table digits.csv --out RUN

The pairs and their splits are the recipe's, the first ones of each split with
`--limit`. All else is the table's: MNIST's pictures are written as PNG files of 28 x 28
into a folder beside the table, FSDD's recordings stay where they are.
"""

import argparse
import csv
import pathlib

from PIL import Image

from cmvq_keras import recipes
from cmvq_keras.data.datasets import mnist, pairing
from cmvq_keras.data.split import SPLITS


def main():
    """Writes the table and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--limit", type=int, default=None)
    options = parser.parse_args()
    pictures = options.output.with_suffix("")
    pictures.mkdir(exist_ok=True)
    with options.output.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "audio", "label", "split"))
        writer.writerows(rows(options.data_dir.absolute(), pictures, options.limit))


def rows(data_dir, pictures, limit=None):
    """A row for each pair: two paths, the digit and the split.

    Args:
        data_dir: with `mnist/` and `fsdd/`.
        pictures: folder beside the table that MNIST's pictures are written into.
        limit: of pairs in each split; None for all.
    """
    recordings = data_dir / "fsdd" / "recordings"
    recipe = recipes.get("av-digits")
    for split in SPLITS:
        part = mnist.open_part("test" if split == "test" else "train", data_dir)
        row_of = {name: row for row, name in enumerate(part.names)}
        listing = recipes.open_split(recipe, split, data_dir, limit)
        for name, label in zip(listing.names, listing.labels, strict=True):
            picture, recording = name.split(pairing.PAIR)
            path = pictures / f"{picture.replace('/', '-')}.png"
            Image.fromarray(part.items[row_of[picture]]).save(path)
            sound = recordings / f"{recording.removeprefix('fsdd/')}.wav"
            yield path.relative_to(pictures.parent), sound, label, split


if __name__ == "__main__":
    main()
