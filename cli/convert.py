"""`cmvq convert`: the author's weights as a run folder."""

import click

from cmvq_keras.cli import completion, options


@click.command("convert", short_help="Convert the author's weights to a run folder.")
@click.argument("file", metavar="MODEL.PT", type=click.Path())
@click.option(
    "--recipe",
    required=True,
    metavar="NAME",
    help="E.g. crema-d.",
    shell_complete=completion.recipes,
)
@options.preset("Settings of the network.", default="code", show_default=True)
@options.backend
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False),
    help="Run folder to write.",
)
def command(file, recipe, preset, backend, out):
    """Make a run folder from a model file of the author's PyTorch code.

    Reading the file needs PyTorch. The run works with any backend.

    \b
    cmvq convert model.pt --recipe crema-d -o runs/author
    cmvq predict runs/author --input image=face.npy --input audio=mel.npy
    """
    from cmvq_keras import recipes

    options.report_recipe_file(recipe)
    chosen = recipes.get(recipe, preset)
    chosen_backend = options.start_backend(backend)
    from cmvq_keras.interop import convert
    from cmvq_keras.runs.run import RECIPE, Run
    from cmvq_keras.training import api

    state = convert.read_reference_file(file)
    model = api.build_model(chosen)
    convert.load_reference_state(model, state)
    run = Run.create(out, chosen, chosen_backend)
    try:
        run.save_weights(model)
        run.write_metrics({"complementarity": model.complementarity()})
    except OSError:
        # Without it the folder is no run: the same call can be given again.
        (run.directory / RECIPE).unlink(missing_ok=True)
        raise
    click.echo(f"Run folder: {run.directory}")
