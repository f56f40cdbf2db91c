"""A recipe's training settings as Keras takes them, and what never decays."""

import math

import keras
import numpy as np

from cmvq_keras.losses import SmoothedCrossEntropy
from cmvq_keras.models.schedules import OneCycle

#: Biases, and scale and offset of normalizations, by the end of their names.
_NEVER_DECAYED = [rf"(^|_){name}$" for name in ("bias", "gamma", "beta")]


def optimizer(settings, steps):
    """The optimizer of `TrainingSettings`, for epochs of so many steps."""
    together = settings.accumulation_steps
    common = {
        "learning_rate": _learning_rate(settings, steps * settings.epochs),
        "global_clipnorm": settings.clip_norm,
        "gradient_accumulation_steps": together if together > 1 else None,
    }
    if settings.weight_decay is not None:
        common["weight_decay"] = settings.weight_decay
    if settings.optimizer == "sgd":
        found = keras.optimizers.SGD(momentum=settings.momentum, **common)
    else:
        kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
        # PyTorch's epsilon, as in the published runs.
        found = kinds[settings.optimizer](epsilon=1e-8, **common)
    found.exclude_from_weight_decay(var_names=_NEVER_DECAYED)
    return found


def reach(settings, steps, epoch=0):
    """How far Adam moves a weight whose gradient keeps its sign through a training, or
    through the rest of it: the sum of the learning rates of all updates.

    Args:
        settings: `TrainingSettings`.
        steps: batches an epoch.
        epoch: the first one that counts, from 0.
    """
    rates = _rates(settings, steps)[epoch * steps :]
    updates = math.ceil(len(rates) / settings.accumulation_steps)
    return float(rates.mean(dtype="float64")) * updates


def epoch_after(share, settings, steps):
    """The first epoch, from 0, before which the learning rates have come to a share of
    what they sum to in a training; None where there is none.

    Args:
        share: in (0, 1).
        settings, steps: as of `reach`.
    """
    summed = _rates(settings, steps).cumsum(dtype="float64")[steps - 1 :: steps]
    # Equal but for rounding is enough.
    (epochs,) = (summed[:-1] >= (share - 1e-6) * summed[-1]).nonzero()
    return int(epochs[0]) + 1 if len(epochs) else None


def _rates(settings, steps):
    """The learning rate of each batch of a training."""
    total = steps * settings.epochs
    rate = _learning_rate(settings, total)
    if not callable(rate):
        return np.full(total, rate)
    return keras.ops.convert_to_numpy(rate(np.arange(total, dtype="float32")))


def _learning_rate(settings, total):
    """A number, or a schedule over so many steps."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, total)
    if settings.schedule == "one-cycle":
        return OneCycle(rate, total)
    return rate


def exclude_from_weight_decay(optimizer, variables):
    """Keeps an optimizer from decaying some variables, beside those that it knows.

    Args:
        optimizer: of Keras, or one around another; one that is built stays as it is.
        variables: of the model.
    """
    for each in nested(optimizer):
        _exclude(each, variables)


def settle_weight_decay(optimizer, variables):
    """Lets an optimizer decide now, and for good, which variables decay.

    It decides by their names, once for each. On TensorFlow it would be asked later, and
    for variables of TensorFlow, whose names (`bias:0`) fit none of the patterns.

    Args:
        optimizer: of Keras, or one around another.
        variables: of the model, Keras's.
    """
    for each in nested(optimizer):
        for variable in variables:
            each._use_weight_decay(variable)


def nested(optimizer):
    """Yields an optimizer, and those inside it."""
    yield optimizer
    for name in ("inner_optimizer", "inner"):
        inner = getattr(optimizer, name, None)
        if isinstance(inner, keras.optimizers.Optimizer):
            yield from nested(inner)


def _exclude(optimizer, variables):
    if optimizer.built or not variables:
        return
    # Keras replaces what was excluded before.
    keys = getattr(optimizer, "_exclude_from_weight_decay", set())
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    optimizer.exclude_from_weight_decay(
        var_list=variables, var_names=[pattern.pattern] if pattern else None
    )
    optimizer._exclude_from_weight_decay |= keys


def class_weight(recipe, labels):
    """Factors by class index that balance the labels, or None."""
    if recipe.training.class_weight is None:
        return None
    counts = np.bincount(labels.ravel(), minlength=len(recipe.classes))
    return {
        index: labels.size / (len(counts) * count) if count else 0.0
        for index, count in enumerate(counts)
    }


def task_loss(recipe):
    """The loss to compile a recipe's model with; None for that of the model."""
    smoothing = recipe.training.label_smoothing
    return SmoothedCrossEntropy(smoothing) if smoothing else None
