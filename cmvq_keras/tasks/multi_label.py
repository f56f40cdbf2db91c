"""Any number of classes a sample."""

import numpy as np

from cmvq_keras.tasks.task import Task

TASKS = {"multi-label": "MULTI_LABEL"}
SEPARATOR = "|"  # between two classes of a sample
NONE = "none"  # a sample without any
_FEW = 10  # samples of a combination that is kept in balance by itself


class MultiLabel(Task):
    """A label is `(classes,)` of 0 and 1."""

    strata_words = "combination of classes"

    def label_shape(self, recipe):
        """An entry a class."""
        return (len(recipe.classes),)

    def label_words(self, recipe):
        """Zeros and ones."""
        return f"{len(recipe.classes)} integers, 0 or 1 for each class"

    def limits(self, recipe):
        """No or yes."""
        return 0, 1

    def counts(self, labels, recipe):
        """Samples that have the class."""
        return (labels == 1).sum(axis=0, dtype=np.int64)

    def word(self, label, recipe):
        """The names of its classes."""
        found = [recipe.classes[place] for place in np.flatnonzero(label)]
        return SEPARATOR.join(found) or NONE

    def words(self, labels, recipe):
        """The names of each sample's classes."""
        return np.array([self.word(each, recipe) for each in np.asarray(labels)])

    def strata(self, labels):
        """The combination of classes; rare ones are one stratum."""
        _, found, counts = np.unique(
            labels, axis=0, return_inverse=True, return_counts=True
        )
        found = found.reshape(-1)
        return np.where(counts[found] < _FEW, len(counts), found)


MULTI_LABEL = MultiLabel()
