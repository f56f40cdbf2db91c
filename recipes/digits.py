"""MNIST and SVHN digits, paired by label (the paper's appendix).

Published, in the presets "paper" and "code": the network and its sizes, the batch and
the epochs. The default is ours: small convolutional encoders with a pooled head, a
scalar quantizer a channel, AdamW with a one-cycle schedule, augmentation and label
smoothing, normalized inputs, and a mask that closes late (docs/training.md). 10 % of
each source's official train part, class by class, are the validation part. The
official test parts are the test set. Pairs are made within a split; the side with
fewer samples is drawn again.

`--set data.colored=true` colours MNIST at random, as in the paper's figures. How it
was coloured there is not published, so the rule is ours: the digit in a pure colour
whose hue is drawn evenly, on black, fixed by `data.seed` and the picture. mnist then
has three channels; a picture of one's own is taken as it is, so colour it too.

SVHN's crops come several to a photo and its files do not say which: a photo can be
in both training and validation, never in the test part.
"""

import dataclasses
import functools

from cmvq_keras.data.datasets import mnist, pairing, svhn
from cmvq_keras.data.formats import images
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings
from cmvq_keras.recipe.fields import AUTO

SOURCES = ("mnist", "svhn")

RECIPE = Recipe(
    name="digits",
    title="handwritten digits (MNIST) and house numbers (SVHN)",
    modalities={
        # Mean and standard deviation of the training pictures; SVHN's from 864 of
        # its 73,257.
        "mnist": Modality((32, 32, 1), offset=0.131, scale=0.289),
        "svhn": Modality((32, 32, 3), offset=0.467, scale=0.207),
    },
    classes=tuple("0123456789"),
    model=ModelSettings(
        backbone="conv",
        head="pooled",
        hidden_channels=64,
        residual_channels=12,
        residual_layers=1,
        grid=4,
        embedding_dim=64,
        quantizer="fsq",
        num_embeddings=256,
        dropout=0.3,
        mask_start=AUTO,
        mask_freeze=0.9,
        threshold=0.025,
        penalty_weight=3e-3,
        reconstruction_weight=0.1,
        modality_loss_weight=1.0,
    ),
    training=TrainingSettings(
        optimizer="adamw",
        learning_rate=5e-3,
        weight_decay=0.01,
        schedule="one-cycle",
        label_smoothing=0.1,
        augmentation=True,
        batch_size=32,
        epochs=10,
        # The rate has fallen to nothing by then, and scores of few samples tie.
        select_by="last",
    ),
    data={"seed": 0, "validation_share": 0.1, "colored": False},
)

# The network of the paper's appendix, its batch and its schedule.
PUBLISHED = {
    "model.hidden_channels": 64,
    "model.residual_channels": 12,
    "model.residual_layers": 1,
    "model.grid": 16,
    "model.embedding_dim": 32,
    "model.num_embeddings": 256,
    "training.schedule": "constant",
    "training.batch_size": 128,
    "training.epochs": 10,
}
PRESETS = {"paper": PUBLISHED, "code": PUBLISHED}

# Mean and standard deviation of the coloured training pictures, all channels.
_COLORED = Modality((32, 32, 3), offset=0.065, scale=0.201)

_PICTURES = dict.fromkeys(images.ENDINGS, images.read_image)
FILES = {"mnist": _PICTURES, "svhn": _PICTURES}


def resolved(recipe):
    """The recipe with the channels that `data.colored` gives mnist.

    A normalization that is the default one becomes that of the other kind; one of the
    user's own, or a preset's, stays.
    """
    colored = recipe.data["colored"]
    mnist_now = recipe.modalities.get("mnist")
    kinds = (RECIPE.modalities["mnist"], _COLORED)
    if mnist_now is None or mnist_now.shape == kinds[colored].shape:
        return recipe
    changed = dataclasses.replace(mnist_now, shape=kinds[colored].shape)
    if mnist_now == kinds[not colored]:
        changed = kinds[colored]
    return dataclasses.replace(
        recipe, modalities={**recipe.modalities, "mnist": changed}
    )


def open_split(recipe, split, data_dir=None):
    """One split of the pairs; see `cmvq_keras.recipes.open_split`."""
    color_seed = recipe.data["seed"] if recipe.data["colored"] else None
    openers = {
        "mnist": functools.partial(mnist.open_part, color_seed=color_seed),
        "svhn": svhn.open_part,
    }
    return pairing.open_split(recipe, openers, split, data_dir)
