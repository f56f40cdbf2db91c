"""The base of all tasks: what is asked of labels, as arrays and as words."""

import numpy as np

from cmvq_keras.validation import must_be

INTEGERS = "int32"


class Task:
    """One task. A subclass overrides what is special to it.

    Attributes:
        score: the logged number that is best at its highest.
        score_word: how a report calls it.
        selects: what `training.select_by` may be, besides "last".
        has_maps: whether a label is a map, decoded beside a sample's files.
        has_targets: whether a model gives numbers in the targets' units, and a recipe
            has `targets` in the place of `classes`.
        one_class: whether a sample has one class: then classes can be balanced and
            labels smoothed.
        dtype: of stored labels.
        strata_words: what `strata` keeps in balance, for messages.
    """

    score = "accuracy"
    score_word = "accuracy"
    selects = ("accuracy", "task_loss", "macro_f1")
    has_maps = False
    has_targets = False
    one_class = False
    dtype = INTEGERS
    strata_words = "class"

    def faults(self, recipe):
        """One line for each fault of a recipe's classes or targets.

        Args:
            recipe: a `cmvq_keras.recipe.Recipe`.
        """
        if recipe.targets:
            yield must_be("targets", f"empty for {recipe.task}", list(recipe.targets))
        listed = isinstance(recipe.classes, (tuple, list))
        if not listed or not all(isinstance(name, str) for name in recipe.classes):
            yield must_be("classes", "names", recipe.classes)
        if listed and len(recipe.classes) < 2:
            yield f"a recipe needs at least two classes. Received: {recipe.classes}"

    def label_shape(self, recipe):
        """The axes of one sample's label; -1 for any size."""
        return ()

    def checked(self, labels, recipe, where):
        """Labels as they are stored.

        Args:
            labels: `(k, ...)` array.
            recipe: the `Recipe`.
            where: what they are of, for the message.

        Raises:
            ValueError: for another shape or dtype, and for values out of range.
        """
        wanted = self.label_shape(recipe)
        if labels.dtype.kind not in "ui" or not _fits(labels.shape[1:], wanted):
            raise ValueError(
                f"{where}: a label must be {self.label_words(recipe)}. Received: "
                f"{labels.shape[1:]} {labels.dtype}"
            )
        low, high = self.limits(recipe)
        if labels.size and (labels.min() < low or labels.max() > high):
            raise ValueError(
                f"{where}: labels must be in [{low}, {high}]. Received: "
                f"{labels.min()} to {labels.max()}"
            )
        return labels.astype(self.dtype)

    def label_words(self, recipe):
        """What one label is, for messages."""
        return "one integer"

    def limits(self, recipe):
        """The lowest and the highest valid label."""
        return 0, len(recipe.classes) - 1

    def outside(self, labels, recipe):
        """How many stored values are no labels."""
        low, high = self.limits(recipe)
        return int(((labels < low) | (labels > high)).sum())

    def counts(self, labels, recipe):
        """How often each class or target has a label, `(outputs,)` integers.

        Args:
            labels: stored ones, `(k, ...)`; those out of range do not count.
            recipe: the `Recipe`.
        """
        count = len(recipe.classes)
        valid = labels[(labels >= 0) & (labels < count)]
        return np.bincount(valid.ravel(), minlength=count)

    def word(self, label, recipe):
        """One sample's label for people, on one line."""
        return recipe.classes[label]

    def words(self, labels, recipe):
        """A word a sample, by which features are coloured and probed; None where there
        is none.

        Args:
            labels: `(n, ...)` array.
            recipe: the `Recipe`.
        """
        return np.asarray(recipe.classes)[np.asarray(labels)]

    def strata(self, labels):
        """`(n,)` integers: what a split of the samples keeps in balance."""
        return np.asarray(labels)


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(
        size == each or each == -1 for size, each in zip(shape, wanted, strict=True)
    )
