"""`cmvq data`: what there is to do with a prepared store."""

import pathlib
import sys

import click

from cmvq_keras.cli import completion
from cmvq_keras.cli.text_tables import table

SHEET = "check.png"


@click.group("data", short_help="Check a prepared store, manage the cache.")
def command():
    """Work with prepared stores (see `cmvq prepare`)."""


@command.command("check", short_help="Check every byte of a store, draw its samples.")
@click.argument("store", metavar="STORE", type=click.Path())
@click.option(
    "--recipe",
    metavar="NAME",
    help="Which recipe, if STORE holds several.",
    shell_complete=completion.recipes,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help=f"PNG file for the sheet of samples. Default: {SHEET} in the store.",
)
def check(store, recipe, output):
    """Check every byte of the store STORE and draw a sheet of its samples.

    \b
    cmvq data check STORE

    It checks counts, checksums, values that are not finite, labels out of range, and
    samples in two splits. All faults are listed. With any fault the exit code is 1.
    """
    from cmvq_keras.data.store.check import check as check_store
    from cmvq_keras.data.store.store import Store

    opened = Store.open(store, recipe)
    report = check_store(opened, on_progress=_report_progress)
    click.echo(_balance(opened, report))
    for entry in report.skipped:
        click.echo(f"Skipped: {entry['split']} {entry['sample']}: {entry['reason']}")
    path = pathlib.Path(output or opened.folder / SHEET)
    sheet, failure = _drawn(opened, path)
    click.echo(f"\nSheet of samples: {sheet or failure}")
    for fault in report.faults:
        click.echo(f"Fault: {fault}")
    if report.faults:
        count = len(report.faults)
        raise click.ClickException(
            f"{opened.folder} has {count} fault{'s' * (count > 1)}."
        )
    click.echo(f"No faults: {opened.folder}")
    if output and sheet is None:
        raise click.ClickException(f"There is no sheet of samples: {failure}")


@command.command("cache", short_help="List or clear the cache.")
@click.option("--clear", is_flag=True, help="Remove everything.")
def cache(clear):
    """List or clear the cache.

    \b
    cmvq data cache
    cmvq data cache --clear

    The cache holds stores that `cmvq train` prepared by itself, and compiled programs
    of JAX. Both are made again when they are needed.
    """
    from cmvq_keras import cache_dir

    root = cache_dir.root()
    kept = list(cache_dir.entries())
    if not kept:
        click.echo(f"Nothing in {root}")
        return
    if clear:
        cache_dir.clear()
    rows = [
        (str(folder.relative_to(root)), f"{size / 1e6:.1f} MB") for folder, size in kept
    ]
    total = sum(size for _, size in kept) / 1e6
    click.echo(table([*rows, ("all", f"{total:.1f} MB")], ("Kept", "Size")))
    click.echo(f"\n{'Removed from' if clear else 'Folder:'} {root}")


def _report_progress(name):
    if sys.stderr.isatty():
        click.echo(f"Checking {name}", err=True)


def _balance(store, report):
    """Samples (under segmentation pixels) of each class by split."""
    from cmvq_keras import tasks

    splits = list(report.counts)
    about = tasks.get(store.recipe.task)
    what = "Target" if about.has_targets else "Pixels" if about.has_maps else "Class"
    rows = [
        (name, *(report.counts[split][index] for split in splits))
        for index, name in enumerate(store.recipe.outputs)
    ]
    if about.one_class or about.has_maps:
        rows.append(("all", *(sum(report.counts[split]) for split in splits)))
    return table(rows, (what, *splits))


def _drawn(store, path):
    """The sheet's path and None, or None and why there is no sheet.

    The verdict on a store does not depend on whether its folder can be written to.
    """
    try:
        sheet = _draw(store, path)
    except OSError as error:
        reason = error.strerror or error
        return (
            None,
            f"none: {path} cannot be written: {reason}. Give another with -o.",
        )
    return sheet, None if sheet else "none: no split can be read"


def _draw(store, path):
    """Writes the sheet of the splits that can be read; its path, or None."""
    import io

    from cmvq_keras import recipes
    from cmvq_keras.data.store import contact_sheet
    from cmvq_keras.fileio import write_atomically

    parts = {}
    for split in store.manifest["splits"]:
        try:
            parts[split] = store.split(split)
        except (ValueError, OSError):
            continue  # a fault that the report lists
    if not parts:
        return None
    content = io.BytesIO()
    limbs = recipes.limbs(store.recipe)
    contact_sheet.draw(store, parts, limbs).save(content, "PNG")
    write_atomically(path, content.getvalue())
    return path
