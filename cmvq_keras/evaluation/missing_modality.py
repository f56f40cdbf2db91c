"""What a model still scores where a modality is missing: zeros in its channels."""

import keras

from cmvq_keras import validation
from cmvq_keras.evaluation import scores
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
                f"The task must see another modality to do without {name}. Received: "
                "a run with that one alone"
            )


def measure(model, recipe, split, name):
    """The task's scores on a split without one modality, which is not even read.

    The model was not trained for it: a low score says how much it leans on the
    modality, not how much the other ones know.

    Args:
        model: a `CMVQVAE`.
        recipe: its `Recipe`.
        split: a `cmvq_keras.data.split.Split`.
        name: the modality; see `check`.

    Returns:
        A dictionary: "accuracy" and "macro_f1" in [0, 1], or under segmentation
        "accuracy" (of pixels) and "mean_iou".
    """
    left = model.inference_model(without=(name,))
    left.compile(
        # Keras evaluates nothing without a loss; it is not among the scores.
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=model.ignore_class
        ),
        metrics=[Accuracy(model.ignore_class), *scores.scores(recipe)],
    )
    batches = scores.batches(recipe, split, left.input)
    logs = left.evaluate(batches, return_dict=True, verbose=0)
    unwanted = {"loss", *map(iou_name, recipe.classes)}
    return {key: value for key, value in logs.items() if key not in unwanted}
