"""What is measured: complementarity (numpy), codes used, macro-F1, IoU."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cmvq_keras import old_names
from cmvq_keras import ops as method_ops
from cmvq_keras.distribution import replicas


def complementarity(shares: Mapping[str, Any]) -> dict[str, Any]:
    """Complementary and contradictory channels, and zeta (docs/method.md, Section 4).

    Percentages are of all M * D channels, as every table of the paper has them;
    its eq. 6 divides by D, which contradicts eq. 8.

    Args:
        shares: for each modality `(channels,)` values in [0, 1]: how much of the
            channel counts as complementary.

    Returns:
        A dictionary: "compl" and "contr" (percent by modality), "counts"
        (complementary channels by modality), "channels" (of all modalities) and
        "zeta": in [0, 1] for two modalities, 0 for one; for more a dictionary by
        modality, whose values may exceed 1, beside "pairwise_zeta" (App. 8).
    """
    counts = {name: float(np.sum(values)) for name, values in shares.items()}
    channels = sum(len(values) for values in shares.values())
    result = {
        "compl": {name: 100 * count / channels for name, count in counts.items()},
        "contr": {
            name: 100 * (len(values) - counts[name]) / channels
            for name, values in shares.items()
        },
        "counts": counts,
        "channels": channels,
    }
    return {**result, **balance(counts)}


def balance(values: Mapping[str, float]) -> dict[str, Any]:
    """zeta of what each modality gives, in any unit (docs/method.md, Section 4).

    Args:
        values: numbers >= 0 by modality.

    Returns:
        A dictionary with "zeta" and, for three modalities or more, "pairwise_zeta";
        see `complementarity`. A denominator of 0 gives 0.
    """
    if len(values) < 2:
        return {"zeta": 0.0}
    if len(values) == 2:
        return {"zeta": _balance(*values.values())}
    total = sum(values.values())
    return {
        "zeta": {name: _ratio(value, total - value) for name, value in values.items()},
        "pairwise_zeta": {
            f"{a},{b}": _balance(values[a], values[b])
            for a, b in itertools.combinations(values, 2)
        },
    }


def _balance(a, b):
    return _ratio(min(a, b), max(a, b))


def _ratio(numerator, denominator):
    return numerator / denominator if denominator else 0.0


class CodesUsed(keras.metrics.Metric):
    """How many codes occurred since the last reset: 0 to `num_embeddings`.

    A batch's perplexity depends on the batch; this count is of a whole epoch. For
    several groups of codes it is the mean over the groups.

    Args:
        num_embeddings: codes of each group.
        num_groups: groups.
    """

    def __init__(
        self,
        num_embeddings: int,
        num_groups: int = 1,
        name: str = "codes_used",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        shape = (num_groups, num_embeddings) if num_groups > 1 else (num_embeddings,)
        self.usage = self.add_variable(shape, "zeros", dtype="float32", name="usage")

    def update_state(self, counts):
        """Adds the counts of a batch, as `usage_perplexity` gives them."""
        self.usage.assign(self.usage + counts)

    def result(self):
        return ops.mean(ops.sum(ops.cast(self.usage > 0, "float32"), axis=-1))


@keras.saving.register_keras_serializable("cmvq_keras")
class Accuracy(keras.metrics.SparseCategoricalAccuracy):
    """The share of labels that the largest logit names, in [0, 1].

    Args:
        ignore_class: label that does not count, or None.
    """

    def __init__(
        self, ignore_class: int | None = None, name: str = "accuracy", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.ignore_class = ignore_class

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds labels `(batch, ...)` and logits `(batch, ..., classes)`."""
        counted = _counted(y_true, self.ignore_class, sample_weight)
        return super().update_state(y_true, y_pred, sample_weight=counted)

    def get_config(self):
        return {"name": self.name, "ignore_class": self.ignore_class}


