"""`cmvq init`: a table of files as a recipe file, to be edited."""

import pathlib

import click

from cmvq_keras.cli import table_options


@click.command("init", short_help="Write a recipe file for a table of your files.")
@click.argument("table_path", metavar="FILE.csv", type=click.Path())
@table_options.choices
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="Recipe file to write. Default: beside the table, of the same name.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def command(table_path, reading, output, force):
    """Write a recipe file that trains on the table FILE.csv, and can be edited.

    \b
    cmvq init clips.csv
    cmvq train --recipe clips.py

    It holds the kinds, shapes and settings that `cmvq train --table` would take.
    """
    from cmvq_keras import recipes
    from cmvq_keras.data.tables import recipe_text
    from cmvq_keras.fileio import write_atomically

    path = pathlib.Path(output or pathlib.Path(table_path).with_suffix(".py"))
    if path.exists() and not force:
        raise click.ClickException(f"{path} already exists. --force replaces it.")
    found = table_options.opened(table_path, reading)
    recipes.resolve(found.recipe)
    write_atomically(path, recipe_text.written(found, path))
    click.echo(f"Written: {path}\n\nNext:\n  cmvq train --recipe {path}")
