"""What `cmvq compare` and `cmvq sweep` have in common."""

import contextlib

import click

from cmvq_keras.cli import completion, options, table_options
from cmvq_keras.recipe import PRESETS

_COMMON = (
    click.option(
        "--recipe",
        shell_complete=completion.recipes,
        metavar="NAME",
        help="A name of `cmvq recipes`, or a recipe file (.py), whose code is run. "
        "Default: the recipe of --store.",
    ),
    click.option(
        "--seeds",
        type=click.IntRange(1, 10_000),
        default=5,
        show_default=True,
        help="Number of seeds for each row.",
    ),
    click.option(
        "--first-seed",
        type=click.IntRange(0, 2**31 - 20_000),
        default=0,
        show_default=True,
        help="First of the consecutive seeds.",
    ),
    options.backend,
    options.data_dir,
    options.store,
    click.option(
        "--preset",
        type=options.Name(PRESETS),
        help="Settings to start from, as for `cmvq train`.",
    ),
    click.option(
        "--modality",
        metavar="NAME",
        help="Use only this modality.",
        shell_complete=completion.modalities,
    ),
    click.option(
        "--set",
        "assignments",
        shell_complete=completion.settings,
        type=options.Assignment("SECTION.NAME=VALUE"),
        multiple=True,
        help="Change a setting, e.g. model.threshold=0.01. Repeatable.",
    ),
    click.option("--epochs", metavar="N", help="Same as --set training.epochs=N."),
    click.option(
        "--batch-size", metavar="N", help="Same as --set training.batch_size=N."
    ),
    click.option(
        "--limit",
        metavar="N",
        help="Use the first N samples of each split, in a seeded order.",
    ),
    click.option(
        "--out",
        required=True,
        type=click.Path(file_okay=False),
        help="Folder of the runs and tables. An existing comparison continues.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 1000),
        default=1,
        show_default=True,
        help="Number of trainings at a time, each in its own process.",
    ),
    click.option(
        "--table-only",
        is_flag=True,
        help="Only write the tables of the finished trainings in --out. Other options "
        "are ignored.",
    ),
)


def common(command):
    """Adds the options that both commands have."""
    command = table_options.common(command)
    for option in reversed(_COMMON):
        command = option(command)
    return command


def run(
    kind,
    own_arguments,
    *,
    recipe,
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
    """Trains what the options of a command say, and shows the tables.

    Args:
        kind: "compare" or "sweep": the function of `cmvq_keras.experiments.api`.
        own_arguments: gives that function's further arguments, from the settings by
            name; it is called before the backend starts.
        **short: training settings by their short name; None where not given. The
            others are the options' values.
    """
    if not table_only:
        options.check_places(data_dir, store)
        others = {"--recipe": recipe, "--data-dir": data_dir, "--store": store}
        made = table_options.store_of(table_path, kinds, shapes, split_seed, others)
        store = made or store
        settings = options.settings(short, assignments)
        chosen = _recipe_of(recipe, preset, store, modality, settings)
        own = own_arguments(settings)
    options.start_backend(backend)
    if not table_only:
        from cmvq_keras.cli.progress import TerminalProgress
        from cmvq_keras.experiments import api

        with _continued(out):
            getattr(api, kind)(
                chosen,
                seeds=range(first_seed, first_seed + seeds),
                out=out,
                data_dir=data_dir,
                store=store,
                reporter=TerminalProgress(),
                jobs=jobs,
                **own,
            )
    _conclude(out, kind)


def _recipe_of(name, preset, store, modality, settings):
    """The resolved recipe that the options say."""
    from cmvq_keras import recipes

    recipe = options.recipe_or_store(name, preset, store)
    if "training.seed" in settings:
        raise click.UsageError("Give --first-seed in place of --set training.seed.")
    return recipes.resolve(recipe.with_settings(settings), modality=modality)


@contextlib.contextmanager
def _continued(out):
    """Says after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "\nStopped. Give the same command to continue. With --table-only it writes "
            f"the tables of the finished trainings in {out}.",
            err=True,
        )
        raise


def _conclude(out, kind):
    """Writes a comparison's tables and its plot, and shows the table.

    Args:
        out: its folder.
        kind: "compare" or "sweep", which it has to be.
    """
    from cmvq_keras.cli.text_tables import table
    from cmvq_keras.experiments import plot, tables
    from cmvq_keras.experiments.study import read
    from cmvq_keras.fileio import write_atomically

    study = read(out)
    if study.kind != kind:
        raise click.ClickException(
            f"{out} was made by cmvq {study.kind}, not by cmvq {kind}."
        )

    found = tables.of_study(study)
    if not found.rows:
        for aside in found.asides:
            click.echo(aside, err=True)
        raise click.ClickException(f"No training has finished in {study.out}.")
    tables.write(study, found)
    parts = [table(*tables.turned(group)) for group in found.groups]
    parts += ["\n".join(found.asides)] if found.asides else []
    click.echo("\n" + "\n\n".join([*parts, table(found.foot)]))
    try:
        png = plot.draw(study, found.rows)
        write_atomically(study.out / "table.png", png, study.out)
        kinds = "csv, md, tex, png"
    except ImportError as error:
        click.echo(f"No plot: {error}", err=True)
        kinds = "csv, md, tex"
    click.echo(f"\nWritten: {study.out}/table.({kinds}), {study.out}/trials.csv")
