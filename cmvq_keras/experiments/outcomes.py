"""A trial's answers, sample by sample, and the scores of any draw of samples."""

import math

import numpy as np
from scipy.special import logsumexp

from cmvq_keras import fileio
from cmvq_keras.data.formats import npy
from cmvq_keras.models.labels import IGNORED_LABEL

PREDICTIONS, CONFUSIONS = "predictions.npy", "confusions.npy"
_CONSTANT = 1e-9  # variance of a draw, in that of all samples: it does not vary


class Outcomes:
    """What a model has answered to each test sample.

    Args:
        values: a row a sample, maybe memory-mapped.
        classes: how many classes or targets there are.

    Attributes:
        file: where they are kept in a trial's folder.
        dtype: of the values.
        score_name, second_name: the metrics of a run that `scores` and `second` are.
    """

    file, dtype = PREDICTIONS, npy.LABELS
    score_name, second_name = "accuracy", "macro_f1"

    def __init__(self, values, classes):
        self.values = values
        self.classes = classes

    def __len__(self):
        return len(self.values)

    @staticmethod
    def row_shape(classes):
        """The shape of one sample's row."""
        return classes, 2

    @staticmethod
    def decided(outputs):
        """The answers from a model's outputs, `(batch, ...)`."""
        return outputs.argmax(axis=-1)

    @staticmethod
    def rows(labels, decided, classes):
        """The rows of a batch.

        Args:
            labels, decided: `(batch, ...)`.
            classes: how many classes or targets there are.
        """
        return np.stack([labels, decided], axis=-1)

    @staticmethod
    def costs(labels, outputs):
        """-log of the probability of each label that counts, float64 nats; None for
        a model that gives no probabilities."""
        outputs = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
        labels = labels.reshape(-1)
        counted = labels != IGNORED_LABEL
        outputs, labels = outputs[counted], labels[counted]
        right = outputs[np.arange(len(labels)), labels]
        return logsumexp(outputs, axis=1) - right

    def scores(self, counts):
        """The score of each draw of samples, 1 at most.

        Args:
            counts: `(draws, n)`: how often each sample is in each draw.

        Returns:
            `(draws,)` float64.
        """
        raise NotImplementedError

    def score(self):
        """The score of all samples."""
        return float(self.scores(np.ones((1, len(self)), np.int64))[0])

    def second(self):
        """A second score of all samples."""
        raise NotImplementedError

    def chance(self):
        """The score of one who knows only how often each label occurs among these;
        None where that is not defined."""
        return None


class Answers(Outcomes):
    """Labels and predicted classes of samples with one label each.

    Args:
        values: `(n, 2)` integers: the label and the predicted class.
        classes: how many there are.
    """

    @staticmethod
    def row_shape(classes):
        return (2,)

    def scores(self, counts):
        """Accuracies in [0, 1]."""
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

    def chance(self):
        """The share of the commonest class."""
        counts = self.confusion().sum(axis=1)
        return float(counts.max() / counts.sum())


class Confusions(Outcomes):
    """Counts of true and predicted classes of samples with a label a pixel.

    Args:
        values: `(n, classes, classes)` integers, maybe memory-mapped.
        classes: how many there are.
    """

    file, score_name, second_name = CONFUSIONS, "mean_iou", "accuracy"

    @staticmethod
    def row_shape(classes):
        return classes, classes

    @staticmethod
    def rows(labels, decided, classes):
        rows = []
        for true, found in zip(labels, decided, strict=True):
            counted = true != IGNORED_LABEL
            cells = true[counted].astype(np.int64) * classes + found[counted]
            rows.append(np.bincount(cells, minlength=classes**2))
        return np.array(rows).reshape(-1, classes, classes)

    def scores(self, counts):
        """Mean IoU in [0, 1] of the pixels of each draw."""
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


