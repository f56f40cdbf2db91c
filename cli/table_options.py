"""The options of commands that take a table of files."""

import dataclasses
import functools

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import table

TASKS = ("classification", "multi-label", "regression")
_SHOWN = 3  # of a modality's columns
_TABLE = click.option(
    "--table",
    "table_path",
    metavar="FILE.csv",
    type=click.Path(),
    help="Table of your own files, a row a sample. See docs/own_data.md.",
)
_CHOICES = (
    click.option(
        "--kind",
        "kinds",
        type=options.Assignment("MODALITY=KIND"),
        multiple=True,
        help="Of a table: the kind of a modality, where it is guessed wrong, or of a "
        "column of numbers (vector) or texts (tokens) to train on.",
    ),
    click.option(
        "--shape",
        "shapes",
        type=options.Assignment("MODALITY=AxBxC"),
        multiple=True,
        help="Of a table: the shape of a modality, e.g. image=64x64x3.",
    ),
    click.option(
        "--center",
        "centered",
        metavar="MODALITY",
        multiple=True,
        help="Of a table: read each sequence less its mean over time, where its level "
        "tells nothing.",
    ),
    click.option(
        "--split-seed",
        metavar="N",
        type=click.IntRange(0, 2**31 - 1),
        help="Of a table: seed of the split, where it has none. Default: 0.",
    ),
    click.option(
        "--task",
        type=options.Name(TASKS),
        help="Of a table: what is learned. Default: classification.",
    ),
    click.option(
        "--label",
        "labels",
        metavar="COLUMN",
        multiple=True,
        help="Of a table: the column of labels, if it is not `label`. Repeat for "
        "several numbers of a regression, or for columns of 0 and 1.",
    ),
)


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a table is read: the options' values."""

    kinds: tuple = ()
    shapes: tuple = ()
    centered: tuple = ()
    split_seed: int | None = None
    task: str | None = None
    labels: tuple = ()

    def given(self):
        """Whether any was given."""
        return self != Reading()


def choices(command):
    """Adds the options of how a table is read; the command gets them as `reading`."""

    @functools.wraps(command)
    def read(*args, **values):
        own = {field.name: values.pop(field.name) for field in _FIELDS}
        return command(*args, reading=Reading(**own), **values)

    for option in reversed(_CHOICES):
        read = option(read)
    return read


_FIELDS = dataclasses.fields(Reading)


def common(command):
    """Adds `--table` and the options of how it is read."""
    return _TABLE(choices(command))


def opened(path, reading):
    """The `cmvq_keras.data.tables.Table` that the options name, shown.

    Args:
        path: of the table.
        reading: a `Reading`.
    """
    from cmvq_keras.runs import tables

    found = tables.opened(
        path,
        dict(reading.kinds),
        _shapes(reading.shapes),
        reading.split_seed or 0,
        task=reading.task,
        label_columns=reading.labels,
        centered=reading.centered,
    )
    click.echo(described(found), err=True)
    return found


def store_of(path, reading, others):
    """The prepared store of a table in the user's cache folder; None without one.

    Args:
        path: of the table, or None.
        reading: a `Reading`.
        others: values of options that say where data is, by the option.

    Raises:
        click.UsageError: for options that do not go together.
    """
    check(path, reading, others)
    if path is None:
        return None
    from cmvq_keras.runs import tables

    found = opened(path, reading)
    with Progress() as progress:
        return tables.prepare(found, on_progress=progress.update)


def check(path, reading, others):
    """Raises a usage error for options that do not go together; see `store_of`."""
    if path is None and reading.given():
        raise click.UsageError(
            "--kind, --shape, --center, --split-seed, --task and --label need --table."
        )
    given = [name for name, value in others.items() if value]
    if path is not None and given:
        raise click.UsageError(f"Give only one of --table and {', '.join(given)}.")


def described(found):
    """A table's modalities, splits and notes as text."""
    modalities = [
        (
            source.name,
            source.kind + " (guessed)" * source.guessed,
            " x ".join(map(str, source.shape)),
            _origin(source.columns),
        )
        for source in found.sources
    ]
    splits = [
        (split, len(listing), _learned(found.recipe, listing), len(listing.skipped))
        for split, listing in found.listings.items()
    ]
    what = "Targets" if found.recipe.targets else "Classes"
    parts = [
        table(modalities, ("Modality", "Kind", "Shape", "From")),
        table(splits, ("Split", "Rows", what, "Skipped")),
        "\n".join(f"Note: {note}." for note in found.notes),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _origin(columns):
    """The columns of a modality, the first ones of many by name."""
    shown = ", ".join(columns[:_SHOWN])
    return f"{shown}, ... ({len(columns)})" if len(columns) > _SHOWN else shown


def _learned(recipe, listing):
    """How many classes a split's rows have, or how many targets."""
    from cmvq_keras import tasks

    counts = tasks.get(recipe.task).counts(listing.labels, recipe)
    return int((counts > 0).sum())


def _shapes(assignments):
    found = {}
    for name, text in assignments:
        sizes = text.lower().split("x")
        if not all(size.isdecimal() and 0 < int(size) < 2**20 for size in sizes):
            raise click.UsageError(
                f"--shape must be MODALITY=AxBxC, e.g. image=64x64x3. Received: {text}"
            )
        found[name] = tuple(map(int, sizes))
    return found
