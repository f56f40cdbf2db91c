"""`cmvq compare`: several methods on one recipe, with several seeds."""

import click

from cmvq_keras.cli import completion, options, study_options, table_options


@click.command("compare", short_help="Train several methods and tabulate their scores.")
@click.option(
    "--methods",
    "names",
    shell_complete=completion.methods,
    metavar="A,B,...",
    help="Methods, in the order of the table. Default: all that apply to the recipe.",
)
@click.option(
    "--tune",
    metavar="N",
    type=click.IntRange(0, 1000),
    default=0,
    help="First let each method choose its one number from four values, on N seeds of "
    "its own (from 100 on), by validation alone. docs/methods.md lists them.",
)
@study_options.common
@table_options.common
def command(
    recipe,
    names,
    tune,
    seeds,
    first_seed,
    backend,
    data_dir,
    store,
    preset,
    modality,
    assignments,
    out,
    table_only,
    jobs,
    table_path,
    kinds,
    shapes,
    split_seed,
    **short,
):
    """Train a recipe with several methods and several seeds, and tabulate the scores.

    \b
    cmvq compare --recipe planted --methods unimodal,ours --seeds 2 --out COMPARED
    cmvq compare --recipe digits --data-dir DATA --limit 2000 --epochs 5 --out DIR
    cmvq compare --recipe erasure --tune 3 --seeds 20 --out DIR

    All methods are tested on the same samples, with the epoch that was best on the
    validation data. Every method trains with the first seed before any trains with the
    second. To continue after a stop, give the same command again. It may name further
    methods and more seeds.
    """
    if not table_only:
        options.check_places(data_dir, store)
        others = {"--recipe": recipe, "--data-dir": data_dir, "--store": store}
        store = (
            table_options.store_of(table_path, kinds, shapes, split_seed, others)
            or store
        )
        chosen = study_options.recipe_of(
            recipe, preset, store, modality, assignments, short
        )
        names = names and [each.strip() for each in names.split(",")]
    options.start_backend(backend)
    if not table_only:
        from cmvq_keras.cli.progress import TerminalProgress
        from cmvq_keras.experiments import api

        seeds = range(first_seed, first_seed + seeds)
        with study_options.continued(out):
            api.compare(
                chosen,
                names,
                seeds=seeds,
                out=out,
                data_dir=data_dir,
                store=store,
                reporter=TerminalProgress(),
                jobs=jobs,
                tune=tune,
            )
    study_options.conclude(out, "compare")
