"""One training on planted data, and what is measured of it."""

import time

import keras
import numpy as np

from cmvq_keras import recipes
from cmvq_keras.batches import Batches
from cmvq_keras.evaluation import conditional_information
from cmvq_keras.models import optimizers
from cmvq_keras.models.build import build_model

# Half of the recipe's samples and a narrower network: seconds a training.
BASE = {
    "model.hidden_channels": 16,
    "model.residual_channels": 8,
    "training.batch_size": 32,
    "training.epochs": 8,
    "training.limit": 2048,
}
TEST_SAMPLES = 1024
MODALITIES = ("image", "audio")


def recipe_of(cell, seed, settings):
    """The planted recipe of a cell; the seed is that of data and training.

    Args:
        cell: a `data.variant` of image and audio, such as "2-1".
        seed: integer >= 0.
        settings: values by dotted name, on top of `BASE`.

    Raises:
        ValueError: for an unknown cell or setting.
    """
    chosen = {"data.variant": cell, "data.seed": seed, "training.seed": seed}
    planted = recipes.get("planted").with_settings({**BASE, **settings, **chosen})
    return recipes.resolve(planted)


def run(cell, seed, settings):
    """Trains once and measures the last epoch's model on test data.

    Args:
        cell, seed, settings: as in `recipe_of`; settings may also hold the study's
            own, see `benchmarks.planted_study.masks`.

    Returns:
        A dictionary by column; see `benchmarks.planted_study.records`.
    """
    start = time.perf_counter()
    own = {name: value for name, value in settings.items() if name.startswith("study.")}
    settings = {name: value for name, value in settings.items() if name not in own}
    recipe = recipe_of(cell, seed, settings)
    model = _trained(recipe, own)
    seconds = time.perf_counter() - start
    test = recipes.load_split(recipe, "test", limit=TEST_SAMPLES)
    task = model.inference_model()
    accuracy = _accuracy(task, test.x, test.y)
    row = {
        "cell": cell,
        "seed": seed,
        "accuracy": accuracy,
        "optimum": recipes.module("planted").optimum(recipe)["all"],
        "planted_zeta": planted_zeta(_bits(recipe)),
        "zeta": model.complementarity()["zeta"],
        "seconds": seconds,
    }
    known = conditional_information.measure(model, recipe, test)
    row["information_zeta"] = known["zeta"]
    compl = model.complementarity()["compl"]
    weights = list(model.channel_weights().values())
    for name, values in zip(MODALITIES, weights, strict=True):
        without = _accuracy(task, _shuffled(test.x, name, seed), test.y)
        missing = _accuracy(model.inference_model(without=(name,)), test.x, test.y)
        row[f"{name}_bits"] = _bits(recipe)[name]
        row[f"{name}_compl"] = compl[name]
        row[f"{name}_bits_lost"] = bits_lost(accuracy, without, len(recipe.classes))
        row[f"{name}_information"] = known["bits"][name]
        row[f"{name}_missing"] = missing
        row[f"{name}_weights"] = " ".join(f"{weight:.4f}" for weight in values)
    return row


def planted_zeta(bits):
    """min / max of the bits that each modality alone carries; None for 0 and 0."""
    most = max(bits.values())
    return min(bits.values()) / most if most else None


def bits_lost(accuracy, without, classes):
    """How many bits of the label a model loses with a modality.

    Each bit that has to be guessed halves the accuracy.

    Args:
        accuracy: with all modalities, in [0, 1].
        without: with one of them shuffled among the samples, in [0, 1].
        classes: how many there are; below chance counts as chance.
    """
    chance = 1 / classes
    return max(0.0, float(np.log2(max(accuracy, chance) / max(without, chance))))


def _bits(recipe):
    return recipes.module("planted").unique_bits(recipe)


def _trained(recipe, own):
    train = recipes.load_split(recipe, "train", limit=recipe.training.limit)
    keras.utils.set_random_seed(recipe.training.seed)
    model = build_model(recipe)
    if own:
        from benchmarks.planted_study import masks

        masks.check(own)
        model = masks.with_mask(model, own)
    settings = recipe.training
    batches = Batches(train.x, train.y, settings.batch_size, settings.seed)
    optimizer = optimizers.optimizer(settings, len(batches))
    late = int(own.get("study.penalty_from", 0))
    if late:
        model.compile(optimizer, loss_weights={"mask_penalty": 0.0})
        model.fit(batches, epochs=late, shuffle=False, verbose=0)
    model.compile(optimizer)
    model.fit(
        batches,
        initial_epoch=late,
        epochs=settings.epochs,
        shuffle=False,
        verbose=0,
    )
    return model


def _accuracy(task, x, y):
    x = {name: x[name] for name in task.input}
    logits = task.predict(x, batch_size=256, verbose=0)
    return float(np.mean(np.argmax(logits, axis=-1) == y))


def _shuffled(x, name, seed):
    """The inputs with one modality's samples in another order."""
    order = np.random.default_rng(seed).permutation(len(x[name]))
    return {**x, name: x[name][order]}
