"""What a recipe must be, beyond the range of each setting."""

import re

from cmvq_keras.recipe import fields, parsing
from cmvq_keras.recipe.modality import shape_faults
from cmvq_keras.validation import modality_name_faults, must_be

TASKS = ("classification", "segmentation")
PRESETS = ("default", "paper", "code", "calibrated")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


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
    for what, names in named.items():
        for name in names:
            if not (isinstance(name, str) and _NAME.fullmatch(name)):
                yield (
                    f"{what} needs a name of letters, digits, _ and -. "
                    f"Received: {name!r}"
                )
    yield from modality_name_faults(recipe.modalities)


def _of_settings(recipe):
    for name, modality in recipe.modalities.items():
        yield from shape_faults(modality, f"modalities.{name}.shape")
    for prefix, section in recipe.sections().items():
        yield from fields.faults(section, prefix)
    for name, allowed in (("task", TASKS), ("preset", PRESETS)):
        value = getattr(recipe, name)
        if value not in allowed:
            yield must_be(name, f"one of {', '.join(allowed)}", value)


def _between_settings(recipe):
    model, training = recipe.model, recipe.training
    if training.select_by == "mean_iou" and recipe.task != "segmentation":
        wanted = f"accuracy or task_loss for {recipe.task}"
        yield must_be("training.select_by", wanted, "mean_iou")
    if training.label_smoothing and recipe.task == "segmentation":
        smoothing = training.label_smoothing
        yield must_be("training.label_smoothing", "0 for segmentation", smoothing)
    groups, depth = model.groups, model.embedding_dim
    if all(isinstance(each, int) and each > 0 for each in (groups, depth)) and (
        depth % groups
    ):
        yield (
            f"model.groups must divide model.embedding_dim {depth}. Received: {groups}"
        )


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
    listed = isinstance(recipe.classes, (tuple, list))
    if not listed or not all(isinstance(name, str) for name in recipe.classes):
        yield must_be("classes", "names", recipe.classes)
    if not recipe.modalities:
        yield "a recipe needs at least one modality. Received: none"
    if listed and len(recipe.classes) < 2:
        yield f"a recipe needs at least two classes. Received: {recipe.classes}"
    unknown = set(recipe.task_modalities or ()) - set(recipe.modalities)
    if unknown or recipe.task_modalities == ():
        yield (
            f"task_modalities must name some of {', '.join(recipe.modalities)}. "
            f"Received: {recipe.task_modalities}"
        )
