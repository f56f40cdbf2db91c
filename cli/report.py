"""`cmvq report`: what a run has learned, as one page."""

import sys

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress


@click.command("report", short_help="Report what a run has learned as one HTML page.")
@click.argument("run", metavar="RUN", type=click.Path())
@options.split
@click.option(
    "--samples",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Number of samples to show.",
)
@click.option(
    "--attribute",
    metavar="NAME",
    help="What linear probes read from the features: a column of the store's meta.csv, "
    "e.g. sex. Default: the label.",
)
@click.option(
    "-o", "--out", type=click.Path(file_okay=False), help="Output folder. Default: RUN."
)
@click.option(
    "--log",
    is_flag=True,
    help="Also add the page to the records that RUN was trained with (training.log).",
)
@options.recipe_file
@options.backend
@options.data_dir
@options.store
def command(
    run, split, samples, attribute, out, log, recipe_file, backend, data_dir, store
):
    """Write report.html, report.json and figures/ of the run folder RUN.

    \b
    cmvq report runs/digits
    cmvq report runs/crema-d --attribute sex -o pages

    The page needs no network. It shows each modality rebuilt from its features, the
    curves of the training, what linear probes read from the features, and what to be
    careful about. It needs pip install 'cmvq-keras[report]'.
    """
    from cmvq_keras.reporting import packages
    from cmvq_keras.tracking import record

    options.check_places(data_dir, store)
    opened_run = options.open_run(run)
    if log:
        record.check_recorded(opened_run)
    packages.need_report()
    options.read_recipe_file(recipe_file, opened_run)
    _show_step("starting Keras")
    options.start_backend(backend)
    from cmvq_keras.reporting import analysis, open, report
    from cmvq_keras.runs.data_source import DataSource

    _show_step(f"scores on the {split} split")
    with Progress() as progress:
        source = DataSource(data_dir, store, progress.update)
        analysis.measure_if_needed(opened_run, split, source)
        opened = open.open_run(opened_run, split, source)
    written = report.write(opened, out, samples, attribute, on_progress=_show_step)
    click.echo(f"Report: {written}")
    if log:
        record.add_file(opened_run, written)


def _show_step(name):
    if sys.stderr.isatty():
        click.echo(f"Report: {name} ...", err=True)
