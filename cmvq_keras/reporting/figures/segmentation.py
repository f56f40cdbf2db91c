"""Predicted label maps beside the true ones (appendix, Fig. 2)."""

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data import render
from cmvq_keras.reporting import images
from cmvq_keras.reporting.figures.figure import Figure, Picture


def draw(opened, analysis, rows):
    """The maps of the shown samples; none for another task."""
    if not tasks.get(opened.recipe.task).has_maps:
        return
    maps = {
        "true": np.asarray(opened.split.y[rows]),
        "predicted": np.argmax(opened.outputs(rows), axis=-1),
    }
    columns = {
        title: [render.label_map(each, images.SIDE) for each in found]
        for title, found in maps.items()
    }
    png = images.png_bytes(images.sheet(columns))
    yield Picture("segmentation", "Label maps", png)


FIGURE = Figure(position=15, draw=draw)
