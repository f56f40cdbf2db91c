"""`cmvq sweep`: one recipe with several values of a setting."""

import click

from cmvq_keras.cli import completion, options, study_options


@click.command("sweep", short_help="Train several values of a setting.")
@click.option(
    "--over",
    shell_complete=completion.settings,
    type=options.Assignment("SECTION.NAME=A,B,..."),
    multiple=True,
    help="A setting and its values. Repeatable: every combination is trained.",
)
@study_options.common
def command(over, **common):
    """Train a recipe with several values of a setting, each with several seeds.

    \b
    cmvq sweep --recipe planted --over model.threshold=0.002,0.01 --out SWEPT
    cmvq sweep --recipe digits --over model.penalty_weight=0,1e-4 --out DIR

    The plot shows score, compl and zeta against the value. To continue after a stop,
    give the same command again. It may name further values and more seeds.
    """
    study_options.run(
        "sweep", lambda settings: {"over": _values(over, settings)}, **common
    )


def _values(over, settings):
    if not over:
        raise click.UsageError("Missing option '--over'.")
    found = {}
    for name, text in over:
        if name in found or name in settings:
            raise click.UsageError(f"{name} is set twice.")
        found[name] = [value.strip() for value in text.split(",") if value.strip()]
    return found
