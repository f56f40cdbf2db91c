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
    scores_without = ScoresWithout(model, recipe, names)
    for outputs, labels in left_out.outputs(model, recipe, split):
        scores_without.update(outputs, labels)
    return scores_without.results()


class ScoresWithout:
    """What `measure` returns, of batches that are handed in.

    Args:
        model, recipe, names: as in `measure`.
    """

    def __init__(self, model, recipe, names):
        self._model = model
        self._about = measures.get(recipe.task)
        self._grouped = self._about.grouped(recipe)
        self._metrics = {
            name: [model.objective.metric(model), *scores.scores(recipe)]
            for name in names
        }
        self._parts = {name: [] for name in ("", *names)}

    def update(self, outputs, labels):
        """Takes a batch of `cmvq_keras.evaluation.left_out.outputs`."""
        for name, parts in self._parts.items():
            for metric in self._metrics.get(name, ()):
                metric.update_state(labels, outputs[name])
            parts.append(
                self._about.values(outputs[name], np.asarray(labels), self._model)
            )

    def results(self):
        """The scores of all batches by modality."""
        by_sample = {
            name: tuple(map(np.concatenate, zip(*parts, strict=True)))
            for name, parts in self._parts.items()
        }
        found = {}
        for name, metrics in self._metrics.items():
            drop, interval = self._about.drop(by_sample[""], by_sample[name])
            found[name] = {
                **_results(metrics, self._grouped),
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
