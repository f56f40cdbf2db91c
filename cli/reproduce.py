"""`cmvq reproduce`: trains a run's recipe again and compares."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import table

SHOWN = 20  # rows of the table


@click.command("reproduce", short_help="Train a run again; do the same numbers come?")
@click.argument("run", metavar="RUN", type=click.Path())
@options.recipe_file
@options.data_dir
@options.store
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="Keep the new run in this folder. Default: a temporary one.",
)
def command(run, recipe_file, data_dir, store, out):
    """Train again what the run folder RUN was trained on, on its own backend.

    Metrics, history and weights are compared to the last digit. Exit code 1 when
    something differs. What is not here as it was then is told first: other versions,
    another processor or another number of threads may change digits.
    """
    import tempfile

    from cmvq_keras.runs import environment
    from cmvq_keras.runs.run import Run

    options.check_places(data_dir, store)
    opened = Run.open(run)
    options.read_recipe_file(recipe_file, opened)
    options.start_backend(opened.environment.get("backend"))
    changed = environment.differences(opened.environment, opened.recipe.training)
    for line in changed:
        click.echo(f"Not as it was then: {line}.")
    from cmvq_keras.training import reproduce

    with tempfile.TemporaryDirectory() as temporary, Progress() as progress:
        again = reproduce.reproduce(
            opened,
            out or f"{temporary}/run",
            data_dir=data_dir,
            store=store,
            on_progress=progress.tell,
        )
        found, count = reproduce.differences(opened, again)
    if not found:
        click.echo(f"\nThe same to the last digit: {count} numbers and arrays.")
        return None
    click.echo("\n" + table(found[:SHOWN], ("Differs", "Then", "Now")))
    more = f"; {len(found) - SHOWN} are not shown" if len(found) > SHOWN else ""
    click.echo(f"\n{len(found)} of {count} numbers and arrays differ{more}.")
    return 1
