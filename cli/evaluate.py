"""`cmvq evaluate`: measures a run's model on a split."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.tables import number, percent, table


@click.command("evaluate", short_help="Measure a run's model on a split.")
@click.argument("run", metavar="RUN", type=click.Path())
@options.split
@options.backend
@options.data_dir
def command(run, split, backend, data_dir):
    """Measure the model of the run folder RUN on a split, and note it there.

    A run that was trained with --limit is measured on the same limited split.
    """
    from cmvq_keras.run import Run

    # Before a framework is loaded: a wrong folder is told at once.
    opened = Run.open(run)
    options.start_backend(backend)
    from cmvq_keras import training

    metrics = training.evaluate(opened, split=split, data_dir=data_dir)
    rows = [("Recipe", opened.recipe.name), ("Split", split)]
    rows += [(_title(name), _cell(name, metrics[name])) for name in sorted(metrics)]
    click.echo(table(rows))


def _title(name):
    return {"macro_f1": "Macro-F1", "n": "Samples"}.get(
        name, name.replace("_", " ").capitalize()
    )


def _cell(name, value):
    if name == "accuracy":
        return percent(value)
    return number(value) if isinstance(value, float) or value is None else value
