"""What a Keras classifier gives for each subset of its modalities."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cmvq_keras import validation
from cmvq_keras.batches import Batches, even_batch_size
from cmvq_keras.evaluation.submodels import submodel
from cmvq_keras.models.multimodal import MultimodalClassifier

WAYS = ("model", "zeros", "mean", "shuffle")
_ROWS = 256  # of an input in memory at a time


class SubsetOutputs:
    """A classifier's outputs on samples, with some of their modalities left out.

    Args:
        model: a Keras model, or any callable, from a dictionary of inputs to outputs.
        x: by input, `(n, ...)`.
        y: labels `(n, ...)`.
        groups: by modality, the names of its inputs.
        without: as in `cmvq_keras.evaluation.contribution.contribution`.
        batch_size: samples a batch.
        seed: of "shuffle".

    Raises:
        ValueError: for an unknown way, and one that the model or an input rules out.
    """

    def __init__(
        self,
        model: Callable[[dict[str, Any]], Any],
        x: Mapping[str, Any],
        y: Any,
        *,
        groups: Mapping[str, Sequence[str]],
        without: str | Callable[[dict[str, Any], tuple[str, ...]], dict[str, Any]],
        batch_size: int,
        seed: int = 0,
    ) -> None:
        self.model, self.x, self.y, self.groups = model, x, y, groups
        self.batch_size = even_batch_size(len(y), batch_size)
        self.without = without
        if not callable(without):
            validation.one_of(without, WAYS, "`without`")
        if without == "model" and not isinstance(model, MultimodalClassifier):
            raise ValueError(
                '`without="model"` is for models of cmvq_keras, which know how to do '
                f"without a modality. Received: {type(model).__name__}. Take zeros, "
                "mean, shuffle, or a function of your own"
            )
        named = [name for names in groups.values() for name in names]
        if without == "mean":
            self._means = {name: _mean(name, x[name]) for name in named}
        if without == "shuffle":
            self._others = _others(groups, len(y), seed)

    def batches(self, kept: Sequence[str]) -> Iterator[tuple[Any, np.ndarray]]:
        """The outputs and labels of each batch.

        Args:
            kept: the modalities that are not left out; at least one.
        """
        lost = [name for name in self.groups if name not in kept]
        missing = tuple(name for group in lost for name in self.groups[group])
        if self.without == "model":
            task = submodel(self.model, missing)  # pyright: ignore
            x = {name: self.x[name] for name in task.input}
            batches = Batches(x, self.y, self.batch_size)
        else:
            task = self.model
            batches = Batches(self.x, self.y, self.batch_size)
        call = getattr(task, "predict_on_batch", task)
        for index in range(len(batches)):
            x, y = batches[index]
            if missing and self.without != "model":
                x = self._changed(x, batches.local_shard(index), lost, missing)
            yield call(x), y

    def _changed(self, x, rows, lost, missing):
        """A batch with other values in the missing inputs' places."""
        if callable(self.without):
            return self.without(x, missing)
        if self.without == "zeros":
            return x | {name: np.zeros_like(x[name]) for name in missing}
        if self.without == "mean":
            return x | {name: _repeated(self._means[name], x[name]) for name in missing}
        return x | {
            name: np.asarray(self.x[name])[self._others[group][rows]]
            for group in lost
            for name in self.groups[group]
        }


def _repeated(mean, values):
    return np.broadcast_to(mean, values.shape).astype(values.dtype)


def _mean(name, values):
    if np.asarray(values[:1]).dtype.kind != "f":
        raise ValueError(
            f'`without="mean"` needs inputs of floats. Received: {name} of dtype '
            f"{np.asarray(values[:1]).dtype}. Take zeros, shuffle, or a function"
        )
    starts = range(0, len(values), _ROWS)
    total = sum(
        np.sum(values[start : start + _ROWS], axis=0, dtype=np.float64)
        for start in starts
    )
    return total / len(values)


def _others(groups, count, seed):
    """By modality, for each sample the row of another one."""
    generator = np.random.default_rng(seed)
    found = {}
    for name in groups:
        order = generator.permutation(count)
        found[name] = np.empty(count, np.int64)
        # Each takes the next one's in a drawn order: nobody keeps its own.
        found[name][order] = np.roll(order, -1)
    return found
