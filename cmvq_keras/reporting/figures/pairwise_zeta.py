"""Zeta of every pair of modalities."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture


def pairwise_matrix(complementarity):
    """`(names, matrix)` of zeta by pair, NaN on the diagonal; None for fewer than
    three modalities."""
    if "pairwise_zeta" not in complementarity:
        return None
    names = list(complementarity["counts"])
    matrix = np.full((len(names), len(names)), np.nan)
    for pair, value in complementarity["pairwise_zeta"].items():
        first, second = (names.index(name) for name in pair.split(","))
        matrix[first, second] = matrix[second, first] = value
    return names, matrix


def heatmap(matrix, names):
    """Zeta of every pair of modalities.

    Args:
        matrix: `(modalities, modalities)`, NaN on the diagonal.
        names: of the modalities.
    """
    figure, ((axes,),) = canvas.axes_grid(height=4.2)
    image = axes.imshow(matrix, cmap="viridis", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), [canvas.plain(name) for name in names])
    axes.set_yticks(range(len(names)), [canvas.plain(name) for name in names])
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none"}
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", bbox=box)
    figure.colorbar(image, label="pairwise zeta")
    return canvas.png(figure)


def draw(opened, analysis, rows):
    """The matrix; none without a mask or for fewer than three modalities."""
    if opened.recipe.model.mask_mode == "none":
        return
    found = pairwise_matrix(analysis.complementarity)
    if found:
        names, matrix = found
        yield Picture("pairwise_zeta", "Zeta of every pair", heatmap(matrix, names))


FIGURE = Figure(position=50, draw=draw)
