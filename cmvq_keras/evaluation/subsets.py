"""What a classifier knows with each subset of its modalities."""

import dataclasses
from typing import Any

import keras
import numpy as np

from cmvq_keras.evaluation import temperature
from cmvq_keras.evaluation.measures.classification import (
    class_costs,
    counted,
    right_labels,
)
from cmvq_keras.evaluation.subset_outputs import SubsetOutputs
from cmvq_keras.models import labels as model_labels

_LEAST = 1e-30  # a probability that float32 still holds


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one subset of the modalities tells, by sample.

    Args:
        bits: `(n,)` calibrated cross entropy, summed over a sample's labels.
        hits: `(n,)` right labels.
        sizes: `(n,)` labels that count.
        probabilities: `(n, classes)` float64, calibrated; None where a sample has
            several labels, and for the empty subset.
    """

    bits: np.ndarray
    hits: np.ndarray
    sizes: np.ndarray
    probabilities: np.ndarray | None = None


class Subsets:
    """The `Outcome`s of a classifier, each measured when it is first asked for.

    The empty subset knows how often each class occurs among the samples and nothing
    else.

    Args:
        outputs: of the classifier, for any subset.
        from_logits: whether the outputs are logits; None to find out by the first
            batch. Probabilities are at least 0 and sum to 1.
        ignore_class: label that does not count, or None.
    """

    def __init__(
        self,
        outputs: SubsetOutputs,
        *,
        from_logits: bool | None = None,
        ignore_class: int | None = None,
    ) -> None:
        self._source = outputs
        self.from_logits = from_logits
        self._ignored = ignore_class
        self._found: dict[tuple[str, ...], Outcome] = {}

    def __getitem__(self, kept: tuple[str, ...]) -> Outcome:
        if kept not in self._found:
            self._found[kept] = self._measured(kept) if kept else self._prior()
        return self._found[kept]

    def __len__(self) -> int:
        return len(self._found)

    def _measured(self, kept):
        parts = []
        for outputs, labels in self._source.batches(kept):
            logits = self._logits(outputs)[: len(labels)]
            self._check(labels, logits)
            costs = temperature.costs(logits, labels, self._ignored)
            hits = right_labels(logits, labels, self._ignored)
            parts.append((*costs, hits, logits if logits.ndim == 2 else None))
        totals, sizes, hits, logits = zip(*parts, strict=True)
        totals, sizes = np.concatenate(totals), np.concatenate(sizes)
        bits = temperature.calibrated(totals, sizes)
        shares = None
        if logits[0] is not None:
            best = temperature.TEMPERATURES[totals.sum(axis=0).argmin()]
            shares = _softmax(np.concatenate(logits) / best)
        return Outcome(bits, np.concatenate(hits), sizes, shares)

    def _check(self, labels, logits):
        model_labels.align_labels(labels, logits)
        axes, classes = logits.ndim - 1, logits.shape[-1]
        model_labels.check_values(labels, axes, classes, self._ignored)

    def _logits(self, outputs):
        """`(batch, ..., classes)` float64 of a model's outputs."""
        found = np.asarray(keras.ops.convert_to_numpy(_only(outputs)), np.float64)
        if found.ndim < 2:
            raise ValueError(
                "The model must give a number per class, (batch, ..., classes). "
                f"Received: outputs of shape {found.shape}"
            )
        # -inf is a class that is ruled out.
        if not np.all(found < np.inf):
            raise ValueError(
                "The model must give finite numbers. Received: NaN or infinity. Its "
                "weights or inputs may hold such values"
            )
        binary = found.shape[-1] == 1
        if self.from_logits is None:
            self.from_logits = not _are_probabilities(found, binary)
        if binary:
            other = np.zeros_like(found) if self.from_logits else 1 - found
            found = np.concatenate([other, found], axis=-1)
        return found if self.from_logits else np.log(np.maximum(found, _LEAST))

    def _prior(self):
        labels = np.asarray(self._source.y)
        bits = class_costs(labels, self._ignored)
        counts = counted(labels, self._ignored)
        labels = labels.reshape(counts.shape)
        frequent = np.bincount(labels[counts], minlength=1).argmax()
        hits = ((labels == frequent) & counts).sum(axis=1)
        return Outcome(bits, hits, counts.sum(axis=1).astype(np.float64))


def _only(outputs: Any) -> Any:
    """The outputs of the task."""
    if not isinstance(outputs, dict):
        return outputs
    if "task" in outputs:
        return outputs["task"]
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    raise ValueError(
        "The model must have one output, or one named task. Received: "
        f"{', '.join(map(str, outputs))}"
    )


def _are_probabilities(values, binary):
    inside = values.min() >= 0 and values.max() <= 1 + 1e-3
    return inside and (binary or np.allclose(values.sum(axis=-1), 1, atol=1e-2))


def _softmax(logits):
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)
