"""`cmvq predict`: classes and probabilities as CSV, or label maps as pictures."""

import colorsys
import io
import pathlib
import re

import click

from cmvq_keras.cli import options
from cmvq_keras.cli.progress import Bar, Progress


@click.command("predict", short_help="Predict classes as CSV, or label maps.")
@click.argument("run", metavar="RUN", type=click.Path())
@options.split
@click.option(
    "--input",
    "inputs",
    type=options.Assignment("MODALITY=PATH"),
    multiple=True,
    help="Your own file. Repeat for every modality, and for more samples.",
)
@click.option(
    "--table",
    type=click.Path(),
    help="CSV file with a column of paths for each modality, relative to the file, or "
    "columns of numbers for a vector, or one of texts for tokens.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="CSV file to write. Default: the terminal. For segmentation a folder.",
)
@options.recipe_file
@options.backend
@options.data_dir
@options.store
@click.pass_context
def command(
    context, run, split, inputs, table, output, recipe_file, backend, data_dir, store
):
    """Predict with the model of the run folder RUN, on a split or on your own files.

    \b
    cmvq predict runs/digits --split test -o predictions.csv
    cmvq predict runs/av --input image=seven.png --input audio=seven.wav
    cmvq predict runs/av --table samples.csv

    The CSV has the columns sample, label (on a split), class, and a probability p_CLASS
    for each class. Where a sample may have several classes, they are separated by |.
    For regression there is a column for each target, and on a split label_TARGET. For
    segmentation, -o FOLDER gets classes.csv and a PNG file for each sample, with class
    indices in the model's size.
    """
    _check_one_origin(context, inputs, table)
    options.check_places(data_dir, store)
    from cmvq_keras import tasks

    opened = options.open_run(run)
    options.read_recipe_file(recipe_file, opened)
    recipe = opened.recipe
    task = tasks.get(recipe.task)
    segments = task.has_maps
    _check_output(output, segments)
    labels = None
    if inputs or table:
        rows = _rows_of_inputs(recipe, inputs) if inputs else _of_table(recipe, table)
        x, samples = _read(recipe, rows)
        if segments:
            samples = [next(iter(row.values())).stem for row in rows]
    else:
        from cmvq_keras.runs.data_source import DataSource

        with Progress() as progress:
            source = DataSource(data_dir, store, progress.update).for_run(opened)
        loaded = source.split(recipe, split)
        x, samples = loaded.x, loaded.samples
        if not segments:
            labels = loaded.y
    options.start_backend(backend)
    from cmvq_keras.runs import predict

    if segments:
        maps = predict.predict_classes(opened, x)
        _write_label_maps(output, samples, recipe.classes, maps)
    else:
        shares = predict.predict(opened, x)
        _write(output, _csv(recipe, samples, labels, shares))


def _check_output(output, segments):
    there = output is not None and pathlib.Path(output)
    if segments and (not there or there.is_file()):
        raise click.UsageError(
            "Segmentation writes a PNG file for each sample: -o must name a folder."
        )
    if not segments and there and there.is_dir():
        raise click.UsageError(f"-o must name a CSV file. {output} is a folder.")


def _check_one_origin(context, inputs, table):
    source = context.get_parameter_source("split")
    named = source is not click.core.ParameterSource.DEFAULT
    if sum((named, bool(inputs), table is not None)) > 1:
        raise click.UsageError("Give only one of --split, --input and --table.")


def _rows_of_inputs(recipe, inputs):
    """One dict of paths a sample: the n-th file of each modality make the n-th."""
    from cmvq_keras.data.tables import inputs_table

    paths = {name: [] for name in inputs_table.needed(recipe)}
    for name, path in inputs:
        if name not in paths:
            raise click.UsageError(
                f"Unknown modality {name}. This run takes {', '.join(paths)}."
            )
        paths[name].append(pathlib.Path(path))
    counts = {name: len(files) for name, files in paths.items()}
    if 0 in counts.values() or len(set(counts.values())) > 1:
        text = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise click.UsageError(
            f"Every modality needs the same number of --input files ({text})."
        )
    return [
        dict(zip(paths, files, strict=True))
        for files in zip(*paths.values(), strict=True)
    ]


def _of_table(recipe, table):
    from cmvq_keras.data.tables import inputs_table

    return inputs_table.read(pathlib.Path(table), recipe)


def _read(recipe, rows):
    import numpy as np

    columns = {name: [] for name in rows[0]}
    with Bar("Reading", len(rows), in_pipes=False) as bar:
        for done, row in enumerate(rows, start=1):
            for name, item in row.items():
                columns[name].append(_sample(recipe, name, item))
            bar.update(done)
    samples = [_described(row, number) for number, row in enumerate(rows, start=1)]
    return {name: np.stack(values) for name, values in columns.items()}, samples


