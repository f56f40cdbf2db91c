"""`cmvq prepare`: from raw files to a prepared store."""

import click

from cmvq_keras.cli import completion, options
from cmvq_keras.cli.progress import Progress
from cmvq_keras.cli.text_tables import table


@click.command("prepare", short_help="Turn raw files into a store to train from.")
@click.option(
    "--recipe",
    shell_complete=completion.recipes,
    required=True,
    metavar="NAME",
    help="See `cmvq recipes`; or a recipe file (.py), whose code is run.",
)
@options.data_dir
@click.option(
    "--out",
    required=True,
    metavar="STORE",
    type=click.Path(file_okay=False),
    help="The store's root: the recipe's own folder is made in it.",
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
    help="Change a setting, e.g. data.seed=1. May be repeated.",
)
@click.option(
    "--limit",
    metavar="N",
    help="Prepare the first N samples of each split in a seeded order.",
)
@click.option(
    "--frames",
    metavar="N",
    help="Frames to store of a training clip. As --set data.frames=N.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that decode. Default: one a core; the result is the same.",
)
@click.option("--force", is_flag=True, help="Replace a store that is there.")
def command(
    recipe, data_dir, out, modality, assignments, limit, frames, workers, force
):
    """Turn a recipe's raw files into the store STORE, once.

    \b
    cmvq prepare --recipe av-digits --data-dir DATA --out STORE
    cmvq data check STORE
    cmvq train --store STORE

    What the model is fed is exactly what it would be fed from the raw files. After
    an interruption the same command goes on where it stopped.
    """
    from cmvq_keras import recipes
    from cmvq_keras.runs import stores

    options.tell_of_file(recipe)
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
            on_progress=progress.tell,
            workers=workers,
        )
    click.echo(_summary(store))


def _summary(store):
    rows = []
    for split, entry in store.manifest["splits"].items():
        size = sum(about["bytes"] for about in entry["files"].values())
        rows.append((split, entry["count"], f"{size / 1e6:.1f} MB"))
    left_out = len(store.manifest["left_out"])
    return "\n".join(
        [
            table(rows, ("Split", "Samples", "Size")),
            *([f"Left out: {left_out} (cmvq data check lists them)"] * bool(left_out)),
            f"\nStore: {store.folder}",
        ]
    )
