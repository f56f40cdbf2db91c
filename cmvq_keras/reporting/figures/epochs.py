"""Losses, scores, complementarity and codes over the epochs."""

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.evaluation.intervals import NORMAL
from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture

FEW = 30  # epochs: their points are marked
HEIGHT, LINE = 3.0, 0.25  # inches: of a figure, of a line of its legend
COLUMNS, FEW_LINES = 2, 3  # of a legend; more lines than these make the figure higher
UNITS = {
    "complementarity": "% of all channels",
    "zeta": "zeta",
    "losses": "loss",
    "accuracy": "accuracy",
    "R2": "R2",
    "perplexity": "perplexity of a batch",
    "codes used": "codes",
}


#: Both ends of an axis whose numbers have them: noise does not fill it.
RANGES = {
    "accuracy": (0, 1),
    "zeta": (0, 1.02),
    **dict.fromkeys(("complementarity", "perplexity", "codes used"), (0, None)),
}


def curves(series, group, kept=None, n=None, chance=None):
    """Curves over the epochs.

    Args:
        series: lists of numbers by title, None for epochs that were not measured: the
            line passes over them.
        group: one of `UNITS`.
        kept: the epoch whose weights the run has, or None.
        n: validation samples, for a band of 95 % round the validation accuracy.
        chance: the accuracy of always naming the commonest class, or None.

    Returns:
        The figure as SVG.
    """
    lines = -(-(len(series) + (chance is not None) + (kept is not None)) // COLUMNS)
    height = HEIGHT + LINE * max(0, lines - FEW_LINES)
    figure, ((axes,),) = canvas.axes_grid(height=height)
    for number, (title, values) in enumerate(series.items()):
        epochs = np.array([i for i, v in enumerate(values, 1) if v is not None])
        values = np.array([v for v in values if v is not None], float)
        dashed = "--" if title.startswith("contr") else "-"
        mark = "." if len(values) < FEW else ""
        color = canvas.COLORS[number % len(canvas.COLORS)]
        style = {"label": canvas.plain(title), "color": color, "marker": mark}
        axes.plot(epochs, values, dashed, **style)
        if n and title == "validation":
            reach = NORMAL * np.sqrt(np.clip(values * (1 - values), 0, None) / n)
            edges = np.clip([values - reach, values + reach], 0, 1)
            axes.fill_between(epochs, *edges, color=color, alpha=0.2, linewidth=0)
    if chance is not None:
        style = {"color": canvas.INK, "linestyle": ":", "linewidth": 1}
        axes.axhline(chance, label="chance", **style)
    if kept is not None:
        style = {"color": canvas.INK, "alpha": 0.4, "linewidth": 1}
        axes.axvline(kept, label="kept epoch", **style)
    axes.set(xlabel="epoch", ylabel=UNITS[group])
    low, high = RANGES.get(group, (None, None))
    axes.set_ylim(low, high)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if max(map(len, series.values())) == 1:
        axes.set(xlim=(0.5, 1.5), xticks=[1])
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=COLUMNS)
    name = f"epochs_{group.replace(' ', '_')}"
    return canvas.svg(figure, name, f"{_titled(group)} over the epochs")


def _titled(group):
    return f"{group[0].upper()}{group[1:]}"


def series(history, modalities):
    """The curves to draw, in groups.

    Args:
        history: `Run.history`, one dict an epoch.
        modalities: their names.

    Returns:
        By group a dictionary of curves by title, each a list with None for gaps:
        "complementarity", "zeta", "losses", "accuracy", "R2", "perplexity" and
        "codes used". What the run did not log is left out.
    """
    wanted = {
        "complementarity": {f"compl {name}": f"{name}_compl" for name in modalities},
        "zeta": {
            "zeta": "zeta",
            **{f"zeta {name}": f"{name}_zeta" for name in modalities},
        },
        "losses": {
            "loss": "loss",
            "task": "task_loss",
            "task, validation": "val_task_loss",
            **{f"head of {m}": f"{m}_task_loss" for m in modalities},
            **{f"reconstruction {m}": f"{m}_reconstruction_loss" for m in modalities},
        },
        "accuracy": {"training": "accuracy", "validation": "val_accuracy"},
        "R2": {"training": "r2", "validation": "val_r2"},
        "perplexity": {name: f"{name}_perplexity" for name in modalities},
        "codes used": {name: f"{name}_codes_used" for name in modalities},
    }
    found = {
        group: {
            title: [row.get(column) for row in history]
            for title, column in columns.items()
            if any(row.get(column) is not None for row in history)
        }
        for group, columns in wanted.items()
    }
    _add_contradictory(found["complementarity"], modalities)
    return {group: curves for group, curves in found.items() if curves}


def _add_contradictory(curves, modalities):
    """contr is what is left of a modality's share of all channels."""
    for name in modalities:
        if f"compl {name}" in curves:
            share = 100 / len(modalities)
            curves[f"contr {name}"] = [
                None if value is None else share - value
                for value in curves[f"compl {name}"]
            ]


def draw(opened, analysis, rows):
    """A picture a group of curves that the run has logged."""
    history = series(opened.run.history, list(opened.model.modalities))
    metrics = opened.run.metrics
    kept = metrics.get("best_epoch")
    for group, found in history.items():
        title = f"{_titled(group)} over the epochs"
        name = f"epochs_{group.replace(' ', '_')}"
        own = {}
        # Pixels are not independent: they have no such band.
        if group == "accuracy" and tasks.get(opened.recipe.task).one_class:
            n = metrics.get("validation", {}).get("n")
            own = {"n": n, "chance": chance(analysis.metrics["confusion"])}
        yield Picture(name, title, curves(found, group, kept, **own))


def chance(confusion):
    """The share of the commonest true class of `(true, predicted)` counts."""
    counts = np.sum(confusion, axis=1)
    return float(counts.max() / max(counts.sum(), 1))


FIGURE = Figure(position=30, draw=draw)
