"""`cmvq prepare`: from raw files to a prepared store."""

import click

from cmvq_keras.cli import completion, options, table_options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import table


@click.command("prepare", short_help="Prepare a store from raw files.")
@click.option(
    "--recipe",
    shell_complete=completion.recipes,
    metavar="NAME",
    help="A name of `cmvq recipes`, or a recipe file (.py), whose code is run.",
)
@table_options.common
@options.data_dir
@click.option(
    "--out",
    required=True,
    metavar="STORE",
    type=click.Path(file_okay=False),
    help="Root of the store. The recipe gets a folder in it.",
)
@click.option(
    "--modality",
    metavar="NAME",
    help="Prepare only this modality.",
    shell_complete=completion.modalities,
)
@click.option(
    "--set",
    "assignments",
    shell_complete=completion.settings,
    type=options.Assignment("SECTION.NAME=VALUE"),
    multiple=True,
    help="Change a setting, e.g. data.seed=1. Repeatable.",
)
@click.option(
    "--limit",
    metavar="N",
    help="Prepare the first N samples of each split, in a seeded order.",
)
@click.option(
    "--frames",
    metavar="N",
    help="Frames to store of a training clip. Same as --set data.frames=N.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Number of decoding processes. Default: one per core. The result is the same.",
)
@click.option("--force", is_flag=True, help="Replace an existing store.")
def command(
    recipe,
    table_path,
    reading,
    data_dir,
    out,
    modality,
    assignments,
    limit,
    frames,
    workers,
    force,
):
    """Prepare the store STORE from a recipe's raw files, or from a table of your own.

    \b
    cmvq prepare --recipe av-digits --data-dir DATA --out STORE
    cmvq prepare --table clips.csv --out STORE
    cmvq data check STORE
    cmvq train --store STORE

    The model gets exactly the values that it would get from the raw files. To continue
    after an interruption, give the same command again.
    """
    from cmvq_keras import recipes
    from cmvq_keras.runs import stores, tables

    others = {"--recipe": recipe, "--data-dir": data_dir}
    table_options.check(table_path, reading, others)
    if table_path:
        _check_whole({"--modality": modality, "--limit": limit, "--frames": frames})
        if assignments:
            raise click.UsageError(
                "A table is prepared without --set: settings are of the training. Give "
                "them to train, with --table or --store."
            )
        found = table_options.opened(table_path, reading)
        with Progress() as progress:
            store = tables.prepare(
                found, out, force=force, on_progress=progress.update, workers=workers
            )
        click.echo(_summary(store))
        return
    if recipe is None:
        raise click.UsageError("Missing option '--recipe' or '--table'.")
    options.report_recipe_file(recipe)
    if frames is not None:
        assignments = (*assignments, ("data.frames", frames))
    settings = options.settings({"limit": limit}, assignments)
    asked = recipes.get(recipe).with_settings(settings)
    chosen = recipes.resolve(asked, modality=modality)
    with Progress() as progress:
        store = stores.prepare(
            chosen,
            data_dir,
            out=out,
            force=force,
            on_progress=progress.update,
            workers=workers,
        )
    click.echo(_summary(store))


def _check_whole(given):
    """Raises a usage error for options that no table has."""
    for name, value in given.items():
        if value is not None:
            raise click.UsageError(f"A table is prepared whole, without {name}.")


def _summary(store):
    rows = []
    for split, entry in store.manifest["splits"].items():
        size = sum(about["bytes"] for about in entry["files"].values())
        rows.append((split, entry["count"], f"{size / 1e6:.1f} MB"))
    skipped = len(store.manifest["left_out"])
    return "\n".join(
        [
            table(rows, ("Split", "Samples", "Size")),
            *([f"Skipped: {skipped} (cmvq data check lists them)"] * bool(skipped)),
            f"\nStore: {store.folder}",
        ]
    )
