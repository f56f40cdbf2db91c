"""Label maps of a segmentation: one picture of class indices a sample."""

import colorsys
import csv
import io
import pathlib
import re

import click

MOST_CLASSES = 256  # of a picture with a palette
CLASSES = "classes.csv"
_GOLDEN = 0.618034  # of a turn: neighbouring classes get hues that are far apart


def write(folder, samples, classes, batches):
    """Writes a PNG file a sample, as its batch comes, and `classes.csv`.

    A pixel's value is the index of its class; the palette is for people.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        samples: their names, which become the files'.
        classes: the names of the classes.
        batches: iterable of `(batch, height, width)` class indices.

    Raises:
        click.UsageError: for samples that would have the same file, and for more
            classes than a palette has colours.
        OSError: for a folder that cannot be written to.
    """
    from cmvq_keras.run import write_atomically

    if len(classes) > MOST_CLASSES:
        raise click.UsageError(
            f"A label map holds up to {MOST_CLASSES} classes. Received: {len(classes)}"
        )
    names = iter(_file_names(samples))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for batch in batches:
        for label_map in batch:
            write_atomically(folder / next(names), _png(label_map, len(classes)))
    write_atomically(folder / CLASSES, _table(classes))
    click.echo(f"Written: {folder} ({len(samples)} label maps)", err=True)


def _file_names(samples):
    names = [re.sub(r"[^\w.-]+", "_", sample) + ".png" for sample in samples]
    seen = set()
    for name in names:
        # Some file systems take both cases for one.
        if name.lower() in seen:
            raise click.UsageError(f"Two samples would be written to {name}.")
        seen.add(name.lower())
    return names


def _png(label_map, count):
    from PIL import Image

    file = io.BytesIO()
    picture = Image.fromarray(label_map.astype("uint8")).convert("P")
    picture.putpalette(_palette(count))
    picture.save(file, "PNG")
    return file.getvalue()


def _palette(count):
    colors = [
        colorsys.hsv_to_rgb(index * _GOLDEN % 1, 0.6 + 0.4 * (index % 2), 0.9)
        for index in range(count)
    ]
    return [round(255 * part) for color in colors for part in color]


def _table(classes):
    text = io.StringIO()
    rows = [("index", "class"), *enumerate(classes)]
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
