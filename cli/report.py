"""`cmvq report`: what a run has learnt, as one page."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress


@click.command("report", short_help="What a run has learnt, as one HTML page.")
@click.argument("run", metavar="RUN", type=click.Path())
@options.split
@click.option(
    "--samples",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="How many are shown.",
)
@click.option(
    "--attribute",
    metavar="NAME",
    help="What to probe the features for: a column of the store's meta.csv, e.g. "
    "sex. Default: the label.",
)
@click.option(
    "-o", "--out", type=click.Path(file_okay=False), help="Folder. Default: RUN."
)
@options.recipe_file
@options.backend
@options.data_dir
@options.store
def command(run, split, samples, attribute, out, recipe_file, backend, data_dir, store):
    """Write report.html, report.json and figures/*.png of the run folder RUN.

    The page needs no network. It shows each modality rebuilt from its features, the
    course of the training, what the features tell of an attribute, and what to be
    careful about. Needs pip install 'cmvq-keras[report]'.
    """
    from cmvq_keras.runs.run import Run

    options.check_places(data_dir, store)
    opened_run = Run.open(run)
    options.read_recipe_file(recipe_file, opened_run)
    options.start_backend(backend)
    from cmvq_keras.reporting import analysis, open, report

    open.need("matplotlib", "sklearn", "jinja2")
    with Progress() as progress:
        analysis.measure_if_needed(opened_run, split, data_dir, store)
        opened = open.open_run(opened_run, split, data_dir, store, progress.tell)
    written = report.write(opened, out, samples, attribute)
    click.echo(f"Report: {written}")
