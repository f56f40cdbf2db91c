"""One class a pixel."""

import numpy as np

from cmvq_keras.tasks.task import Task

TASKS = {"segmentation": "SEGMENTATION"}


class Segmentation(Task):
    """A label is a map `(height, width)` of places in the recipe's classes; -1 marks a
    pixel without a class."""

    score = "mean_iou"
    selects = ("accuracy", "task_loss", "mean_iou")
    has_maps = True

    def label_shape(self, recipe):
        """Height and width, of any size."""
        return -1, -1

    def label_words(self, recipe):
        """A map."""
        return "(height, width) integers"

    def limits(self, recipe):
        """-1 is no class."""
        return -1, len(recipe.classes) - 1

    def word(self, label, recipe):
        """How many classes it has."""
        return f"{(np.unique(label) >= 0).sum()} classes"

    def words(self, labels, recipe):
        """A sample has no single word."""
        return None


SEGMENTATION = Segmentation()
