"""Numbers: one or several targets a sample."""

import numpy as np

from cmvq_keras.tasks.task import Task
from cmvq_keras.validation import must_be

TASKS = {"regression": "REGRESSION"}
_PARTS = 4  # of the first target's range, equally large


class Regression(Task):
    """A label is `(targets,)` numbers in the targets' own units."""

    score = "r2"
    score_word = "R2"
    selects = ("r2", "task_loss")
    has_targets = True
    dtype = "float32"
    strata_words = "quarter of the first target"

    def faults(self, recipe):
        """There must be a target, and no class."""
        if recipe.classes:
            yield must_be("classes", "empty for regression", recipe.classes)
        if not recipe.targets:
            yield "a recipe for regression needs at least one target. Received: none"

    def label_shape(self, recipe):
        """An entry a target."""
        return (len(recipe.targets),)

    def label_words(self, recipe):
        """Numbers."""
        return f"{len(recipe.targets)} finite numbers, one for each target"

    def checked(self, labels, recipe, where):
        """As that of `Task`; `(k,)` numbers serve for one target."""
        shape = len(labels), *self.label_shape(recipe)
        if labels.ndim == 1 and shape[1] == 1:
            labels = labels[:, None]
        if labels.shape != shape or labels.dtype.kind not in "uif":
            raise ValueError(
                f"{where}: a label must be {self.label_words(recipe)}. Received: "
                f"{labels.shape[1:]} {labels.dtype}"
            )
        labels = labels.astype(self.dtype)
        if not np.isfinite(labels).all():
            raise ValueError(
                f"{where}: a label must be {self.label_words(recipe)}. Received: a "
                "value that is not finite. Leave the sample out"
            )
        return labels

    def outside(self, labels, recipe):
        """Those that are not finite."""
        return int((~np.isfinite(labels)).sum())

    def counts(self, labels, recipe):
        """Every sample has a number for each target."""
        return np.isfinite(labels).sum(axis=0, dtype=np.int64)

    def word(self, label, recipe):
        """Each target with its number."""
        pairs = zip(recipe.targets, np.ravel(label), strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in pairs)

    def words(self, labels, recipe):
        """The quarter of the first target's values that it lies in."""
        values = np.asarray(labels)[:, 0]
        parts = self.strata(labels)
        found = np.empty(len(values), dtype=object)
        for part in np.unique(parts):
            held = values[parts == part]
            text = f"{next(iter(recipe.targets))} {held.min():.4g} to {held.max():.4g}"
            found[parts == part] = text
        return found.astype(str)

    def strata(self, labels):
        """Quarters of the first target's values."""
        values = np.asarray(labels)[:, 0]
        ends = np.quantile(values, np.arange(1, _PARTS) / _PARTS)
        return np.searchsorted(ends, values)


REGRESSION = Regression()
