"""`cmvq export`: a run as one file that predicts."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.text_tables import table
from cmvq_keras.exporting import formats


@click.command("export", short_help="Export a run as one file, e.g. ONNX.")
@click.argument("run", metavar="RUN", type=click.Path())
@click.option(
    "--format",
    "format_",
    type=options.Name(tuple(formats.FORMATS)),
    help="keras loads on every backend, onnx in onnxruntime, saved-model in "
    "TensorFlow. Default: what the ending of --output says.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="File ending in .keras or .onnx; a folder for saved-model.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@options.recipe_file
@options.backend
def command(run, format_, output, force, recipe_file, backend):
    """Write the model of the run folder RUN as one file, from raw values to logits.

    \b
    cmvq export runs/digits -o digits.keras
    cmvq export runs/digits -o digits.onnx
    cmvq export runs/digits --format saved-model -o digits

    The file holds no decoders and no channels that the mask hides from the task. A
    modality without any channel left is not an input. The file is compared with the
    run before it gets its name. A JSON file beside it describes inputs and outputs.
    onnx is written with PyTorch and saved-model with TensorFlow, whatever the run was
    trained on:

    \b
    pip install "cmvq-keras[onnx]"
    pip install "cmvq-keras[saved-model]"
    """
    format_ = format_ or formats.of_path(output)
    if format_ is None:
        raise click.UsageError(
            f"--format must be one of {', '.join(formats.FORMATS)} where --output ends "
            f"in neither .keras nor .onnx. Received: {output}"
        )

    opened = options.open_run(run)
    options.read_recipe_file(recipe_file, opened)
    formats.check_path(format_, output, force)
    chosen = options.start_backend(formats.choose_backend(format_, backend))
    from cmvq_keras.exporting.exported import export

    exported = export(opened, output, format=format_, force=force)
    click.echo(table(_rows(exported, format_, chosen)))


_OUTPUTS = {
    "classification": "one per class, before softmax",
    "segmentation": "one per class, before softmax",
    "multi-label": "one per class, before the sigmoid",
    "regression": "one per target, in its unit",
}


def _rows(exported, format_, backend):
    facts = exported.facts
    yield "Format", f"{format_}, written with {backend}"
    for name, found in facts["inputs"].items():
        yield f"Input {name}", f"{_shape(found)} values {found['values']}"
    for name in facts["dropped"]:
        yield f"Input {name}", "none: the task uses none of its channels"
    for name, found in facts["outputs"].items():
        yield f"Output {name}", f"{_shape(found)} {_OUTPUTS[facts['task']]}"
    for name, channels in facts["channels"].items():
        yield f"Channels of {name}", f"{len(channels)} of {exported.depth}"
    before, after = exported.parameters
    yield "Parameters", f"{after:,} of {before:,}"
    yield "Compared with the run", _difference(exported)
    yield "Written", f"{exported.path}, {formats.facts_path(exported.path).name}"


def _shape(found):
    return f"{found['dtype']} ({', '.join(map(str, found['shape']))}):"


def _difference(exported):
    text = f"logits differ by at most {exported.difference:.1e}"
    if exported.differing:
        text += (
            f"; {exported.differing} random samples have a feature equally near to two "
            "codes"
        )
    return text
