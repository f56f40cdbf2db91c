"""What all quantizers share: their names, and values that are not finite."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.layers import CodeLookup, Quantizer, VectorQuantizer, quantizer

BAD = [np.nan, np.inf, -np.inf]


def test_every_quantizer_is_found_by_its_name():
    assert {"ema", "fsq", "gradient"} <= set(quantizer.names())
    settings = recipes.get("planted").model
    for name in quantizer.names():
        layer = quantizer.get(name).from_settings(settings, f"{name}_layer")
        assert isinstance(layer, Quantizer)
        assert layer.name == f"{name}_layer"
        assert isinstance(layer, getattr(cmvq.layers, type(layer).__name__))


def test_an_unknown_name_has_a_hint():
    with pytest.raises(ValueError, match="Did you mean fsq"):
        quantizer.get("fsk")
    with pytest.raises(ValueError, match=r"model\.quantizer must be one of ema, fsq"):
        recipes.get("planted").with_settings({"model.quantizer": "fsk"})


@pytest.mark.once
def test_reading_the_names_imports_no_keras():
    code = (
        "import sys; from cmvq_keras import registry\n"
        "assert 'fsq' in registry.names('layers', 'QUANTIZERS')\n"
        "assert 'keras' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "decay"),
    [
        ({}, 0.99),
        ({"model.decay": "none"}, None),
        ({"model.decay": 0.0}, None),
        ({"model.quantizer": "gradient"}, None),
        ({"model.quantizer": "ema", "model.decay": 0.9}, 0.9),
    ],
)
def test_a_recipe_without_a_decay_learns_by_gradient(settings, decay):
    recipe = recipes.get("planted").with_settings(settings)
    kind = quantizer.get(recipe.model.quantizer_kind)
    assert kind.from_settings(recipe.model, "layer").decay == decay


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("decay", [0.99, None])
def test_a_vector_that_is_not_finite_becomes_nan_on_every_backend(bad, groups, decay):
    vectors = np.random.default_rng(0).normal(size=(4, 3, 6)).astype("float32")
    layer = VectorQuantizer(5, decay=decay, start="reference", seed=1, groups=groups)
    whole = ops.convert_to_numpy(layer(vectors)["quantized"])
    vectors[1, 2, 0] = bad
    out = layer(vectors)
    expected = whole.copy()
    expected[1, 2, : 6 // groups] = np.nan
    np.testing.assert_array_equal(ops.convert_to_numpy(out["quantized"]), expected)
    indices = ops.convert_to_numpy(out["indices"])
    assert indices.min() >= 0
    assert indices.max() < 5
    lost = ~np.isfinite(ops.convert_to_numpy(out["loss"]))
    np.testing.assert_array_equal(lost, [False, True, False, False])


@pytest.mark.parametrize("bad", BAD)
def test_an_exported_lookup_gives_nan_as_the_model_does(bad):
    lookup = CodeLookup(4, 2)
    lookup.build((None, 3))
    lookup.embeddings.assign(np.eye(4, 3, dtype="float32"))
    vectors = np.eye(2, 3, dtype="float32")
    vectors[1, 2] = bad
    found = ops.convert_to_numpy(lookup(vectors))
    np.testing.assert_array_equal(np.isnan(found), [[False] * 2, [True] * 2])


@pytest.mark.parametrize("kind", ["ema", "gradient", "fsq"])
def test_quantizers_come_back_from_their_configuration(kind):
    settings = recipes.get("planted").model
    layer = quantizer.get(kind).from_settings(settings, "layer")
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