def _sample(recipe, name, item):
    """A modality's normalized values, of a path or of a vector's numbers."""
    from cmvq_keras import recipes
    from cmvq_keras.data.kinds import tokens
    from cmvq_keras.data.split import normalize

    if isinstance(item, tuple):
        return normalize(item, recipe.modalities[name])
    if isinstance(item, str):
        values = tokens.of_text(item, recipe.modalities[name].shape)
        return normalize(values, recipe.modalities[name])
    return recipes.read_sample(recipe, name, item)


def _described(row, number):
    """A sample's paths, or its number where it has none."""
    paths = [str(item) for item in row.values() if isinstance(item, pathlib.Path)]
    return " ".join(paths) or f"row {number}"


def _csv(recipe, samples, labels, answers):
    from cmvq_keras.fileio import csv_line

    rows = _numbers if recipe.targets else _shares
    return "".join(map(csv_line, rows(recipe, samples, labels, answers)))


def _numbers(recipe, samples, labels, numbers):
    """Rows of the targets' numbers, the true ones first where they are known."""
    known = [] if labels is None else [f"label_{name}" for name in recipe.targets]
    yield ["sample", *known, *recipe.targets]
    for index, (sample, row) in enumerate(zip(samples, numbers, strict=True)):
        true = [] if labels is None else labels[index]
        yield [sample, *(f"{value:.6g}" for value in (*true, *row))]


def _shares(recipe, samples, labels, shares):
    """Rows of the class, or the classes, and the probabilities."""
    from cmvq_keras import tasks

    task, classes = tasks.get(recipe.task), recipe.classes
    label = [] if labels is None else ["label"]
    yield ["sample", *label, "class", *(f"p_{name}" for name in classes)]
    for index, (sample, row) in enumerate(zip(samples, shares, strict=True)):
        label = [] if labels is None else [task.word(labels[index], recipe)]
        found = row.argmax() if task.one_class else row > 0.5
        probabilities = (f"{share:.6f}" for share in row)
        yield [sample, *label, task.word(found, recipe), *probabilities]


def _write(output, text):
    if output is None:
        click.echo(text, nl=False)
        return
    from cmvq_keras.fileio import write_atomically

    write_atomically(output, text)
    click.echo(f"Written: {output}", err=True)


MOST_CLASSES = 256  # of a picture with a palette
CLASSES = "classes.csv"
_GOLDEN = 0.618034  # of a turn: neighbouring classes get hues that are far apart


def _write_label_maps(folder, samples, classes, batches):
    """Writes a PNG file a sample, as its batch comes, and `classes.csv`.

    A pixel's value is the index of its class; the palette is for people.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        samples: their names, which become the files'.
        classes: the names of the classes.
        batches: iterable of `(batch, height, width)` class indices.

    Raises:
        click.UsageError: for samples that would have the same file, and for more
            classes than a palette has colours.
        OSError: for a folder that cannot be written to.
    """
    from cmvq_keras.fileio import write_atomically

    if len(classes) > MOST_CLASSES:
        raise click.UsageError(
            f"A label map holds up to {MOST_CLASSES} classes. Received: {len(classes)}"
        )
    names = iter(_file_names(samples))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for batch in batches:
        for label_map in batch:
            write_atomically(folder / next(names), _png(label_map, len(classes)))
    write_atomically(folder / CLASSES, _table(classes))
    click.echo(f"Written: {folder} ({len(samples)} label maps)", err=True)


def _file_names(samples):
    names = [re.sub(r"[^\w.-]+", "_", sample) + ".png" for sample in samples]
    seen = set()
    for name in names:
        # Some file systems take both cases for one.
        if name.lower() in seen:
            raise click.UsageError(f"Two samples would be written to {name}.")
        seen.add(name.lower())
    return names


def _png(label_map, count):
    from PIL import Image

    file = io.BytesIO()
    picture = Image.fromarray(label_map.astype("uint8")).convert("P")
    picture.putpalette(_palette(count))
    picture.save(file, "PNG")
    return file.getvalue()


def _palette(count):
    colors = [
        colorsys.hsv_to_rgb(index * _GOLDEN % 1, 0.6 + 0.4 * (index % 2), 0.9)
        for index in range(count)
    ]
    return [round(255 * part) for color in colors for part in color]


def _table(classes):
    from cmvq_keras.fileio import csv_line

    rows = [("index", "class"), *enumerate(classes)]
    return "".join(map(csv_line, rows))