class ConfusionMetric(keras.metrics.Metric):
    """What is measured from counts of true and predicted classes.

    Args:
        num_classes: J.
        ignore_class: label that does not count, or None.

    Attributes:
        confusion: `(true, predicted)` float32 counts since the last reset.
    """

    def __init__(
        self, num_classes: int, ignore_class: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.confusion = self.add_variable(
            (num_classes, num_classes), "zeros", dtype="float32", name="confusion"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds labels `(batch, ...)` and logits `(batch, ..., classes)`."""
        predicted = ops.reshape(ops.argmax(y_pred, axis=-1), (-1,))
        true = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        counted = _counted(y_true, self.ignore_class, sample_weight)
        counted = ops.reshape(counted, (-1,))
        if self.ignore_class is not None:
            true = ops.where(true == self.ignore_class, 0, true)
        cells = true * self.num_classes + ops.cast(predicted, "int32")
        counts = ops.segment_sum(counted, cells, num_segments=self.num_classes**2)
        self.confusion.assign(
            self.confusion + ops.reshape(counts, self.confusion.shape)
        )

    def hits_and_sizes(self) -> tuple[Any, Any]:
        """By class, `(num_classes,)` each: how often it was right, and how often it
        was true plus how often it was predicted."""
        sizes = ops.sum(self.confusion, axis=0) + ops.sum(self.confusion, axis=1)
        return ops.diagonal(self.confusion), sizes

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "ignore_class": self.ignore_class,
        }


@keras.saving.register_keras_serializable("cmvq_keras")
class MacroF1(ConfusionMetric):
    """The mean of the classes' F1 scores, in [0, 1]; classes that neither occur nor
    are predicted are left out.

    Args and attributes as in `ConfusionMetric`.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_class: int | None = None,
        name: str = "macro_f1",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, ignore_class, name=name, **kwargs)

    def result(self):
        hits, sizes = self.hits_and_sizes()
        return _mean_of_present(2 * hits / ops.maximum(sizes, 1.0), sizes)


@keras.saving.register_keras_serializable("cmvq_keras")
class IntersectionOverUnion(ConfusionMetric):
    """IoU: of the pixels that are a class or are taken for it, the share that is both.

    The result is a dictionary: "mean_iou" in [0, 1], of all classes that occur in the
    labels or in the predictions since the last reset; and one "<class>_iou" a class,
    NaN for the others. A class that occurs but is never found counts as 0, and so does
    one that is predicted but never occurs.

    Args:
        classes: their names.
        ignore_class: label of the pixels that do not count, or None.
    """

    def __init__(
        self,
        classes: Sequence[str],
        ignore_class: int | None = None,
        name: str = "iou",
        **kwargs: Any,
    ) -> None:
        super().__init__(len(classes), ignore_class, name=name, **kwargs)
        self.classes = tuple(classes)

    def result(self):
        hits, sizes = self.hits_and_sizes()
        scores = hits / ops.maximum(sizes - hits, 1.0)
        shown = ops.where(sizes > 0, scores, float("nan"))
        by_class = {iou_name(name): shown[i] for i, name in enumerate(self.classes)}
        return {"mean_iou": _mean_of_present(scores, sizes), **by_class}

    def get_config(self):
        config = super().get_config()
        del config["num_classes"]
        return {**config, "classes": list(self.classes)}


@keras.saving.register_keras_serializable("cmvq_keras")
class LabelAccuracy(keras.metrics.Mean):
    """The share of right entries of several labels a sample, in [0, 1].

    An entry is right where its logit is above 0 and its label 1, or neither.
    """

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds labels and logits, `(batch, classes)` each."""
        right = (y_pred > 0) == (ops.cast(y_true, "float32") > 0.5)
        values = ops.mean(ops.cast(right, "float32"), axis=-1)
        return super().update_state(values, sample_weight=sample_weight)


@keras.saving.register_keras_serializable("cmvq_keras")
class MultiLabelF1(keras.metrics.Metric):
    """The mean of the classes' F1 scores of several labels a sample, in [0, 1];
    classes that neither occur nor are predicted are left out.

    Args:
        num_classes: J.

    Attributes:
        counts: `(num_classes, 3)` float32 since the last reset: how often a class was
            right, how often it was true, how often it was predicted.
    """

    def __init__(self, num_classes: int, name: str = "macro_f1", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.counts = self.add_variable(
            (num_classes, 3), "zeros", dtype="float32", name="counts"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds labels and logits, `(batch, classes)` each."""
        true = ops.cast(y_true, "float32")
        found = ops.cast(y_pred > 0, "float32")
        entries = ops.stack([true * found, true, found], axis=-1)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1, 1))
            entries = entries * weights
        self.counts.assign(self.counts + ops.sum(entries, axis=0))

    def result(self):
        hits = self.counts[:, 0]
        sizes = self.counts[:, 1] + self.counts[:, 2]
        return _mean_of_present(2 * hits / ops.maximum(sizes, 1.0), sizes)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable("cmvq_keras")
