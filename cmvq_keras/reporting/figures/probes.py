"""What linear probes read from the features."""

import numpy as np

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture


def bars(results):
    """What linear probes read, beside what they read of shuffled labels.

    Args:
        results: see `cmvq_keras.reporting.probes.probe`, by modality and part.
    """
    bars = [
        (f"{modality}\n{part}", result)
        for modality, by_part in results.items()
        for part, result in by_part.items()
    ]
    figure, ((axes,),) = canvas.axes_grid(height=3.0 if len(bars) <= 2 else 4.4)
    places = np.arange(len(bars))
    scores = [100 * result["accuracy"] for _, result in bars]
    axes.bar(places, scores, width=0.6, color=canvas.COLORS[0])
    for place, (_, result) in zip(places, bars, strict=True):
        low, high = (100 * value for value in result["permuted_interval"])
        label = "shuffled labels, 95 %" if place == 0 else None
        box = {"color": canvas.INK, "alpha": 0.35, "label": label}
        axes.fill_between((place - 0.4, place + 0.4), low, high + 0.3, **box)
    names = [canvas.plain(name) for name, _ in bars]
    axes.set_xticks(places, names, rotation=0 if len(bars) <= 2 else 90)
    axes.set(ylabel="accuracy (%)", ylim=(0, 100))
    figure.legend(loc="outside lower center")
    return canvas.svg(figure, "probes", "What linear probes read")


def draw(opened, analysis, rows):
    """The probes of each modality; none where samples have no single label."""
    if analysis.probes:
        title = f"Linear probes of {analysis.attribute}"
        yield Picture("probes", title, bars(analysis.probes))


FIGURE = Figure(position=90, draw=draw)