class Entries(Outcomes):
    """Several labels a sample: each class is a question of its own.

    Args:
        values: `(n, classes, 2)` of 0 and 1: labels and answers.
        classes: how many there are.
    """

    @staticmethod
    def decided(outputs):
        return outputs > 0

    @staticmethod
    def costs(labels, outputs):
        outputs = outputs.astype(np.float64)
        return np.logaddexp(0, np.where(labels > 0, -outputs, outputs)).ravel()

    def scores(self, counts):
        """Shares of right answers in [0, 1]."""
        right = self.values[..., 0] == self.values[..., 1]
        return counts @ right.mean(axis=1) / len(self)

    def second(self):
        """Macro-F1 in [0, 1], see `cmvq_keras.metrics.MultiLabelF1`."""
        true, found = np.moveaxis(self.values.astype(bool), -1, 0)
        sizes = true.sum(axis=0) + found.sum(axis=0)
        scores = 2 * (true & found).sum(axis=0) / np.maximum(sizes, 1)
        return float(scores[sizes > 0].mean()) if sizes.any() else 0.0

    def chance(self):
        """The share that the commoner answer to each class has."""
        shares = self.values[..., 0].mean(axis=0)
        return float(np.maximum(shares, 1 - shares).mean())


class Numbers(Outcomes):
    """Labels and predictions of a regression.

    Args:
        values: `(n, targets, 2)` numbers in the targets' units.
        classes: how many targets there are.
    """

    dtype = "float32"
    score_name, second_name = "r2", "mae"

    @staticmethod
    def decided(outputs):
        return outputs

    @staticmethod
    def costs(labels, outputs):
        return None

    def scores(self, counts):
        """R2, the mean over the targets; 0 for one that does not vary."""
        true, found = np.moveaxis(np.asarray(self.values, np.float64), -1, 0)
        shares = np.asarray(counts, np.float64) / len(self)
        centred = true - true.mean(axis=0)
        least = _CONSTANT * np.square(centred).mean(axis=0)
        variance = shares @ np.square(centred) - np.square(shares @ centred)
        varies = variance > least
        errors = shares @ np.square(found - true)
        return np.where(varies, 1 - errors / np.where(varies, variance, 1.0), 0.0).mean(
            axis=1
        )

    def second(self):
        """The mean absolute error in the targets' units, the mean over them."""
        true, found = np.moveaxis(np.asarray(self.values, np.float64), -1, 0)
        return float(np.abs(found - true).mean())

    def chance(self):
        """R2 of always naming the mean."""
        return 0.0


_KINDS = {
    "classification": Answers,
    "segmentation": Confusions,
    "multi-label": Entries,
    "regression": Numbers,
}


def kind(recipe):
    """The class below `Outcomes` that holds a recipe's."""
    return _KINDS[recipe.task]


def of_recipe(values, recipe):
    """The `Outcomes` of some rows.

    Args:
        values: see the class.
        recipe: the `Recipe`.
    """
    return kind(recipe)(values, len(recipe.outputs))


def of_batch(labels, decided, recipe):
    """What is kept of a batch, a row a sample, as `Outcomes.values`.

    Args:
        labels, decided: `(batch, ...)`; the latter of `Outcomes.decided`.
        recipe: the `Recipe`.
    """
    own = kind(recipe)
    return own.rows(labels, decided, len(recipe.outputs)).astype(own.dtype)


def write(folder, values, recipe):
    """Writes outcomes into a trial's folder."""
    own = kind(recipe)
    with npy.RowWriter(folder / own.file, own.dtype, values.shape[1:]) as writer:
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
    shape = (n, *own.row_shape(len(recipe.outputs)))
    path = folder / own.file
    with fileio.opened(path, ".npy file", root=folder) as file:
        npy.read_header(file, fileio.size(file))
        size = file.tell() + 4 * math.prod(shape)
    return of_recipe(npy.open_rows(path, own.dtype, shape, size, folder), recipe)
