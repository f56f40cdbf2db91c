"""A run in short: its scores, and how a notebook shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

from cmvq_keras import fileio
from cmvq_keras.fileio import notebook

_TITLES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "mean_iou": "Mean IoU",
    "r2": "R2",
    "mae": "MAE",
    "rmse": "RMSE",
}


def scores(measured: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Triples (name, title, value) of the scores of a split.

    Args:
        measured: an entry of metrics.json, such as "test".
    """
    for name, title in _TITLES.items():
        value = measured.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, title, float(value)


def html(run):
    """The run as HTML; every text of its files is escaped.

    Args:
        run: a `Run`. Of one that cannot be read, the reason is shown.
    """
    title = f"Run {run.directory}"
    try:
        recipe, metrics, history = run.recipe, run.metrics, run.history
        parts = [notebook.table(_rows(recipe, metrics, history))]
        if history:
            cells = [[_rounded(each) for each in row.values()] for row in history]
            curves = notebook.table(cells, history[0])
            parts.append(notebook.folded(f"{len(history)} epochs", curves))
        parts.append(notebook.folded("Settings", notebook.table(_settings(recipe))))
    except (OSError, ValueError) as error:
        parts = [notebook.lines([fileio.one_line(error)])]
    return notebook.titled(title, *parts)


def _rows(recipe, metrics, history):
    yield "Recipe", f"{recipe.name} ({recipe.preset}, {recipe.method})"
    if not metrics:
        yield (
            "State",
            f"not finished: {len(history)} of {recipe.training.epochs} epochs",
        )
        return
    for split in ("test", "validation"):
        for _, title, value in scores(metrics.get(split, {})):
            yield f"{split.capitalize()} {title}", f"{value:.4f}"
    found = metrics.get("complementarity", {})
    for name, share in found.get("compl", {}).items():
        yield f"compl of {name}", f"{share:.2f} %"
    if isinstance(found.get("zeta"), (int, float)):
        yield "zeta", f"{found['zeta']:.2f}"
    yield "Best epoch", metrics.get("best_epoch", "-")


def _rounded(value):
    return "" if value is None else f"{value:.4g}"


def _settings(recipe):
    return ((name, "none" if v is None else v) for name, v in recipe.settings().items())
