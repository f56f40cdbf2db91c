"""Penn Action's poses as a sequence: fifteen sports and exercises, without the frames.

The data, the splits and the person's own coordinates are those of `penn-action`. A
sequence is one sample of 64 steps x 39 features, x, y and visible of each of the 13
joints. The network is a sequence's: convolutions over time, 4 x 4 places, the training
that `utd-mhad` has, and half of the training samples mirrored left to right.

Augmentation is that of a pose (docs/training.md): what is visible stays 0 or 1, and
joints that are not visible stay zeros. Nothing of this recipe is published: presets
"paper" and "code" put the published training on it. `penn-action --modality pose` is
the network that meets frames on the published grid.
"""

import dataclasses

from cmvq_keras.data.datasets.penn_action import reader
from cmvq_keras.data.kinds.drawing import PoseLimbs
from cmvq_keras.recipe import Modality, Recipe
from cmvq_keras.recipes import penn_action, utd_mhad

SOURCES = ("penn_action",)
RECIPE = Recipe(
    name="penn-pose",
    title="sports and exercises: poses as a sequence (Penn Action)",
    # The person's coordinates have mean 0 and deviation 1 already.
    modalities={"pose": Modality((64, 39), "sequence")},
    classes=penn_action.RECIPE.classes,
    model=utd_mhad.RECIPE.model,
    training=dataclasses.replace(utd_mhad.RECIPE.training, mirror=0.5),
    data=dict(penn_action.RECIPE.data),
)
_PUBLISHED = {
    "training.schedule": "constant",
    "training.mirror": 0.0,
    "data.short_sequences": "pad",
}
PRESETS = {"paper": _PUBLISHED, "code": _PUBLISHED}

LIMBS = {"pose": PoseLimbs(reader.LIMBS)}
MIRRORS = {"pose": reader.mirror_sequences}
AUGMENTATIONS = {"pose": reader.changed_sequences}


def files(recipe):
    """What reads a single file, by modality and ending."""
    return {"pose": penn_action.files(recipe)["pose"]}


def open_split(recipe, split, data_dir=None):
    """One split; see `cmvq_keras.recipes.open_split`."""
    return reader.open_split(recipe, split, data_dir)
