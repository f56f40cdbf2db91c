"""`cmvq reconstruct`: samples decoded from parts of their features, as pictures."""

import pathlib

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress

FEATURES = ("all", "complementary", "contradictory", "mix")


class Numbers(click.ParamType):
    """Whole numbers from 0 up with commas between them, as a tuple."""

    name = "numbers"

    def convert(self, value, param, ctx):
        """The numbers, or a usage error."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",")]
        if not all(word.isascii() and word.isdigit() for word in words):
            self.fail(f"expected numbers such as 0,5,7. Received: {value}", param, ctx)
        return tuple(int(word) for word in words)


@click.command("reconstruct", short_help="Rebuild samples from features, as PNG.")
@click.argument("run", metavar="RUN", type=click.Path())
@click.option(
    "--samples",
    type=Numbers(),
    default="0",
    show_default=True,
    metavar="0,5,7",
    help="Numbers of the samples in the split, counted from 0.",
)
@click.option(
    "--features",
    type=options.Names(FEATURES),
    default="all",
    show_default=True,
    metavar="A,B,...",
    help="Features to rebuild from: all, complementary, contradictory or mix. Separate "
    "several by commas. mix takes the contradictory features of the next named sample.",
)
@options.split
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False),
    help="Output folder.",
)
@options.recipe_file
@options.backend
@options.data_dir
@options.store
def command(run, samples, features, split, out, recipe_file, backend, data_dir, store):
    """Write single samples as PNG files: the originals, and rebuilt from features.

    \b
    cmvq reconstruct runs/digits --samples 0,5,7 -o pictures
    cmvq reconstruct runs/digits --features all,complementary -o pictures
    """
    if pathlib.Path(out).suffix.lower() in (".png", ".jpg", ".jpeg"):
        raise click.UsageError(
            "--out must be a folder: each sample has a picture of every modality and "
            f"features. Received: {out}"
        )

    options.check_places(data_dir, store)
    opened_run = options.open_run(run)
    options.read_recipe_file(recipe_file, opened_run)
    options.start_backend(backend)
    from cmvq_keras.reporting import open, single_sample
    from cmvq_keras.runs.data_source import DataSource

    with Progress() as progress:
        source = DataSource(data_dir, store, progress.update)
        opened = open.open_run(opened_run, split, source)
    for path in single_sample.write(opened, samples, features, out):
        click.echo(path)
