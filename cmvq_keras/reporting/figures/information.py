"""Bits of the label that each modality adds."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture

LEAST = 0.2  # bits that the axis reaches at least
STYLE = {"color": canvas.COLORS[0], "ecolor": canvas.INK, "capsize": 4}


def bars(measured):
    """The bits of the label that each modality adds, with their intervals.

    Args:
        measured: see `cmvq_keras.evaluation.conditional_information.measure`.
    """
    figure, ((axes,),) = canvas.axes_grid()
    names = list(measured["bits"])
    bits = np.array([measured["bits"][name] for name in names])
    ends = np.array([measured["interval"][name] for name in names])
    reach = np.abs(ends - bits[:, None]).T
    axes.bar(range(len(names)), bits, width=0.5, yerr=reach, **STYLE)
    axes.set_xticks(range(len(names)), [canvas.plain(name) for name in names])
    axes.set(ylabel="bits it adds")
    canvas.set_reach(axes, ends, LEAST)
    axes.axhline(0, color=canvas.INK, linewidth=0.8)
    return canvas.svg(
        figure, "information", "Bits of the label that each modality adds"
    )


def draw(opened, analysis, rows):
    """The bars; none where the bits were not measured."""
    if "information" in analysis.metrics:
        title = "Bits of the label that each modality adds to the others"
        yield Picture("information", title, bars(analysis.metrics["information"]))


FIGURE = Figure(position=60, draw=draw)
