"""Features in two dimensions (t-SNE)."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture


def scatter(points, labels, title):
    """Features in two dimensions, colored by their labels.

    Args:
        points: by modality and part `(n, 2)`, or None where there are none.
        labels: `(n,)` words.
        title: what the labels are.
    """
    parts = list(next(iter(points.values())))
    figure, grid = canvas.axes_grid(len(parts), 3.2, len(points))
    names = np.unique(labels)
    for row, (modality, by_part) in zip(grid, points.items(), strict=True):
        for axes, (part, places) in zip(row, by_part.items(), strict=True):
            axes.set(xticks=[], yticks=[])
            axes.set_title(canvas.plain(f"{modality}: {part}"), fontsize=canvas.TEXT)
            if places is None:
                middle = {"ha": "center", "va": "center", "fontsize": canvas.TEXT}
                axes.text(0.5, 0.5, "no channels", **middle)
                continue
            for number, name in enumerate(names):
                shown = labels == name
                color = _color(number, len(names))
                axes.scatter(
                    *places[shown].T, s=8, color=color, label=canvas.plain(str(name))
                )
    if len(names) <= canvas.NAMED_CLASSES:
        handles = next(
            (
                axes.get_legend_handles_labels()
                for axes in grid.flat
                if axes.collections
            ),
            ((), ()),
        )
        figure.legend(
            *handles,
            title=canvas.plain(title),
            title_fontsize=canvas.TEXT,
            ncols=4,
            handletextpad=0,
            columnspacing=0.5,
            loc="outside lower center",
        )
    return canvas.svg(figure, "projection", f"Features by {title}")


def _color(number, count):
    if count <= len(canvas.COLORS):
        return canvas.COLORS[number]
    from matplotlib import colormaps

    return colormaps["hsv"](number / count)


def draw(opened, analysis, rows):
    """The features of each modality; none where samples have no single label."""
    if analysis.points:
        svg = scatter(analysis.points, analysis.words, analysis.attribute)
        yield Picture("projection", f"Features by {analysis.attribute} (t-SNE)", svg)


FIGURE = Figure(position=80, draw=draw)
