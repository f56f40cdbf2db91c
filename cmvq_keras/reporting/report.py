"""The report of a run: one HTML page, its pictures and its numbers."""

import os
import pathlib
from collections.abc import Callable

import numpy as np

from cmvq_keras.data.store.store import Store
from cmvq_keras.fileio import make_folder, to_json, write_atomically
from cmvq_keras.layers.quantizer import codes_of
from cmvq_keras.reporting import analysis, figures, images
from cmvq_keras.reporting.figures.figure import data_uri
from cmvq_keras.reporting.figures.pairwise_zeta import pairwise_matrix
from cmvq_keras.reporting.open import open_run
from cmvq_keras.reporting.packages import need, need_report
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.run import Run, as_run

PAGE, NUMBERS, FOLDER = "report.html", "report.json", "figures"


def report(
    run: str | os.PathLike | Run,
    out: str | os.PathLike | None = None,
    *,
    split: str = "test",
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    samples: int = 8,
    attribute: str | None = None,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> pathlib.Path:
    """Writes what a run has learnt: report.html, report.json and figures/*.png.

    Args:
        run: the run folder (or an open `Run`).
        out: the folder; None for the run folder.
        split: "train", "validation" or "test"; it is measured if it was not yet.
        data_dir, store, on_progress: as in `cmvq_keras.evaluate`.
        samples: how many samples are shown, spread over the split.
        attribute: what the features are probed for: a column of the store's
            meta.csv; None for the label.
        seed: of probes and projections.

    Returns:
        The path of the page.

    Raises:
        ImportError: for a package that is missing, with what to install.
        FileNotFoundError, ValueError: as in `cmvq_keras.evaluate`, and ValueError for
            an unknown attribute.
    """
    need_report()
    run, source = as_run(run), DataSource(data_dir, store, on_progress)
    analysis.measure_if_needed(run, split, source)
    return write(open_run(run, split, source), out, samples, attribute, seed)


def write(opened, out=None, samples=8, attribute=None, seed=0, on_progress=None):
    """Writes report.html, report.json and figures/*.png.

    Args:
        opened: see `cmvq_keras.reporting.open.open_run`; its split is measured.
        out: the folder; None for the run folder.
        samples: how many samples are shown, spread over the split.
        attribute, seed, on_progress: see `cmvq_keras.reporting.analysis.find`.

    Returns:
        The path of the page.

    Raises:
        ImportError: for a package that is missing, with what to install.
        ValueError: for an unknown attribute.
    """
    need_report()
    found = analysis.find(opened, attribute, seed, on_progress)
    rows = np.linspace(0, len(opened.split) - 1, min(samples, len(opened.split)))
    if on_progress:
        on_progress("figures")
    shown = pictures(opened, found, rows.astype(int))
    out = pathlib.Path(out or opened.run.directory)
    out.mkdir(parents=True, exist_ok=True)
    make_folder(out / FOLDER, out)
    for picture in shown:
        write_atomically(out / FOLDER / f"{picture.name}.png", picture.png, out)
    write_atomically(out / NUMBERS, to_json(found.to_dict()), out)
    write_atomically(out / PAGE, page(opened, found, shown), out)
    return out / PAGE


def pictures(opened, found, rows):
    """The `Picture`s of all figures, in the order of the page.

    Args:
        opened: as in `write`.
        found: `cmvq_keras.reporting.analysis.Analysis`.
        rows: numbers of the samples that are shown.
    """
    return [
        picture
        for figure in figures.in_order()
        for picture in figure.draw(opened, found, rows)
    ]


def page(opened, found, shown):
    """The page's HTML; every string from data is escaped.

    Args:
        opened: as in `write`.
        found: `cmvq_keras.reporting.analysis.Analysis`.
        shown: `Picture`s.
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
        pairs=pairwise_matrix(found.complementarity),
        bits=found.metrics.get("information"),
        without=found.metrics.get("without") or {},
        shares=_shares(found.metrics),
        legend=_legend(opened.recipe),
        codes=codes_of(opened.recipe.model),
        data_uri=data_uri,
    )


def _shares(metrics):
    """Scores in [0, 1] by class, by the name of the score."""
    shares = {"recall": metrics["per_class"]}
    return {**shares, "IoU": metrics["iou"]} if "iou" in metrics else shares


def _legend(recipe):
    return images.legend(recipe.classes) if recipe.task == "segmentation" else []
