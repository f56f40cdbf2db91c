"""What a model still scores where a modality is missing: zeros in its channels."""

import keras
import numpy as np

from cmvq_keras import validation
from cmvq_keras.batches import evaluation_batches
from cmvq_keras.evaluation import scores
from cmvq_keras.evaluation.intervals import drop_interval
from cmvq_keras.metrics import Accuracy, iou_name


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
        segmentation "accuracy" (of pixels) and "mean_iou"; "drop", the accuracy that
        is lost on the same samples, in [-1, 1], and "drop_interval", see
        `cmvq_keras.evaluation.intervals.drop_interval`.
    """
    ignored = model.ignore_class
    whole, sizes = _hits(model.inference_model(), recipe, split, ignored)
    found = {}
    for name in names:
        task = model.inference_model(without=(name,))
        hits, _ = _hits(task, recipe, split, ignored)
        drop, interval = drop_interval(whole, hits, sizes)
        found[name] = {
            **_scores(task, recipe, split, ignored),
            "drop": drop,
            "drop_interval": list(interval),
        }
    return found


def _scores(task, recipe, split, ignore_class):
    task.compile(
        # Keras evaluates nothing without a loss; it is not among the scores.
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=ignore_class
        ),
        metrics=[Accuracy(ignore_class), *scores.scores(recipe)],
    )
    batches = evaluation_batches(recipe, split, task.input)
    logs = task.evaluate(batches, return_dict=True, verbose=0)
    unwanted = {"loss", *map(iou_name, recipe.classes)}
    return {key: value for key, value in logs.items() if key not in unwanted}


def _hits(task, recipe, split, ignore_class):
    """`(n,)` right labels of each sample, and `(n,)` labels that count."""
    batches = evaluation_batches(recipe, split, task.input)
    hits, sizes = [], []
    for index in range(len(batches)):
        x, labels = batches[index]
        labels = np.reshape(labels, (len(labels), -1))
        # Under MirroredStrategy each device gives the whole of it, one after another.
        logits = keras.ops.convert_to_numpy(task.predict_on_batch(x))[: len(labels)]
        predicted = logits.argmax(axis=-1).reshape(labels.shape)
        counted = np.ones(labels.shape, bool)
        if ignore_class is not None:
            counted = labels != ignore_class
        hits.append((counted & (predicted == labels)).sum(axis=1))
        sizes.append(counted.sum(axis=1))
    return np.concatenate(hits), np.concatenate(sizes)
