"""The report of a run: one HTML page, its pictures and its numbers."""

import os
import pathlib
from collections.abc import Callable

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data.store.store import Store
from cmvq_keras.fileio import make_folder, to_json, write_atomically
from cmvq_keras.layers.quantizer import codes_of
from cmvq_keras.reporting import analysis, answer, figures, images
from cmvq_keras.reporting import page as pages
from cmvq_keras.reporting.figures.figure import data_uri
from cmvq_keras.reporting.figures.pairwise_zeta import pairwise_matrix
from cmvq_keras.reporting.open import open_run
from cmvq_keras.reporting.packages import need_report
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.run import Run, as_run
from cmvq_keras.tracking.record import add_file

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
    log: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> pathlib.Path:
    """Writes what a run has learned: report.html, report.json and figures/.

    Args:
        run: the run folder (or an open `Run`).
        out: the folder; None for the run folder.
        split: "train", "validation" or "test"; it is measured if it was not yet.
        data_dir, store, on_progress: as in `cmvq_keras.evaluate`.
        samples: how many samples are shown, spread over the split.
        attribute: what the features are probed for: a column of the store's
            meta.csv; None for the label.
        seed: of probes and projections.
        log: whether the page is also added to the records of the training, see
            `training.log`.

    Returns:
        The path of the page.

    Raises:
        ImportError: for a package that is missing, with what to install.
        FileNotFoundError, ValueError: as in `cmvq_keras.evaluate`, and ValueError for
            an unknown attribute, and for `log` of a run without a record.
    """
    need_report()
    run, source = as_run(run), DataSource(data_dir, store, on_progress)
    analysis.measure_if_needed(run, split, source)
    path = write(open_run(run, split, source), out, samples, attribute, seed)
    if log:
        add_file(run, path)
    return path


def write(opened, out=None, samples=8, attribute=None, seed=0, on_progress=None):
    """Writes report.html, report.json and figures/.

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
        write_atomically(out / FOLDER / picture.file_name, picture.content, out)
        if picture.source is None:
            # Left by a report of version 0.1.0.
            (out / FOLDER / f"{picture.name}.png").unlink(missing_ok=True)
    write_atomically(out / NUMBERS, to_json(found.to_dict()), out)
    text = page(opened, found, shown, shown_samples(opened, rows.astype(int)))
    write_atomically(out / PAGE, text, out)
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


def shown_samples(opened, rows):
    """The samples that the page shows: dictionaries "name", "true", "predicted" and
    "right", None for numbers; without an answer under segmentation, whose label maps
    are a figure.

    Args:
        opened: as in `write`.
        rows: their numbers.
    """
    recipe, task = opened.recipe, tasks.get(opened.recipe.task)
    names = [str(opened.split.samples[row]) for row in rows]
    if task.has_maps:
        return [{"name": name, "true": None} for name in names]
    outputs = opened.outputs(rows)
    if task.one_class:
        outputs = np.argmax(outputs, axis=-1)
    elif not task.has_targets:
        outputs = (outputs > 0).astype(int)
    labels = np.asarray(opened.split.y)[rows]
    return [
        {
            "name": name,
            "true": task.word(label, recipe),
            "predicted": task.word(found, recipe),
            "right": None if task.has_targets else bool(np.all(label == found)),
        }
        for name, label, found in zip(names, labels, outputs, strict=True)
    ]


def page(opened, found, shown, samples=()):
    """The page's HTML; every string from data is escaped.

    Args:
        opened: as in `write`.
        found: `cmvq_keras.reporting.analysis.Analysis`.
        shown: `Picture`s.
        samples: of `shown_samples`.
    """
    return pages.render(
        "report",
        recipe=opened.recipe,
        run=opened.run.directory.name,
        split=opened.name,
        answer=answer.sentence(found.metrics, opened.recipe, opened.name),
        found=found,
        figures=[each for each in shown if not each.strips],
        rebuilt=[each for each in shown if each.strips],
        samples=samples,
        pairs=pairwise_matrix(found.complementarity),
        bits=found.metrics.get("information"),
        without=found.metrics.get("without") or {},
        shares=_shares(found.metrics),
        legend=_legend(opened.recipe),
        task=tasks.get(opened.recipe.task),
        codes=codes_of(opened.recipe.model),
        origin=list(answer.origin(opened.run)),
        data_uri=data_uri,
        hyphenated=_hyphenated,
    )


def _hyphenated(version):
    """A version's title that fits above a picture on a phone."""
    for word in ("comple-men-tary", "contra-dic-tory"):
        version = version.replace(word.replace("-", ""), word.replace("-", "\u00ad"))
    return version


def _shares(metrics):
    """Scores in [0, 1] by class, by the name of the score."""
    keys = {"recall": "per_class", "IoU": "iou", "precision": "precision", "F1": "f1"}
    return {title: metrics[key] for title, key in keys.items() if key in metrics}


def _legend(recipe):
    return images.legend(recipe.classes) if tasks.get(recipe.task).has_maps else []
