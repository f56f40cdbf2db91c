"""Losses, scores, complementarity and codes over the epochs."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture

UNITS = {
    "complementarity": "% of all channels",
    "zeta": "zeta",
    "losses": "loss",
    "accuracy": "accuracy",
    "perplexity": "perplexity of a batch",
    "codes used": "codes",
}


def curves(series, label):
    """Curves over the epochs.

    Args:
        series: lists of numbers, None for gaps, by title.
        label: of the vertical axis.

    Returns:
        PNG, bytes.
    """
    figure, ((axes,),) = canvas.axes_grid()
    for title, values in series.items():
        values = [np.nan if value is None else value for value in values]
        epochs = np.arange(1, len(values) + 1)
        dashed = "--" if title.startswith("contr") else "-"
        axes.plot(epochs, values, dashed, marker=".", label=canvas.plain(title))
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return canvas.png(figure)


def series(history, modalities):
    """The curves to draw, in groups.

    Args:
        history: `Run.history`, one dict an epoch.
        modalities: their names.

    Returns:
        By group a dictionary of curves by title, each a list with None for gaps:
        "complementarity", "zeta", "losses", "accuracy", "perplexity", "codes used".
        What the run did not log is left out.
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
            **{f"reconstruction {m}": f"{m}_reconstruction_loss" for m in modalities},
        },
        "accuracy": {"training": "accuracy", "validation": "val_accuracy"},
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
    for group, found in history.items():
        title = f"{group.capitalize()} over the epochs"
        name = f"epochs_{group.replace(' ', '_')}"
        yield Picture(name, title, curves(found, UNITS[group]))


FIGURE = Figure(position=30, draw=draw)
