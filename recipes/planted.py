"""Made-up modalities with a known truth; nothing to download.

What the data is stands in `cmvq_keras.data.datasets.planted`. Everything here is ours,
as no paper has this data: a network that is small enough for seconds an epoch on a CPU,
trained with Adam and the mask of the author's code (start 0.01, threshold 0.005),
because with the paper's SGD the mask hardly moves.

`data.variant` says which of the label's bits each modality carries:

| variant | carried bits | best accuracy alone | together |
|---|---|---|---|
| balanced | image 0, 2; audio 1, 2 | 50 %, 50 % | 100 % |
| lopsided | image 0, 1, 2; audio none | 100 %, 12.5 % | 100 % |
| redundant | image and audio 0, 1, 2 | 100 %, 100 % | 100 % |
| three | image 0; audio 1; text 2 | 25 % each | 100 % |
| U-V, such as 2-1 | image alone U bits, audio alone V; see below | | 100 % |

In a cell U-V, with U + V <= 4, the image alone carries the first U bits and audio alone
the next V. The label has three bits, or four where U + V is 4; both modalities carry
what is left. So 1-1 is "balanced", 3-0 is "lopsided" and 0-0 is "redundant".

"audio" and "text" are names alone: every modality is a picture of stripes.
"""

import dataclasses

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import planted
from cmvq_keras.data.split import SPLITS, Split, normalize
from cmvq_keras.recipe import Modality, ModelSettings, Recipe, TrainingSettings

VARIANTS = {
    "balanced": {"image": (0, 2), "audio": (1, 2)},
    "lopsided": {"image": (0, 1, 2), "audio": ()},
    "redundant": {"image": (0, 1, 2), "audio": (0, 1, 2)},
    "three": {"image": (0,), "audio": (1,), "text": (2,)},
}
MOST_BITS = 4
CELLS = tuple(
    f"{image}-{audio}"
    for image in range(MOST_BITS + 1)
    for audio in range(MOST_BITS + 1 - image)
)
SAMPLES = dict(zip(SPLITS, (4096, 1024, 2048), strict=True))

SOURCES = ()


def _classes(bits):
    """The bits in the order of their cells: class 3 = bit 0 + 2 * bit 1 is "110"."""
    return tuple(f"{label:0{bits}b}"[::-1] for label in range(2**bits))


RECIPE = Recipe(
    name="planted",
    title="made-up stripes with a known truth",
    modalities={
        # Centred by construction, with a standard deviation of 1.4.
        "image": Modality((32, 32, 1)),
        "audio": Modality((32, 32, 1)),
    },
    classes=_classes(planted.BITS),
    model=ModelSettings(
        hidden_channels=32,
        residual_channels=16,
        residual_layers=1,
        grid=8,
        embedding_dim=16,
        num_embeddings=64,
        solver_units=64,
        dropout=0.1,
    ),
    training=TrainingSettings(batch_size=64, epochs=8),
    data={"variant": "balanced", "seed": 0},
)


def resolved(recipe):
    """The recipe with the modalities and the classes of its `data.variant`.

    A recipe that `with_modality` cut down to one modality keeps that one, and one whose
    classes have other names, but as many, keeps those.

    Raises:
        ValueError: for an unknown variant, or a modality that it does not have.
    """
    wanted = _carried(recipe)
    classes = _classes(_bits(recipe))
    if len(recipe.classes) != len(classes):
        recipe = dataclasses.replace(recipe, classes=classes)
    if len(recipe.modalities) == 1:
        (only,) = recipe.modalities
        validation.one_of(only, wanted, "modality")
        return recipe
    # A modality that is not there yet looks like the first one.
    first = next(iter(recipe.modalities.values()))
    modalities = {name: recipe.modalities.get(name, first) for name in wanted}
    return dataclasses.replace(recipe, modalities=modalities)


def optimum(recipe):
    """The best accuracy that is possible, exactly.

    Returns:
        Accuracies in [0, 1]: "all" for what the recipe's task solver sees, and one
        by modality.
    """
    carried = _carried(recipe)
    seen = {"all": recipe.task_modalities or recipe.modalities}
    seen |= {name: (name,) for name in recipe.modalities}
    return {
        key: planted.best_accuracy([carried[name] for name in names], _bits(recipe))
        for key, names in seen.items()
    }


def unique_bits(recipe):
    """By modality, how many of the label's bits it carries that no other one does."""
    return planted.unique_bits(_carried(recipe))


def load_split(recipe, split, data_dir=None, limit=None):
    """One split: 4,096 training, 1,024 validation or 2,048 test samples.

    A modality's pictures are the same whether the others are asked for or not.
    `data_dir` is not used. See `cmvq_keras.recipes.load_split`.
    """
    validation.one_of(split, SPLITS, "split")
    validation.check_limit(limit)
    validation.check_data_settings(recipe.data)
    generator = np.random.default_rng([recipe.data["seed"], SPLITS.index(split)])
    for name in recipe.modalities:
        validation.one_of(name, _carried(recipe), "modality")
    x, y = planted.generate(
        _carried(recipe), SAMPLES[split], generator, bits=_bits(recipe)
    )
    x = {
        name: normalize(x[name][:limit], modality)
        for name, modality in recipe.modalities.items()
    }
    samples = np.array([f"planted/{split}/{row}" for row in range(len(y))])
    return Split(x, y[:limit], samples[:limit])


def _carried(recipe):
    variant = recipe.data["variant"]
    if variant in CELLS:
        return _cell(*map(int, variant.split("-")))
    return VARIANTS[validation.one_of(variant, (*VARIANTS, *CELLS), "data.variant")]


def _cell(image, audio):
    """The bits of a cell: the image's own, audio's own, then those of both."""
    own = image + audio
    shared = range(own, max(planted.BITS, own))
    return {"image": (*range(image), *shared), "audio": (*range(image, own), *shared)}


def _bits(recipe):
    """How many bits make the label."""
    return max(planted.BITS, len(set().union(*_carried(recipe).values())))
