"""Accumulating changes memory and time, not what is learnt."""

import keras
import numpy as np
import pytest
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.layers import ThresholdMask, VectorQuantizer
from cmvq_keras.models import optimizers


def trainable(model):
    return [ops.convert_to_numpy(variable) for variable in model.trainable_variables]


def without_batch_norm(seed=0):
    """A model whose loss of a batch is the mean of its samples' losses."""
    keras.utils.set_random_seed(seed)
    model = cmvq.CMVQVAE(
        {name: keras.layers.Dense(3) for name in ("a", "b")},
        {name: keras.layers.Dense(5) for name in ("a", "b")},
        keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)]),
        quantizers={
            name: VectorQuantizer(4, decay=None, start="reference")
            for name in ("a", "b")
        },
        mask=ThresholdMask(penalty_weight=0.1),
    )
    model.build(dict.fromkeys(("a", "b"), (None, 2, 5)))
    return model


def test_accumulated_batches_take_the_step_of_one_large_batch():
    generator = np.random.default_rng(1)
    x = {name: generator.normal(size=(12, 2, 5)).astype("float32") for name in "ab"}
    y = generator.integers(0, 3, 12)
    model = without_batch_norm()
    start, found = trainable(model), {}
    for steps in (1, 4):
        for variable, value in zip(model.trainable_variables, start, strict=True):
            variable.assign(value)
        settings = recipes.get("planted", preset="paper").with_settings(
            {
                "training.optimizer": "sgd",
                "training.learning_rate": 0.5,
                "training.accumulation_steps": steps,
            }
        )
        model.compile(optimizers.optimizer(settings.training, 1))
        model.fit(x, y, batch_size=12 // steps, shuffle=False, verbose=0)
        found[steps] = trainable(model)
    for before, large, small in zip(start, found[1], found[4], strict=True):
        np.testing.assert_allclose(small, large, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(before, large)


def test_accumulation_steps_below_one_are_refused():
    wrong = {"training.accumulation_steps": 0}
    with pytest.raises(ValueError, match=r"accumulation_steps must be an integer >= 1"):
        recipes.get("planted").with_settings(wrong)
