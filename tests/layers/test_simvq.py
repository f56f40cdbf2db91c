"""SimVQ against its equations in float64 numpy."""

import keras
import numpy as np
import pytest
from golden_numbers import deviation
from gradients import gradients
from keras import ops

from cmvq_keras import recipes
from cmvq_keras.layers import quantizer as quantizers
from cmvq_keras.layers.simvq import SimVectorQuantizer

BETA, K = 0.25, 7


@pytest.mark.parametrize("groups", [1, 2])
def test_codes_losses_and_gradients_are_those_of_a_learnt_projection(groups):
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(3, 4, 6)).astype("float32")
    probe = generator.normal(size=vectors.shape).astype("float32")
    layer = SimVectorQuantizer(K, commitment_cost=BETA, seed=0, groups=groups)

    def objective(outputs):
        passed = ops.sum(outputs["quantized"] * ops.convert_to_tensor(probe))
        return passed + ops.sum(outputs["loss"])

    found = gradients(layer, vectors, objective)
    fixed = ops.convert_to_numpy(layer.embeddings).astype("float64")
    projection = ops.convert_to_numpy(layer.projection).astype("float64")
    width = 6 // groups
    quantized, to_input = np.zeros(vectors.shape), np.float64(probe)
    to_projection = np.zeros_like(projection)
    for group in range(groups):
        part = slice(group * width, (group + 1) * width)
        z = vectors[..., part].astype("float64")
        codes = fixed[:, part] @ projection[group]
        squares = ((z[..., None, :] - codes) ** 2).sum(axis=-1)
        chosen = squares.argmin(axis=-1)
        quantized[..., part] = codes[chosen]
        # Each loss is the mean over a sample's values of (1 + beta) (q - z)^2.
        slope = 2 * (codes[chosen] - z) / (4 * 6)
        to_input[..., part] -= BETA * slope
        rows = fixed[:, part][chosen].reshape(-1, width)
        to_projection[group] = rows.T @ slope.reshape(-1, width)
    assert deviation(found.outputs["quantized"], quantized) < 1e-5
    error = ((quantized - vectors) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(found.outputs["loss"], (1 + BETA) * error, rtol=1e-5)
    assert deviation(found.inputs[0], to_input) < 1e-4
    # C itself does not learn.
    (learnt,) = layer.trainable_variables
    assert learnt is layer.projection
    assert deviation(found.weights[0], to_projection) < 1e-4
    codebook = ops.convert_to_numpy(ops.stop_gradient(layer.codebook()))
    parts = np.split(fixed, groups, axis=1)
    parts = [part @ projection[group] for group, part in enumerate(parts)]
    assert deviation(codebook, np.concatenate(parts, axis=1)) < 1e-5


def test_a_recipe_takes_it_and_it_comes_back_from_its_configuration():
    settings = {"model.quantizer": "simvq", "model.groups": 4}
    recipe = recipes.get("planted").with_settings(settings)
    layer = quantizers.get("simvq").from_settings(recipe.model, "layer")
    assert type(layer) is SimVectorQuantizer
    assert (layer.num_embeddings, layer.groups) == (64, 4)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()


def test_a_transferred_and_an_exported_layer_give_the_same():
    one, other = (SimVectorQuantizer(K, seed=seed, groups=2) for seed in (0, 1))
    vectors = np.random.default_rng(1).normal(size=(5, 6)).astype("float32")
    expected = ops.convert_to_numpy(one(vectors)["quantized"])
    other.build((None, 6))
    for variable, value in other.transfer_from(one):
        variable.assign(value)
    found = ops.convert_to_numpy(other(vectors)["quantized"])
    np.testing.assert_array_equal(found, expected)
    channels = np.array([0, 2])
    lookup = one.for_inference(channels, "lookup")
    read = one.channels_read(channels)
    found = ops.convert_to_numpy(lookup(vectors[:, read]))
    np.testing.assert_allclose(found, expected[:, channels], rtol=1e-6)
