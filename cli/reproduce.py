"""`cmvq reproduce`: trains a run's recipe again and compares."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import table

SHOWN = 20  # rows of the table


@click.command("reproduce", short_help="Train a run again and compare every digit.")
@click.argument("run", metavar="RUN", type=click.Path())
@options.recipe_file
@options.data_dir
@options.store
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="Keep the new run in this folder. Default: a temporary folder.",
)
def command(run, recipe_file, data_dir, store, out):
    """Train the run folder RUN again on its own backend and compare.

    \b
    cmvq reproduce runs/digits

    Metrics, history and weights are compared to the last digit. The exit code is 1 when
    something differs. Differences between the machines are listed first: versions, the
    processor and the number of threads can change digits.
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
        click.echo(f"Different from the original run: {line}.")
    from cmvq_keras.training import reproduce

    with tempfile.TemporaryDirectory() as temporary, Progress() as progress:
        again = reproduce.reproduce(
            opened,
            out or f"{temporary}/run",
            data_dir=data_dir,
            store=store,
            on_progress=progress.update,
        )
        found, count = reproduce.differences(opened, again)
    if not found:
        click.echo(f"\nIdentical to the last digit: {count} numbers and arrays.")
        return None
    click.echo("\n" + table(found[:SHOWN], ("Differs", "Then", "Now")))
    more = f" ({len(found) - SHOWN} not shown)" if len(found) > SHOWN else ""
    click.echo(f"\n{len(found)} of {count} numbers and arrays differ{more}.")
    return 1
