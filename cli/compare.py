"""`cmvq compare`: several methods on one recipe, with several seeds."""

import click

from cmvq_keras.cli import completion, study_options


@click.command("compare", short_help="Train several methods and tabulate their scores.")
@click.option(
    "--methods",
    "names",
    shell_complete=completion.methods,
    metavar="A,B,...",
    help="Methods, in the order of the table, or all. Default: unimodal, ensemble, "
    "all-features, kernel-ridge, ours. Those that do not apply are left out.",
)
@click.option(
    "--tune",
    metavar="N",
    type=click.IntRange(0, 1000),
    default=0,
    help="First tune one setting of each method over four values, on N separate seeds "
    "(from 100 on) and validation data only. docs/methods.md lists the values.",
)
@study_options.common
def command(names, tune, **common):
    """Train a recipe with several methods and several seeds, and tabulate the scores.

    \b
    cmvq compare --recipe planted --methods unimodal,ours --seeds 2 --out COMPARED
    cmvq compare --recipe digits --data-dir DATA --limit 2000 --epochs 5 --out DIR
    cmvq compare --recipe erasure --tune 3 --seeds 20 --out DIR

    All methods are tested on the same samples, with the epoch that training.select_by
    keeps: the last one, or the best on validation data. Every method trains with the
    first seed before any trains with the second. To continue after a stop, give the
    same command again. It may name further methods and more seeds.
    """
    names = names and [each.strip() for each in names.split(",")]
    study_options.run("compare", lambda _: {"names": names, "tune": tune}, **common)
