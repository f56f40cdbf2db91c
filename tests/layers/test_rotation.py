"""The rotation trick against its equations in float64 numpy."""

import keras
import numpy as np
import pytest
from golden_numbers import deviation
from gradients import gradients
from keras import ops

from cmvq_keras import recipes
from cmvq_keras.layers import VectorQuantizer
from cmvq_keras.layers import quantizer as quantizers
from cmvq_keras.layers.rotation import RotationQuantizer, rotate

SETTINGS = {"commitment_cost": 0, "start": "reference", "revival_threshold": 0}


def turn(vector, code):
    """|q| / |e| R of Fifty et al., 2024, Section 4.2."""
    vector, code = np.float64(vector), np.float64(code)
    lengths = np.linalg.norm(vector), np.linalg.norm(code)
    e, q = vector / lengths[0], code / lengths[1]
    r = (e + q) / np.linalg.norm(e + q)
    turned = np.eye(len(e)) - 2 * np.outer(r, r) + 2 * np.outer(q, e)
    return lengths[1] / lengths[0] * turned


def test_a_vector_is_turned_onto_its_code():
    generator = np.random.default_rng(0)
    vectors, codes = (generator.normal(size=(9, 5)).astype("float32") for _ in "ab")
    found = rotate(ops.convert_to_tensor(vectors), ops.convert_to_tensor(codes))
    np.testing.assert_allclose(ops.convert_to_numpy(found), codes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_the_gradient_goes_back_through_the_turn(groups):
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(3, 4, 6)).astype("float32")
    probe = generator.normal(size=vectors.shape).astype("float32")
    layer = RotationQuantizer(7, seed=0, groups=groups, **SETTINGS)
    found = gradients(
        layer,
        vectors,
        lambda out: ops.sum(out["quantized"] * ops.convert_to_tensor(probe)),
        training=False,
    )
    chosen = found.outputs["quantized"]
    expected = np.zeros(vectors.shape)
    for place in np.ndindex(3, 4):
        for columns in np.split(np.arange(6), groups):
            matrix = turn(vectors[place][columns], chosen[place][columns])
            expected[place][columns] = matrix.T @ probe[place][columns]
    assert deviation(found.inputs[0], expected) < 1e-4


def test_values_codes_and_losses_are_those_of_the_vector_quantizer():
    vectors = np.random.default_rng(2).normal(size=(5, 3, 6)).astype("float32")
    ours, plain = (
        kind(7, seed=0, start="reference", name="same")
        for kind in (RotationQuantizer, VectorQuantizer)
    )
    for training in (True, False):
        found, expected = (layer(vectors, training=training) for layer in (ours, plain))
        for key in expected:
            np.testing.assert_array_equal(
                ops.convert_to_numpy(found[key]), ops.convert_to_numpy(expected[key])
            )


def test_a_recipe_takes_it_and_it_comes_back_from_its_configuration():
    settings = {"model.quantizer": "rotation"}
    recipe = recipes.get("planted").with_settings(settings)
    layer = quantizers.get("rotation").from_settings(recipe.model, "layer")
    assert type(layer) is RotationQuantizer
    assert layer.decay == recipe.model.decay
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
