"""What a model still scores where a modality is missing: zeros in its channels."""

import keras
import numpy as np

from cmvq_keras import validation
from cmvq_keras.batches import inference_batches
from cmvq_keras.evaluation import measures, scores
from cmvq_keras.evaluation.submodels import submodel


def check(recipe, names):
    """Checks that each modality can be left out by itself.

    Args:
        recipe: the `Recipe` of a run.
        names: modalities.

    Raises:
        ValueError: for an unknown name, and where the task would see nothing.
    """
    seen = recipe.task_modalities or tuple(recipe.modalities)
    for name in names:
        validation.one_of(name, seen, "modality to leave out")
        if len(seen) == 1:
            raise ValueError(
                f"The task must see another modality besides {name}. Received: a run "
                "with only one"
            )


def measure(model, recipe, split, names):
    """The task's scores on a split without one modality, which is not even read.

    A model that was trained without modality dropout was not trained for it: a low
    score then says how much it leans on the modality, not how much the others know.

    Args:
        model: a `CMVQVAE`.
        recipe: its `Recipe`.
        split: a `cmvq_keras.data.split.Split`.
        names: the modalities, each left out by itself; see `check`.

    Returns:
        By modality a dictionary: "accuracy" and "macro_f1" in [0, 1], or under
        segmentation "accuracy" (of pixels) and "mean_iou", or under regression "r2",
        "mae" and "rmse"; "drop", the accuracy (R2) that is lost on the same samples,
        and "drop_interval", see `cmvq_keras.evaluation.measures`.
    """
    about = measures.get(recipe.task)
    whole = _measured(submodel(model), model, recipe, split)
    found = {}
    for name in names:
        metrics = [model.objective.metric(model), *scores.scores(recipe)]
        task = submodel(model, (name,))
        left = _measured(task, model, recipe, split, metrics)
        drop, interval = about.drop(whole, left)
        found[name] = {
            **_results(metrics, about.grouped(recipe)),
            "drop": drop,
            "drop_interval": list(interval),
        }
    return found


def _results(metrics, unwanted):
    """The metrics' numbers by name, as Keras logs them."""
    found = {}
    for metric in metrics:
        result = metric.result()
        found |= result if isinstance(result, dict) else {metric.name: result}
    return {key: float(found[key]) for key in found if key not in unwanted}


def _measured(task, model, recipe, split, metrics=()):
    """What each sample gives to the score, see
    `cmvq_keras.evaluation.measures.measure.Measure.values`; updates the metrics."""
    batches = inference_batches(recipe, split, task.input)
    about, parts = measures.get(recipe.task), []
    for index in range(len(batches)):
        x, labels = batches[index]
        # Under MirroredStrategy each device gives the whole of it, one after another.
        outputs = keras.ops.convert_to_numpy(task.predict_on_batch(x))[: len(labels)]
        for metric in metrics:
            metric.update_state(labels, outputs)
        parts.append(about.values(outputs, np.asarray(labels), model))
    return tuple(map(np.concatenate, zip(*parts, strict=True)))
