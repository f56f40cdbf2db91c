"""A made-up pair in which fusion overfits, with a known truth; nothing to download.

What the data is stands in `cmvq_keras.data.datasets.erasure` and docs/erasure.md. The
training is that of the recipe digits. The encoders are its convolutions, to a vector a
cell; the head is flat, as it has to know which cell shows which bit.

`data.cell` names what is asked:

| cell | training samples | fingerprint | erasure, image | erasure, audio |
|---|---|---|---|---|
| harmful | 128 | 4 | 0.25 | 0.5 |
| scarce | 64 | 16 | 0.25 | 0.5 |
| benign | 512 | 0.3 | 0.25 | 0.5 |
| useless | 512 | 1 | 0.25 | 1 |
| learnable | 4,096 | 0.3 | 0.25 | 0.5 |

`data.samples`, `data.fingerprint` (a standard deviation), `data.erasure_image` and
`data.erasure_audio` (probabilities) change a cell; -1 keeps what the cell says. There
are 512 validation and 2,048 test samples. `training.seed` draws the training and the
validation samples too; `data.seed` alone draws the test samples, so that trainings
with different seeds are measured on the same ones.
"""

import dataclasses

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import erasure
from cmvq_keras.data.split import SPLITS, Split, normalize
from cmvq_keras.recipe import Recipe
from cmvq_keras.recipe.fields import AUTO
from cmvq_keras.recipes import digits, planted


@dataclasses.dataclass(frozen=True)
class Cell:
    """Size of the training set, and what the modalities are.

    Args:
        samples: training samples.
        fingerprint: standard deviation of the audio's fingerprint.
        erasure_image, erasure_audio: probabilities that a modality shows nothing.
    """

    samples: int
    fingerprint: float
    erasure_image: float = 0.25
    erasure_audio: float = 0.5


CELLS = {
    "harmful": Cell(128, 4.0),
    "scarce": Cell(64, 16.0),
    "benign": Cell(512, 0.3),
    "useless": Cell(512, 1.0, erasure_audio=1.0),
    "learnable": Cell(4096, 0.3),
}
# What is built of the planted pictures, with the published training.
PUBLISHED = {
    "model.grid": planted.RECIPE.model.grid,
    "model.embedding_dim": planted.RECIPE.model.embedding_dim,
    "training.schedule": planted.RECIPE.training.schedule,
}
PRESETS = {"paper": PUBLISHED, "code": PUBLISHED}
HELD_OUT = {"validation": 512, "test": 2048}
MOST_SAMPLES = 10**6

SOURCES = ()
RECIPE = Recipe(
    name="erasure",
    title="made-up stripes, of which a modality shows all or nothing",
    modalities=planted.RECIPE.modalities,
    classes=planted.RECIPE.classes,
    model=dataclasses.replace(
        planted.RECIPE.model,
        backbone="conv",
        grid=4,
        embedding_dim=32,
        quantizer="fsq",
        dropout=0.3,
        mask_start=AUTO,
        mask_freeze=0.9,
        threshold=0.025,
        penalty_weight=1e-2,
        reconstruction_weight=0.1,
        modality_loss_weight=1.0,
    ),
    # More samples validate than train in most cells: each time would be most of it.
    training=dataclasses.replace(
        digits.RECIPE.training, epochs=100, validation_every=5
    ),
    data={
        "cell": "harmful",
        "samples": -1,
        "fingerprint": -1.0,
        "erasure_image": -1.0,
        "erasure_audio": -1.0,
        "seed": 0,
    },
)


def cell(recipe):
    """The `Cell` of a recipe, with the settings that change it.

    Raises:
        ValueError: for an unknown cell, and for settings out of range.
    """
    named = CELLS[validation.one_of(recipe.data["cell"], CELLS, "data.cell")]
    changes = {
        field.name: recipe.data[field.name]
        for field in dataclasses.fields(Cell)
        if recipe.data[field.name] != -1
    }
    found = dataclasses.replace(named, **changes)
    _check_range("samples", found.samples, 8, MOST_SAMPLES)
    _check_range("fingerprint", found.fingerprint, 0, 1000)
    _check_range("erasure_image", found.erasure_image, 0, 1)
    _check_range("erasure_audio", found.erasure_audio, 0, 1)
    return found


def _check_range(name, value, low, high):
    if not low <= value <= high:
        raise ValueError(
            f"data.{name} must be in [{low:,}, {high:,}], or -1 for that of data.cell. "
            f"Received: {value}"
        )


def resolved(recipe):
    """The recipe itself, its settings checked.

    Raises:
        ValueError: as in `cell`.
    """
    cell(recipe)
    return recipe


def optimum(recipe):
    """The best accuracy that is possible, exactly.

    Returns:
        Accuracies in [0, 1]: "all" for what the recipe's task solver sees, and one by
        modality.
    """
    known = _erasures(recipe)
    seen = {"all": recipe.task_modalities or tuple(known)}
    seen |= {name: (name,) for name in known}
    return {
        key: erasure.best_accuracy([known[name] for name in names])
        for key, names in seen.items()
    }


def truth(recipe):
    """What is known of the pair, in bits.

    Returns:
        "added" and "shapley" by modality, "zeta" in [0, 1], and for two modalities
        "decomposition", see `cmvq_keras.data.datasets.erasure.decomposition`.
    """
    known = _erasures(recipe)
    added = erasure.bits_added(known)
    found = {"added": added, "shapley": erasure.shapley_bits(known)}
    if len(known) == 2:
        most = max(added.values())
        found["zeta"] = min(added.values()) / most if most else 0.0
        found["decomposition"] = erasure.decomposition(known)
    return found


def load_split(recipe, split, data_dir=None, limit=None):
    """One split; a modality's pictures are the same whether both are asked for or not.

    `data_dir` is not used. See `cmvq_keras.recipes.load_split`.
    """
    validation.one_of(split, SPLITS, "split")
    validation.check_limit(limit)
    found = cell(recipe)
    count = HELD_OUT.get(split, found.samples)
    seeds = [recipe.data["seed"], SPLITS.index(split)]
    if split != "test":
        seeds.append(recipe.training.seed)
    fingerprints = {"image": 0.0, "audio": found.fingerprint}
    erasures = {"image": found.erasure_image, "audio": found.erasure_audio}
    x, y = erasure.generate(erasures, fingerprints, count, np.random.default_rng(seeds))
    x = {
        name: normalize(x[name][:limit], modality)
        for name, modality in recipe.modalities.items()
    }
    samples = np.array([f"erasure/{split}/{row}" for row in range(count)])
    return Split(x, y[:limit], samples[:limit])


def _erasures(recipe):
    found = cell(recipe)
    known = {"image": found.erasure_image, "audio": found.erasure_audio}
    return {name: known[name] for name in recipe.modalities}
