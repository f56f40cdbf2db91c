"""Which class was predicted for each true one."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture


def heatmap(counts, classes):
    """Which class was predicted for each true one, in shares of the true class.

    Args:
        counts: `(true, predicted)`.
        classes: names.
    """
    counts = np.asarray(counts, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, ((axes,),) = canvas.axes_grid(height=5.2)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= canvas.NAMED_CLASSES:
        names = [canvas.plain(name) for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    figure.colorbar(image, label="share of the true class")
    return canvas.png(figure)


def draw(opened, analysis, rows):
    """The confusion of the split."""
    png = heatmap(analysis.metrics["confusion"], opened.recipe.classes)
    yield Picture("confusion", "Which class was predicted", png)


FIGURE = Figure(position=70, draw=draw)
