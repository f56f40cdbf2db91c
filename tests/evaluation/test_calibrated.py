"""Preset "calibrated" on data with a known truth: zeta of bits follows it."""

import keras
import pytest

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.batches import Batches
from cmvq_keras.evaluation import conditional_information
from cmvq_keras.models import optimizers

# The planted study's: half of the samples, a narrower network.
SMALL = {
    "model.hidden_channels": 16,
    "model.residual_channels": 8,
    "training.batch_size": 32,
    "training.limit": 2048,
    "training.seed": 7,
    "data.seed": 7,
}


@pytest.mark.long(reason="trains until bits are told right")
@pytest.mark.parametrize(
    ("cell", "bits", "lowest", "highest"),
    [("3-0", (3, 0), 0, 0.1), ("1-1", (1, 1), 0.8, 1), ("2-1", (2, 1), 0.4, 0.6)],
)
def test_zeta_of_bits_is_the_planted_one(cell, bits, lowest, highest, record_property):
    recipe = recipes.get("planted", "calibrated")
    recipe = recipes.resolve(recipe.with_settings({**SMALL, "data.variant": cell}))
    settings = recipe.training
    train = recipes.load_split(recipe, "train", limit=settings.limit)
    test = recipes.load_split(recipe, "test")
    keras.utils.set_random_seed(settings.seed)
    model = cmvq.build_model(recipe)
    batches = Batches(train.x, train.y, settings.batch_size, settings.seed)
    model.compile(optimizers.optimizer(settings, len(batches)))
    model.fit(batches, epochs=settings.epochs, shuffle=False, verbose=0)
    accuracy = model.evaluate(test.x, test.y, verbose=0, return_dict=True)["accuracy"]
    found = conditional_information.measure(model, recipe, test)
    record_property("information", found)
    print(f"{cell}: accuracy {accuracy:.4f}, {found}")
    assert accuracy > 0.99
    assert tuple(found["bits"].values()) == pytest.approx(bits, abs=0.15)
    assert lowest <= found["zeta"] <= highest
