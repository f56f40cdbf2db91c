"""`cmvq advise`: whether to fuse some modalities, from a small comparison."""

import math

import click

from cmvq_keras.cli import options, study_options


@click.command("advise", short_help="Say whether to fuse, from a small comparison.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True, max=math.inf, max_open=True),
    default=30,
    show_default=True,
    help="For all trainings. Epochs and seeds are fewer where they do not fit.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=3,
    show_default=True,
    help="Number of seeds for each method, at most.",
)
@study_options.data_and_settings
def command(
    minutes,
    seeds,
    recipe,
    backend,
    data_dir,
    store,
    preset,
    assignments,
    out,
    reports,
    table_path,
    reading,
    **short,
):
    """Train each modality alone, the ensemble, plain fusion, CM-VQVAE and kernel ridge,
    and say what to do.

    \b
    cmvq advise --store STORE --out ADVICE
    cmvq advise --recipe erasure --minutes 10 --out ADVICE
    cmvq advise --table clips.csv --out ADVICE

    The verdict is printed, and is in verdict.json and at the top of comparison.html.
    docs/advise.md lists its rules. To continue after a stop, give the same command
    again.
    """
    settings = options.settings(short, assignments)
    table = (table_path, reading)
    store = study_options.store_of(recipe, data_dir, store, table)
    chosen = study_options.recipe_of(recipe, preset, store, None, settings)
    options.start_backend(backend)
    from cmvq_keras.cli.progress import TerminalProgress
    from cmvq_keras.experiments import conclusion
    from cmvq_keras.experiments.advise import advise

    with study_options.continued():
        found = advise(
            chosen,
            out,
            minutes=minutes,
            seeds=seeds,
            data_dir=data_dir,
            store=store,
            reporter=TerminalProgress(),
        )
        if reports:
            study_options.write_reports(out, data_dir, store)
            found = conclusion.of_study(found.study, found.budget)
    study_options.show(found)
