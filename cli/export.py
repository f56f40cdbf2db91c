"""`cmvq export`: a run as one file that predicts."""

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.text_tables import table
from cmvq_keras.exporting import formats


@click.command("export", short_help="A run as one file that predicts, e.g. ONNX.")
@click.argument("run", metavar="RUN", type=click.Path())
@click.option(
    "--format",
    "format_",
    type=options.Name(tuple(formats.FORMATS)),
    required=True,
    help="What to write: keras loads on every backend, onnx in onnxruntime, "
    "saved-model in TensorFlow.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="The file, ending in .keras or .onnx; for saved-model a folder.",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@options.backend
def command(run, format_, output, force, backend):
    """Write the model of the run folder RUN as one file, from raw values to logits.

    \b
    cmvq export runs/digits --format keras -o digits.keras
    cmvq export runs/digits --format onnx -o digits.onnx
    cmvq export runs/digits --format saved-model -o digits

    The file has no decoders and no channels that the mask keeps from the task; a
    modality of which none is left is not even read. It is checked against the run
    before it gets its name. A JSON file beside it says what it takes and gives.
    Whatever the run was trained on, onnx is written through PyTorch and saved-model
    through TensorFlow:

    \b
    pip install "cmvq-keras[onnx]"
    pip install "cmvq-keras[saved-model]"
    """
    from cmvq_keras.runs.run import Run

    opened = Run.open(run)
    formats.check_path(format_, output, force)
    chosen = options.start_backend(formats.choose_backend(format_, backend))
    from cmvq_keras.exporting.exported import export

    exported = export(opened, output, format=format_, force=force)
    click.echo(table(_rows(exported, format_, chosen)))


def _rows(exported, format_, backend):
    facts = exported.facts
    yield "Format", f"{format_}, written through {backend}"
    for name, found in facts["inputs"].items():
        yield f"Input {name}", f"{_shape(found)} values {found['values']}"
    for name in facts["dropped"]:
        yield f"Input {name}", "none: nothing of it reaches the task"
    for name, found in facts["outputs"].items():
        yield f"Output {name}", f"{_shape(found)} a class each, before softmax"
    for name, channels in facts["channels"].items():
        yield f"Channels of {name}", f"{len(channels)} of {exported.depth}"
    before, after = exported.parameters
    yield "Parameters", f"{after:,} of {before:,}"
    yield "Against the run", _difference(exported)
    yield "Written", f"{exported.path}, {formats.facts_path(exported.path).name}"


def _shape(found):
    return f"{found['dtype']} ({', '.join(map(str, found['shape']))}):"


def _difference(exported):
    text = f"logits differ by {exported.difference:.1e} at most"
    if exported.differing:
        text += (
            f"; {exported.differing} made-up samples have a feature as near to two "
            "codes"
        )
    return text
