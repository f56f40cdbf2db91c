"""`cmvq download`: fetches raw data from its official addresses."""

import click

from cmvq_keras.cli import completion, options
from cmvq_keras.cli.progress import Bar


@click.command("download", short_help="Download a recipe's raw data.")
@click.argument("source", required=False, shell_complete=completion.sources)
@click.option(
    "--recipe",
    metavar="NAME",
    help="Download what this recipe needs.",
    shell_complete=completion.recipes,
)
@options.data_dir
def command(source, recipe, data_dir):
    """Download the official files of SOURCE, or of every source of a recipe.

    Files that exist are checked and not downloaded again.

    \b
    cmvq download mnist
    cmvq download --recipe av-digits --data-dir data
    """
    if (source is None) == (recipe is None):
        raise click.UsageError("Name a source, or a recipe with --recipe.")
    from cmvq_keras.data.datasets import sources

    names = (source,) if source else sources_of(recipe)
    for name in names:
        sources.get(name)
    if not names:
        click.echo(f"Recipe {recipe} needs no files.")
    for name in names:
        _fetch(name, data_dir)


def sources_of(recipe):
    """The names of the sources whose files a recipe reads."""
    from cmvq_keras import recipes

    options.report_recipe_file(recipe)
    return getattr(recipes.module(recipe), "SOURCES", ())


def _fetch(name, data_dir):
    from cmvq_keras.data.datasets import download, sources

    known = sources.get(name)
    click.echo(f"{known.title}; licence: {known.licence}")
    with _Progress() as progress:
        paths = download.download(name, data_dir, progress=progress)
    for path in paths:
        click.echo(f"  {path}")


class _Progress:
    """One bar a file; the server may not say how long a file is."""

    def __init__(self):
        self._url, self._bar = None, None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._bar:
            self._bar.__exit__(*exception)

    def __call__(self, url, done, total):
        """Shows that `done` bytes of `total` (or None) have arrived from `url`."""
        if url != self._url:
            self.__exit__(None, None, None)
            self._bar = Bar(f"  {url.rpartition('/')[2]}", total, in_bytes=True)
            self._url = url
        self._bar.update(done)
