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
    from matplotlib.patches import Rectangle

    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_aspect("equal")
    axes.set_xticks(range(len(names)), [canvas.plain(name) for name in names])
    axes.set_yticks(range(len(names)), [canvas.plain(name) for name in names])
    for (row, column), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            # The page's color, so that its text is read on it in both themes.
            style = {"facecolor": canvas.COLORS[0], "alpha": 0.6 * min(value, 1)}
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **style))
            axes.text(column, row, f"{value:.2f}", ha="center", va="center")
    return canvas.svg(figure, "pairwise_zeta", "Zeta of every pair")


def draw(opened, analysis, rows):
    """The matrix; none without a mask or for fewer than three modalities."""
    if opened.recipe.model.mask_mode == "none":
        return
    found = pairwise_matrix(analysis.complementarity)
    if found:
        names, matrix = found
        yield Picture("pairwise_zeta", "Zeta of every pair", heatmap(matrix, names))


FIGURE = Figure(position=50, draw=draw)
