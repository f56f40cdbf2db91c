"""What a recipe must be, beyond the range of each setting."""

import re

from cmvq_keras import tasks
from cmvq_keras.recipe import fields, parsing
from cmvq_keras.recipe.modality import shape_faults
from cmvq_keras.recipe.model_settings import MASK_DELAY
from cmvq_keras.validation import modality_name_faults, must_be

PRESETS = ("default", "paper", "code", "calibrated")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def faults(recipe):
    """One line for each fault of a `Recipe`; an empty list for none."""
    return [
        *_of_names(recipe),
        *_of_settings(recipe),
        *_between_settings(recipe),
        *_of_values(recipe),
    ]


def _of_names(recipe):
    named = {"a recipe": [recipe.name], "a modality": recipe.modalities}
    named["a target"] = recipe.targets
    for what, names in named.items():
        bad = [
            repr(name)
            for name in names
            if not (isinstance(name, str) and NAME.fullmatch(name))
        ]
        if bad:
            yield (
                f"{what} needs a name of letters, digits, _ and -. "
                f"Received: {', '.join(bad)}"
            )
    yield from modality_name_faults(recipe.modalities)


def _of_settings(recipe):
    for name, modality in recipe.modalities.items():
        yield from shape_faults(modality, f"modalities.{name}.shape")
    for prefix, section in recipe.sections().items():
        yield from fields.faults(section, prefix)
    for name, allowed in (("task", tasks.names()), ("preset", PRESETS)):
        value = getattr(recipe, name)
        if value not in allowed:
            yield must_be(name, f"one of {', '.join(allowed)}", value)


def _between_settings(recipe):
    model, training = recipe.model, recipe.training
    if recipe.task in tasks.names():
        yield from _of_task(tasks.get(recipe.task), recipe.task, training)
    if training.select_by == "last" and training.early_stopping is not None:
        wanted = "none where training.select_by is last"
        yield must_be("training.early_stopping", wanted, training.early_stopping)
    if training.validation_every != 1 and training.early_stopping is not None:
        # It counts epochs that did not get better.
        wanted = "1 where training.early_stopping is set"
        yield must_be("training.validation_every", wanted, training.validation_every)
    freeze = model.mask_freeze
    is_share = isinstance(freeze, float) and freeze > 0
    if model.mask_start == fields.AUTO and is_share and freeze <= MASK_DELAY:
        # No channel can close before.
        wanted = f"above {MASK_DELAY} where model.mask_start is auto"
        yield must_be("model.mask_freeze", wanted, freeze)
    has_heads = model.modality_loss_weight and len(recipe.modalities) > 1
    if has_heads and "val" in recipe.modalities:
        yield (
            "a modality must not be named val beside others: the loss of its head "
            "would be called like the validation's. Rename it, or set "
            "model.modality_loss_weight=0"
        )
    groups, depth = model.groups, model.embedding_dim
    if all(isinstance(each, int) and each > 0 for each in (groups, depth)) and (
        depth % groups
    ):
        yield (
            f"model.groups must divide model.embedding_dim {depth}. Received: {groups}"
        )


def _of_task(task, name, training):
    if training.select_by not in (*task.selects, "last"):
        wanted = f"{', '.join(task.selects)} or last for {name}"
        yield must_be("training.select_by", wanted, training.select_by)
    if not task.one_class:
        for setting, none in (("label_smoothing", "0"), ("class_weight", "none")):
            if value := getattr(training, setting):
                yield must_be(f"training.{setting}", f"{none} for {name}", value)


def _of_values(recipe):
    if not isinstance(recipe.data, dict):
        yield f"data must hold settings by name. Received: {recipe.data!r}"
    if not parsing.are_plain(recipe.method_settings):
        yield (
            "method_settings must hold plain values by name. "
            f"Received: {recipe.method_settings!r}"
        )
    if not isinstance(recipe.title, str):
        yield must_be("title", "a line of text", recipe.title)
    if not recipe.modalities:
        yield "a recipe needs at least one modality. Received: none"
    if recipe.task in tasks.names():
        yield from tasks.get(recipe.task).faults(recipe)
    unknown = set(recipe.task_modalities or ()) - set(recipe.modalities)
    if unknown or recipe.task_modalities == ():
        yield (
            f"task_modalities must name some of {', '.join(recipe.modalities)}. "
            f"Received: {recipe.task_modalities}"
        )
