"""Settings of a recipe's training."""

import dataclasses
import math

from cmvq_keras import registry
from cmvq_keras.recipe.fields import choice, optional, positive_integer, setting

_TRACKERS = registry.names("tracking", "TRACKERS")


def _are_trackers(text):
    """Whether these are some of their names, each once, with commas between them."""
    words = [word.strip() for word in text.split(",")]
    return len(set(words)) == len(words) and set(words) <= set(_TRACKERS)


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Optimizer, schedule, batches, and how the kept epoch is chosen.

    `limit` takes the first samples of each split in a seeded order, in training
    and in evaluation alike. `mirror` is the share of training samples that are
    mirrored left to right, drawn anew in every epoch. `accumulation_steps` batches give
    one step of the optimizer, by their mean gradient; batch norms and moving codebooks
    still see, and follow, each batch by itself. `select_by` is what the kept epoch is
    best at on validation data; "last" keeps the last epoch, for schedules that decay.
    `validation_every` is how many epochs lie between two validations; the first and the
    last epoch always have one, and the kept epoch is one of those that have.
    `log` names where the training is recorded besides the run folder; it changes no
    result.
    """

    optimizer: str = choice("adam", "adam", "adamw", "sgd")
    learning_rate: float = setting(
        1e-3, lambda value: 0 < value < math.inf, "a number > 0"
    )
    momentum: float = setting(0.0, lambda value: 0 <= value < 1, "in [0, 1)")
    schedule: str = choice("constant", "constant", "cosine", "one-cycle")
    weight_decay: float | None = setting(
        None, optional(lambda value: 0 <= value < math.inf), "a number >= 0, or none"
    )
    label_smoothing: float = setting(0.0, lambda value: 0 <= value < 1, "in [0, 1)")
    augmentation: bool = setting(False, lambda value: True, "true or false")
    clip_norm: float | None = setting(
        None, optional(lambda value: 0 < value < math.inf), "a number > 0, or none"
    )
    class_weight: str | None = choice(None, None, "balanced")
    batch_size: int = positive_integer(128)
    accumulation_steps: int = positive_integer(1)
    epochs: int = positive_integer(100)
    early_stopping: int | None = setting(
        None, optional(lambda value: value >= 1), "epochs >= 1, or none"
    )
    select_by: str = choice(
        "accuracy", "accuracy", "task_loss", "mean_iou", "macro_f1", "r2", "last"
    )
    validation_every: int = positive_integer(1)
    mirror: float = setting(0.0, lambda value: 0 <= value <= 1, "in [0, 1]")
    precision: str = choice("float32", "float32", "mixed_float16", "mixed_bfloat16")
    limit: int | None = setting(
        None, optional(lambda value: value >= 1), "samples >= 1, or none"
    )
    log: str | None = setting(
        None,
        optional(_are_trackers),
        f"some of {', '.join(_TRACKERS)}, with commas between them, or none",
    )
    seed: int = setting(0, lambda value: 0 <= value < 2**31, "in [0, 2**31)")
