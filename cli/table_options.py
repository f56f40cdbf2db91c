"""The options of commands that take a table of files."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import table

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
        help="Of a table: the kind of a modality, where it is guessed wrong.",
    ),
    click.option(
        "--shape",
        "shapes",
        type=options.Assignment("MODALITY=AxBxC"),
        multiple=True,
        help="Of a table: the shape of a modality, e.g. image=64x64x3.",
    ),
    click.option(
        "--split-seed",
        metavar="N",
        type=click.IntRange(0, 2**31 - 1),
        help="Of a table: seed of the split, where it has none. Default: 0.",
    ),
)


def choices(command):
    """Adds the options of how a table is read."""
    for option in reversed(_CHOICES):
        command = option(command)
    return command


def common(command):
    """Adds `--table` and the options of how it is read."""
    return _TABLE(choices(command))


def opened(path, kinds, shapes, split_seed):
    """The `cmvq_keras.data.tables.Table` that the options name, shown.

    Args:
        path, kinds, shapes, split_seed: the options' values.
    """
    from cmvq_keras.runs import tables

    found = tables.opened(path, dict(kinds), _shapes(shapes), split_seed or 0)
    click.echo(described(found), err=True)
    return found


def store_of(path, kinds, shapes, split_seed, others):
    """The prepared store of a table in the user's cache folder; None without one.

    Args:
        path, kinds, shapes, split_seed: the options' values.
        others: values of options that say where data is, by the option.

    Raises:
        click.UsageError: for options that do not go together.
    """
    check(path, kinds, shapes, split_seed, others)
    if path is None:
        return None
    from cmvq_keras.runs import tables

    found = opened(path, kinds, shapes, split_seed)
    with Progress() as progress:
        return tables.prepare(found, on_progress=progress.update)


def check(path, kinds, shapes, split_seed, others):
    """Raises a usage error for options that do not go together; see `store_of`."""
    if path is None and (kinds or shapes or split_seed is not None):
        raise click.UsageError("--kind, --shape and --split-seed need --table.")
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
            source.columns[0]
            if len(source.columns) == 1
            else f"{len(source.columns)} columns",
        )
        for source in found.sources
    ]
    splits = [
        (split, len(listing), len(set(listing.labels.tolist())), len(listing.left_out))
        for split, listing in found.listings.items()
    ]
    parts = [
        table(modalities, ("Modality", "Kind", "Shape", "From")),
        table(splits, ("Split", "Rows", "Classes", "Skipped")),
        "\n".join(f"Note: {note}." for note in found.notes),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


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
