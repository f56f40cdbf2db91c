"""What a model still scores where a modality is missing: zeros in its channels."""

import numpy as np

from cmvq_keras import validation
from cmvq_keras.evaluation import left_out, measures, scores


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
    """The task's scores on a split without one modality, as if it had not been
    there.

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
    metrics = {
        name: [model.objective.metric(model), *scores.scores(recipe)] for name in names
    }
    parts = {name: [] for name in ("", *names)}
    for outputs, labels in left_out.outputs(model, recipe, split):
        for name in parts:
            for metric in metrics.get(name, ()):
                metric.update_state(labels, outputs[name])
            values = about.values(outputs[name], np.asarray(labels), model)
            parts[name].append(values)
    by_sample = {
        name: tuple(map(np.concatenate, zip(*each, strict=True)))
        for name, each in parts.items()
    }
    found = {}
    for name in names:
        drop, interval = about.drop(by_sample[""], by_sample[name])
        found[name] = {
            **_results(metrics[name], about.grouped(recipe)),
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
