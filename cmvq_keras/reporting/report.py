"""The report of a run: one HTML page, its pictures and its numbers."""

import base64
import dataclasses
import pathlib

import numpy as np

from cmvq_keras import recipes
from cmvq_keras.data import render
from cmvq_keras.fileio import to_json, write_atomically
from cmvq_keras.reporting import analysis, figures, images
from cmvq_keras.reporting.open import need

PAGE, NUMBERS, FOLDER = "report.html", "report.json", "figures"
PLAYED = 3  # samples; a second of sound costs about a second
AUDIBLE = ("original", "all", "complementary", "contradictory")
UNITS = {
    "complementarity": "% of all channels",
    "zeta": "zeta",
    "losses": "loss",
    "accuracy": "accuracy",
    "perplexity": "perplexity of a batch",
    "codes used": "codes",
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One picture of the page.

    Args:
        name: of its file, without the ending.
        title: what it shows.
        png: bytes.
        sounds: `(title, WAV bytes)`, to play below it.
    """

    name: str
    title: str
    png: bytes
    sounds: tuple = ()

    @property
    def source(self):
        """The picture as a data URI."""
        return data_uri("image/png", self.png)


def write(opened, out=None, samples=8, attribute=None, seed=0):
    """Writes report.html, report.json and figures/*.png.

    Args:
        opened: see `cmvq_keras.reporting.open.open_run`; its split is measured.
        out: the folder; None for the run folder.
        samples: how many samples are shown, spread over the split.
        attribute, seed: see `cmvq_keras.reporting.analysis.find`.

    Returns:
        The path of the page.

    Raises:
        ImportError: for a package that is missing, with what to install.
        ValueError: for an unknown attribute.
    """
    need("matplotlib", "sklearn", "jinja2")
    found = analysis.find(opened, attribute, seed)
    rows = np.linspace(0, len(opened.split) - 1, min(samples, len(opened.split)))
    shown = [*_of_samples(opened, rows.astype(int)), *_of_numbers(opened, found)]
    out = pathlib.Path(out or opened.run.directory)
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    for figure in shown:
        write_atomically(out / FOLDER / f"{figure.name}.png", figure.png)
    write_atomically(out / NUMBERS, to_json(found.to_dict()))
    write_atomically(out / PAGE, page(opened, found, shown))
    return out / PAGE


def page(opened, found, shown):
    """The page's HTML; every string from data is escaped.

    Args:
        opened: as in `write`.
        found: `cmvq_keras.reporting.analysis.Analysis`.
        shown: `Figure`s.
    """
    need("jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cmvq_keras.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        recipe=opened.recipe,
        run=opened.run.directory.name,
        split=opened.name,
        found=found,
        figures=shown,
        pairs=analysis.pairwise_matrix(found.complementarity),
        bits=found.metrics.get("information"),
        shares=_shares(found.metrics),
        legend=_legend(opened.recipe),
        data_uri=data_uri,
    )


def data_uri(kind, content):
    """Bytes as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _shares(metrics):
    """Scores in [0, 1] by class, by the name of the score."""
    shares = {"recall": metrics["per_class"]}
    return {**shares, "IoU": metrics["iou"]} if "iou" in metrics else shares


def _legend(recipe):
    return images.legend(recipe.classes) if recipe.task == "segmentation" else []


def _of_samples(opened, rows):
    """Each modality as it is and decoded from its parts, with sounds."""
    recipe, model, x = opened.recipe, opened.model, opened.inputs(rows)
    shown = images.VERSIONS if model.reconstructs else ()
    decoded = {each: images.decoded(model, x, each) for each in shown}
    for name in model.modalities if decoded else ():
        versions = {"original": x[name]}
        versions |= {each: values[name] for each, values in decoded.items()}
        sheet = images.sheet(images.compare(recipe, name, versions))
        sounds = tuple(_sounds(recipe, name, versions))
        yield Figure(
            f"decoded_{name}", f"{name}, rebuilt", images.png_bytes(sheet), sounds
        )
    if recipe.task == "segmentation":
        yield Figure("segmentation", "Label maps", _segmentation(opened, rows, x))


def _segmentation(opened, rows, x):
    predicted = np.argmax(opened.model.inference_model().predict(x, verbose=0), axis=-1)
    true = np.asarray(opened.split.y[rows])
    side = images.SIDE
    columns = {
        "true": [render.label_map(each, side) for each in true],
        "predicted": [render.label_map(each, side) for each in predicted],
    }
    return images.png_bytes(images.sheet(columns))


def _sounds(recipe, name, versions):
    spectrogram = recipes.sounds(recipe).get(name)
    if spectrogram is None:
        return
    for sample in range(min(PLAYED, len(versions["original"]))):
        for version in AUDIBLE:
            values = images.raw_values(recipe, name, versions[version][sample])
            yield f"sample {sample + 1}, {version}", spectrogram.to_wav(values)


def _of_numbers(opened, found):
    history = figures.series(opened.run.history, list(opened.model.modalities))
    for group, series in history.items():
        title = f"{group.capitalize()} over the epochs"
        name = f"epochs_{group.replace(' ', '_')}"
        yield Figure(name, title, figures.curves(series, UNITS[group]))
    threshold = opened.recipe.model.threshold
    yield Figure("mask", "The mask's weights", figures.mask(found.weights, threshold))
    pairs = analysis.pairwise_matrix(found.complementarity)
    if pairs:
        names, matrix = pairs
        png = figures.pairwise(matrix, names)
        yield Figure("pairwise_zeta", "Zeta of every pair", png)
    if "information" in found.metrics:
        png = figures.information(found.metrics["information"])
        title = "Bits of the label that each modality adds to the others"
        yield Figure("information", title, png)
    png = figures.confusion(found.metrics["confusion"], opened.recipe.classes)
    yield Figure("confusion", "Which class was predicted", png)
    if found.points:
        png = figures.projections(found.points, found.words, found.attribute)
        yield Figure("projection", f"Features by {found.attribute} (t-SNE)", png)
    if found.probes:
        title = f"Linear probes of {found.attribute}"
        yield Figure("probes", title, figures.probes(found.probes))
