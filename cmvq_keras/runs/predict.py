"""What a trained model says of samples: probabilities, or classes alone."""

import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cmvq_keras.batches import Batches
from cmvq_keras.data.store.reader import StoredArray
from cmvq_keras.evaluation.progress import StepProgress
from cmvq_keras.models import objectives
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run, as_run


def predict(run: str | os.PathLike | Run, x: Mapping[str, Any]) -> np.ndarray:
    """Probabilities of the classes; under regression the targets' numbers.

    Args:
        run: the run folder (or an open `Run`).
        x: dictionary of normalized arrays `(n, ...)` by modality, or the inputs of
            a split from a store.

    Returns:
        `(n, ..., classes)` float32: shares of one class each that add up to 1, or of
        each class by itself where a sample may have several. Under regression
        `(n, targets)`, in the targets' units.
    """
    run = as_run(run)
    model, x = _inference(run, x)
    batch_size = run.recipe.training.batch_size
    if any(isinstance(values, StoredArray) for values in x.values()):
        count = len(next(iter(x.values())))
        x, batch_size = Batches(x, np.zeros(count, np.int32), batch_size), None
    logits = model.predict(
        x, batch_size=batch_size, verbose=0, callbacks=[StepProgress()]
    )
    answers = objectives.get(run.recipe.task).answers
    return keras.ops.convert_to_numpy(answers(logits))


def predict_classes(run: str | os.PathLike | Run, x: Mapping[str, Any]):
    """The most probable classes, a batch at a time.

    Args:
        run, x: as in `predict`.

    Yields:
        `(batch, ...)` integers.
    """
    run = as_run(run)
    model, x = _inference(run, x)
    count = len(next(iter(x.values())))
    batches = Batches(x, np.zeros(count), run.recipe.training.batch_size)
    for index in range(len(batches)):
        inputs, _ = batches[index]
        logits = keras.ops.convert_to_numpy(model.predict_on_batch(inputs))
        yield logits.argmax(axis=-1)


def _inference(run, x):
    """A run's model for inference, and those of the inputs that it takes."""
    model = load_model(run).inference_model()
    missing = [name for name in model.input if name not in x]
    if missing:
        raise ValueError(
            f"The input must hold the modalities {', '.join(model.input)}. Received: "
            f"{', '.join(x)}"
        )
    return model, {name: x[name] for name in model.input}
