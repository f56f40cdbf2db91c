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
    axes.hist(
        values, bins=30, stacked=True, label=[canvas.plain(name) for name in weights]
    )
    axes.axvline(threshold, color="black", linestyle="--", label="threshold")
    axes.set(xlabel="weight of a channel", ylabel="channels")
    axes.legend(fontsize=8)
    return canvas.png(figure)


def draw(opened, analysis, rows):
    """The weights of all modalities with the threshold; none without a mask."""
    if opened.recipe.model.mask_mode == "none":
        return
    threshold = opened.recipe.model.threshold
    png = histogram(analysis.weights, threshold)
    yield Picture("mask", "The mask's weights", png)


FIGURE = Figure(position=40, draw=draw)
