"""The weights of the mask."""

from cmvq_keras.reporting import canvas
from cmvq_keras.reporting.figures.figure import Figure, Picture


def histogram(weights, threshold):
    """Histogram of the mask's weights with its threshold.

    Args:
        weights: `(channels,)` by modality.
        threshold: t; channels above it are complementary.
    """
    figure, ((axes,),) = canvas.axes_grid()
    values = list(weights.values())
    labels = [canvas.plain(name) for name in weights]
    axes.hist(values, bins=30, stacked=True, label=labels, color=_colors(len(labels)))
    axes.axvline(threshold, color=canvas.INK, linestyle="--", label="threshold")
    axes.set(xlabel="weight of a channel", ylabel="channels")
    axes.xaxis.get_major_locator().set_params(nbins=5)
    figure.legend(loc="outside lower center", ncols=3)
    return canvas.svg(figure, "mask", "Weights of the mask")


def _colors(count):
    return [canvas.COLORS[number % len(canvas.COLORS)] for number in range(count)]


def draw(opened, analysis, rows):
    """The weights of all modalities with the threshold; none without a mask."""
    if opened.recipe.model.mask_mode == "none":
        return
    threshold = opened.recipe.model.threshold
    svg = histogram(analysis.weights, threshold)
    yield Picture("mask", "The mask's weights", svg)


FIGURE = Figure(position=40, draw=draw)
