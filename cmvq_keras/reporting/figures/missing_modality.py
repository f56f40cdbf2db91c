"""The accuracy that is lost without each modality."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture


def bars(measured):
    """Points of accuracy that are lost without each modality, with their intervals.

    Args:
        measured: see `cmvq_keras.evaluation.missing_modality.measure`.
    """
    figure, ((axes,),) = canvas.axes_grid(height=2.8)
    drops = np.array([100 * each["drop"] for each in measured.values()])
    ends = np.array([100 * np.array(e["drop_interval"]) for e in measured.values()])
    reach = np.abs(ends - drops[:, None]).T
    axes.bar(range(len(measured)), drops, width=0.5, yerr=reach, capsize=4)
    axes.set_xticks(range(len(measured)), [canvas.plain(name) for name in measured])
    axes.set(ylabel="accuracy lost (points)")
    axes.axhline(0, color="black", linewidth=0.8)
    return canvas.png(figure)


def draw(opened, analysis, rows):
    """The bars; none for a task that sees one modality."""
    if measured := analysis.metrics.get("without"):
        yield Picture("missing_modality", "Without each modality", bars(measured))


FIGURE = Figure(position=55, draw=draw)