class RegressionScores(keras.metrics.Metric):
    """R2, mean absolute error and root mean squared error of numbers.

    The result is a dictionary: "r2" (1 is perfect, 0 as good as the mean of these
    labels), "mae" and "rmse" in the targets' units; means over the targets where there
    are several. A target that does not vary has an R2 of 0.

    Args:
        offset, scale: of each target, near their mean and standard deviation, so that
            float32 sums lose no digits; None for 0 and 1.

    Attributes:
        sums: `(4, targets)` float32 since the last reset, in units of the scale:
            labels, their squares, absolute errors, squared errors. None before the
            first batch.
        weight: of the samples since the last reset.
    """

    def __init__(
        self,
        offset: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        name: str = "regression",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.offset = [0.0] if offset is None else list(offset)
        self.scale = [1.0] if scale is None else list(scale)
        self.sums = None
        self.weight = self.add_variable((), "zeros", dtype="float32", name="weight")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds labels and predictions, `(batch, targets)` each."""
        if self.sums is None:
            shape = (4, y_pred.shape[-1])
            self.sums = self.add_variable(shape, "zeros", dtype="float32", name="sums")
        offset = ops.convert_to_tensor(self.offset, "float32")
        scale = ops.convert_to_tensor(self.scale, "float32")
        true = (ops.cast(y_true, "float32") - offset) / scale
        error = (ops.cast(y_pred, "float32") - offset) / scale - true
        weights = ops.ones_like(true[:, 0])
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        values = ops.stack([true, ops.square(true), ops.abs(error), ops.square(error)])
        added = ops.sum(values * weights[None, :, None], axis=1)
        self.sums.assign(self.sums + added)
        self.weight.assign(self.weight + ops.sum(weights))

    def by_target(self) -> dict[str, Any]:
        """By "r2", "mae" and "rmse" those of each target, `(targets,)`."""
        scale = ops.convert_to_tensor(self.scale, "float32")
        weight = ops.maximum(self.weight, 1e-9)
        mean, squares, absolute, squared = ops.unstack(self.sums / weight, 4, axis=0)
        variance = squares - ops.square(mean)
        varies = variance > 1e-9
        r2 = ops.where(varies, 1 - squared / ops.where(varies, variance, 1.0), 0.0)
        return {"r2": r2, "mae": absolute * scale, "rmse": ops.sqrt(squared) * scale}

    def result(self):
        if self.sums is None:
            return dict.fromkeys(("r2", "mae", "rmse"), ops.zeros(()))
        return {name: ops.mean(values) for name, values in self.by_target().items()}

    def get_config(self):
        own = {"offset": self.offset, "scale": self.scale}
        return {**super().get_config(), **own}


def iou_name(class_name: str) -> str:
    """What the logs call a class's IoU."""
    return f"{class_name}_iou"


def _mean_of_present(scores, sizes):
    """The mean over classes that occur or are predicted; 0 without any."""
    present = ops.cast(sizes > 0, "float32")
    return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)


def _counted(labels, ignore_class, sample_weight):
    """Each label's weight: 0 for the ignored class, else its sample's, or 1."""
    labels = ops.convert_to_tensor(labels)
    counted = ops.ones_like(labels, dtype="float32")
    if ignore_class is not None:
        counted = ops.cast(labels != ignore_class, "float32")
    if sample_weight is None:
        return counted
    return counted * broadcast_weights(ops.cast(sample_weight, "float32"), labels)


def broadcast_weights(sample_weight: Any, labels: Any) -> Any:
    """Weights `(batch,)` or `(batch, ...)` in the shape of the labels."""
    missing = len(labels.shape) - len(sample_weight.shape)
    shape = (*ops.shape(sample_weight), *[1] * missing)
    return ops.broadcast_to(ops.reshape(sample_weight, shape), ops.shape(labels))


def usage_perplexity(
    indices: Any, num_embeddings: int, num_groups: int = 1
) -> tuple[Any, Any]:
    """How often each code occurs in a batch, and how evenly.

    Args:
        indices: as a `Quantizer` gives them.
        num_embeddings: codes of each group.
        num_groups: groups.

    Returns:
        Counts of all replicas, `(num_embeddings,)` float32, or for more than one group
        `(num_groups, num_embeddings)`; and their perplexity, a scalar from 1 to
        `num_embeddings`: the mean over the groups.
    """
    counts = method_ops.code_usage(indices, num_embeddings, num_groups)
    (counts,) = replicas.sums(counts)
    return counts, ops.mean(method_ops.perplexity(counts))


__getattr__ = old_names.getter(__name__)
