"""A trial's answers, sample by sample, and the scores of any draw of samples."""

import math

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data.formats import npy
from cmvq_keras.models.labels import IGNORED_LABEL

PREDICTIONS, CONFUSIONS = "predictions.npy", "confusions.npy"


class Answers:
    """Labels and predicted classes of samples with one label each.

    Args:
        pairs: `(n, 2)` integers: the label and the predicted class.
        classes: how many there are.
    """

    file, score_name, second_name = PREDICTIONS, "accuracy", "macro_f1"

    def __init__(self, pairs, classes):
        self.values = pairs
        self.classes = classes

    def __len__(self):
        return len(self.values)

    def scores(self, counts):
        """Accuracies in [0, 1].

        Args:
            counts: `(draws, n)`: how often each sample is in each draw.

        Returns:
            `(draws,)` float64.
        """
        hits = (self.values[:, 0] == self.values[:, 1]).astype(np.float32)
        # Whole numbers below 2**24 are exact in float32.
        return (counts.astype(np.float32) @ hits).astype(np.float64) / len(self)

    def confusion(self):
        """`(true, predicted)` counts."""
        cells = self.values[:, 0] * self.classes + self.values[:, 1]
        counts = np.bincount(cells, minlength=self.classes**2)
        return counts.reshape(self.classes, self.classes)

    def second(self):
        """Macro-F1 in [0, 1], see `cmvq_keras.metrics.MacroF1`."""
        confusion = self.confusion()
        sizes = confusion.sum(axis=0) + confusion.sum(axis=1)
        scores = 2 * np.diagonal(confusion) / np.maximum(sizes, 1)
        return float(scores[sizes > 0].mean())


class Confusions:
    """Counts of true and predicted classes of samples with a label a pixel.

    Args:
        counts: `(n, classes, classes)` integers, maybe memory-mapped.
        classes: how many there are.
    """

    file, score_name, second_name = CONFUSIONS, "mean_iou", "accuracy"

    def __init__(self, counts, classes):
        self.values = counts
        self.classes = classes

    def __len__(self):
        return len(self.values)

    def scores(self, counts):
        """Mean IoU in [0, 1] of the pixels of each draw; see `Answers.scores`."""
        flat = self.values.reshape(len(self), -1).astype(np.float64)
        pooled = (counts @ flat).reshape(-1, self.classes, self.classes)
        hits = np.diagonal(pooled, axis1=1, axis2=2)
        sizes = pooled.sum(axis=1) + pooled.sum(axis=2)
        shares = hits / np.maximum(sizes - hits, 1)
        present = sizes > 0
        return (shares * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)

    def confusion(self):
        """`(true, predicted)` counts of all pixels."""
        return self.values.sum(axis=0, dtype=np.int64)

    def second(self):
        """The share of pixels that are right, in [0, 1]."""
        confusion = self.confusion()
        return float(np.trace(confusion) / max(confusion.sum(), 1))


def kind(recipe):
    """The class that holds a recipe's outcomes."""
    return Confusions if recipe.task == "segmentation" else Answers


def of_batch(labels, predicted, recipe):
    """What is kept of a batch, a row a sample; see `Answers` and `Confusions`.

    Args:
        labels, predicted: `(batch, ...)` integers.
        recipe: the `Recipe`.

    Returns:
        int32 `(batch, 2)`, or under segmentation `(batch, classes, classes)`.
    """
    if recipe.task != "segmentation":
        return np.stack([labels.ravel(), predicted.ravel()], axis=1).astype(np.int32)
    count = len(recipe.classes)
    rows = []
    for true, found in zip(labels, predicted, strict=True):
        counted = true != IGNORED_LABEL
        cells = true[counted].astype(np.int64) * count + found[counted]
        rows.append(np.bincount(cells, minlength=count**2).reshape(count, count))
    return np.array(rows, np.int32)


def write(folder, values, recipe):
    """Writes outcomes into a trial's folder."""
    with npy.RowWriter(
        folder / kind(recipe).file, npy.LABELS, values.shape[1:]
    ) as writer:
        writer.append(values)


def read(folder, recipe, n):
    """The outcomes of a trial's folder, memory-mapped.

    Args:
        folder: `pathlib.Path`.
        recipe: the trial's `Recipe`.
        n: how many samples there have to be.

    Raises:
        ValueError: for a file that is not what it should be.
        FileNotFoundError: when it is not there.
    """
    own = kind(recipe)
    classes = len(recipe.classes)
    shape = (n, 2) if own is Answers else (n, classes, classes)
    path = folder / own.file
    with fileio.opened(path, ".npy file", root=folder) as file:
        npy.read_header(file, fileio.size(file))
        size = file.tell() + 4 * math.prod(shape)
    values = npy.open_rows(path, npy.LABELS, shape, size, folder)
    return own(values, classes)
