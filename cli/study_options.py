"""What `cmvq compare` and `cmvq sweep` have in common."""

import contextlib

import click

from cmvq_keras.cli import completion, options, table_options

_SEEDS = (
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
)
_RECIPE = (
    click.option(
        "--recipe",
        shell_complete=completion.recipes,
        metavar="NAME",
        help="A name of `cmvq recipes`, or a recipe file (.py), whose code is run. "
        "Default: the recipe of --store.",
    ),
)
_SETTINGS = (
    options.backend,
    options.data_dir,
    options.store,
    options.preset("Settings to start from, as for `cmvq train`."),
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
        "--reports",
        is_flag=True,
        help="Also write the report of each row's first seed. The page links to them.",
    ),
)
_FURTHER = (
    click.option(
        "--modality",
        metavar="NAME",
        help="Use only this modality.",
        shell_complete=completion.modalities,
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 1000),
        default=1,
        show_default=True,
        help="Number of trainings at a time, each in its own process.",
    ),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Train on the workers of a Dask scheduler, e.g. tcp://HOST:8786, in place "
        "of --jobs. --out and the data must lie in folders that all machines share.",
    ),
    click.option(
        "--table-only",
        is_flag=True,
        help="Only write the tables and the page of the finished trainings in --out. "
        "Other options are ignored.",
    ),
)


def common(command):
    """Adds the options that both commands have."""
    return _with(command, *_RECIPE, *_SEEDS, *_SETTINGS, *_FURTHER)


def data_and_settings(command):
    """Adds the options on recipe, data, settings and folder."""
    return _with(command, *_RECIPE, *_SETTINGS)


def _with(command, *found):
    command = table_options.common(command)
    for option in reversed(found):
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
    cluster,
    reports,
    table_path,
    reading,
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
        if cluster and jobs > 1:
            raise click.UsageError("Give --jobs or --cluster, not both.")
        from cmvq_keras.experiments.cluster import check_installed

        check_installed(cluster)
        table = (table_path, reading)
        settings = options.settings(short, assignments)
        store = store_of(recipe, data_dir, store, table)
        chosen = recipe_of(recipe, preset, store, modality, settings)
        own = own_arguments(settings)
    options.start_backend(backend)
    if not table_only:
        from cmvq_keras.cli.progress import TerminalProgress
        from cmvq_keras.experiments import api

        with continued(_HINT.format(out=out)):
            getattr(api, kind)(
                chosen,
                seeds=range(first_seed, first_seed + seeds),
                out=out,
                data_dir=data_dir,
                store=store,
                reporter=TerminalProgress(),
                jobs=jobs,
                cluster=cluster,
                **own,
            )
            if reports:
                write_reports(out, data_dir, store)
    _conclude(out, kind)


def write_reports(out, data_dir, store):
    """Writes the report of each row's first seed, and says where it is."""
    from cmvq_keras.experiments import run_reports
    from cmvq_keras.experiments.study import read
    from cmvq_keras.runs.data_source import DataSource

    def show(folder):
        click.echo(f"Report of {folder} ...", err=True)

    run_reports.write(read(out), DataSource(data_dir, store), show)


def store_of(recipe, data_dir, store, table):
    """The store that the options name: their own, or that of a table.

    Args:
        recipe, data_dir, store: the options' values.
        table: the values of `--table` and of how it is read.
    """
    options.check_places(data_dir, store)
    others = {"--recipe": recipe, "--data-dir": data_dir, "--store": store}
    return table_options.store_of(*table, others) or store


def recipe_of(name, preset, store, modality, settings):
    """The resolved recipe that the options say."""
    from cmvq_keras import recipes

    recipe = options.recipe_or_store(name, preset, store)
    if "training.seed" in settings:
        raise click.UsageError("Give --first-seed in place of --set training.seed.")
    return recipes.resolve(recipe.with_settings(settings), modality=modality)


_HINT = " With --table-only it writes the tables of the finished trainings in {out}."


@contextlib.contextmanager
def continued(further=""):
    """Says after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        text = f"\nStopped. Give the same command to continue.{further}"
        click.echo(text, err=True)
        raise


def _conclude(out, kind):
    """Writes what a comparison has come to, and shows it.

    Args:
        out: its folder.
        kind: "compare" or "sweep", which it has to be.
    """
    from cmvq_keras.experiments import conclusion
    from cmvq_keras.experiments.study import read

    study = read(out)
    if study.kind != kind:
        raise click.ClickException(
            f"{out} was made by cmvq {study.kind}, not by cmvq {kind}."
        )
    show(conclusion.of_study(study))


def show(found):
    """Shows a comparison's tables and its verdict.

    Args:
        found: its `cmvq_keras.experiments.conclusion.Conclusion`.
    """
    from cmvq_keras.cli.text_tables import table
    from cmvq_keras.experiments import tables

    study, content = found.study, found.table
    if not content.rows:
        for aside in content.asides:
            click.echo(aside, err=True)
        raise click.ClickException(f"No training has finished in {study.out}.")
    parts = [table(*tables.turned(group)) for group in content.groups]
    parts += ["\n".join(content.asides)] if content.asides else []
    parts.append(table(content.foot))
    if found.verdict:
        parts.append(str(found.verdict))
    click.echo("\n" + "\n\n".join(parts))
    for reason in found.missing:
        click.echo(reason, err=True)
    click.echo(f"\nWritten: {', '.join(f'{study.out}/{n}' for n in found.written)}")
