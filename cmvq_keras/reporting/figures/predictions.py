"""Predicted numbers beside the true ones."""

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture

SHOWN = 1000  # samples, spread over the split
_COLUMNS = 3


def scatter(true, predicted, targets):
    """Predicted over true numbers, a panel a target, with the line of equality.

    Args:
        true, predicted: `(n, targets)`.
        targets: their names.
    """
    columns = min(_COLUMNS, len(targets))
    rows = -(-len(targets) // columns)
    figure, grid = canvas.axes_grid(columns, canvas.WIDTH / columns, rows)
    for number, axes in enumerate(grid.flat):
        if number >= len(targets):
            axes.set_axis_off()
            continue
        values = true[:, number], predicted[:, number]
        ends = [np.min(values), np.max(values)]
        axes.scatter(*values, s=8, alpha=0.5, color=canvas.COLORS[0])
        axes.plot(ends, ends, color=canvas.INK, linewidth=0.8)
        axes.set_title(canvas.plain(targets[number]))
        axes.set(xlabel="true", ylabel="predicted")
    return canvas.svg(figure, "predictions", "Predicted and true numbers")


def draw(opened, analysis, rows):
    """The numbers of the split; none for a task of classes."""
    if not tasks.get(opened.recipe.task).has_targets:
        return
    count = len(opened.split)
    shown = np.linspace(0, count - 1, min(SHOWN, count)).astype(int)
    found = opened.outputs(shown)
    true = np.asarray(opened.split.y)[shown]
    svg = scatter(true, found, list(opened.recipe.targets))
    yield Picture("predictions", "Predicted and true numbers", svg)


FIGURE = Figure(position=70, draw=draw)
