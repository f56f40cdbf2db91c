"""Accuracy of pixels, and IoU."""

import math

from cmvq_keras.evaluation.measures.classification import Classification
from cmvq_keras.metrics import IntersectionOverUnion, iou_name
from cmvq_keras.models.labels import IGNORED_LABEL

MEASURES = {"segmentation": "SEGMENTATION"}


class Segmentation(Classification):
    """One class a pixel."""

    def score(self, recipe):
        """IoU, of each class and the mean."""
        return IntersectionOverUnion(recipe.classes, ignore_class=IGNORED_LABEL)

    def results(self, recipe, logs, metric):
        """Also IoU by class name, None for those that are not there."""
        scores = {name: logs[iou_name(name)] for name in recipe.classes}
        return {
            "iou": {
                name: None if math.isnan(score) else score
                for name, score in scores.items()
            },
            **super().results(recipe, logs, metric),
        }

    def grouped(self, recipe):
        """The IoU of each class."""
        return {iou_name(name) for name in recipe.classes}


SEGMENTATION = Segmentation()
