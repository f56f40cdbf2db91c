"""A model's outputs with all modalities and without each of them, by batch."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cmvq_keras.batches import inference_batches
from cmvq_keras.models import stages


def outputs(
    model: Any, recipe: Any, split: Any
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Each batch is encoded once, whatever is left out afterwards.

    Args:
        model: a built `MultimodalClassifier`.
        recipe: its `Recipe`.
        split: a `cmvq_keras.data.split.Split`.

    Yields:
        By what is left out, "" for nothing, the outputs `(batch, ..., outputs)`
        float32; and the labels. Of a task that sees one modality nothing is left out.
    """
    encoder, solver = stages.encoder(model, model.task_modalities), stages.solver(model)
    batches = inference_batches(recipe, split, model.task_modalities)
    for index in range(len(batches)):
        x, labels = batches[index]
        yield stages.on_batch(solver, stages.on_batch(encoder, x)), labels
