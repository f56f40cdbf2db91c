"""Trainings that differ in their seed share programs, each with its own values."""

import keras
import numpy as np
import pytest
from tiny_model import tiny_data, tiny_model

from cmvq_keras import methods, recipes
from cmvq_keras.training import programs

RECIPE = recipes.resolve("planted")
OTHER_SEED = recipes.resolve(RECIPE.with_settings({"training.seed": 7}))
OTHER_RATE = recipes.resolve(RECIPE.with_settings({"training.learning_rate": 0.5}))


def compiled(shift=0.0):
    model = tiny_model()
    for weight in model.trainable_weights:
        weight.assign_add(keras.ops.full(weight.shape, shift))
    model.compile("adam")
    return model


def taken(model, recipe=RECIPE, method="ours", steps=3):
    return programs.with_programs(model, recipe, methods.get(method), steps)


def values(model):
    found = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(each).copy() for each in found]


def test_another_seed_takes_the_former_model_with_its_own_values():
    x, y = tiny_data()
    first, second = compiled(), compiled(0.25)
    with programs.shared():
        assert taken(first) is first
        first.fit(x, y, verbose=0)
        assert taken(second, OTHER_SEED) is first
        for found, expected in zip(values(first), values(second), strict=True):
            np.testing.assert_array_equal(found, expected)
        assert int(first.optimizer.iterations) == 0


@pytest.mark.once
@pytest.mark.parametrize(
    "other", [{"recipe": OTHER_RATE}, {"steps": 4}, {"method": "ogm"}]
)
def test_another_training_keeps_its_model(other):
    first, second = compiled(), compiled()
    with programs.shared():
        assert taken(first) is first
        assert taken(second, **other) is second


@pytest.mark.once
def test_models_are_kept_within_the_context_and_up_to_a_size(monkeypatch):
    first, second = compiled(), compiled()
    assert taken(first) is first
    assert taken(second) is second
    monkeypatch.setattr(programs, "MAX_WEIGHTS", first.count_params() - 1)
    with programs.shared():
        assert taken(first) is first
        assert taken(second) is second
