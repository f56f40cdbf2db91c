"""The accuracy that is lost without each modality."""

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture

LEAST = 0.1  # of the score, that the axis reaches at least
STYLE = {"color": canvas.COLORS[0], "ecolor": canvas.INK, "capsize": 4}


def bars(measured, score="accuracy"):
    """What of the score is lost without each modality, with its interval.

    Args:
        measured: see `cmvq_keras.evaluation.missing_modality.measure`.
        score: "accuracy", in points, or "R2".
    """
    factor, unit = (1, "") if score == "R2" else (100, " (points)")
    figure, ((axes,),) = canvas.axes_grid(height=2.8)
    drops = np.array([factor * each["drop"] for each in measured.values()])
    ends = np.array([factor * np.array(e["drop_interval"]) for e in measured.values()])
    reach = np.abs(ends - drops[:, None]).T
    axes.bar(range(len(measured)), drops, width=0.5, yerr=reach, **STYLE)
    axes.set_xticks(range(len(measured)), [canvas.plain(name) for name in measured])
    axes.set(ylabel=f"{score} lost{unit}")
    canvas.set_reach(axes, ends, factor * LEAST)
    axes.axhline(0, color=canvas.INK, linewidth=0.8)
    title = f"{score[0].upper()}{score[1:]} lost without each modality"
    return canvas.svg(figure, "missing_modality", title)


def draw(opened, analysis, rows):
    """The bars; none for a task that sees one modality."""
    if measured := analysis.metrics.get("without"):
        svg = bars(measured, tasks.get(opened.recipe.task).score_word)
        yield Picture("missing_modality", "Without each modality", svg)


FIGURE = Figure(position=55, draw=draw)
