"""Finite scalar quantization against its equations, and against another library's."""

import keras
import numpy as np
import pytest
from command_line import invoke
from golden_numbers import deviation, load, under
from gradients import gradients
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.exporting import checking, cutting, exported, formats
from cmvq_keras.layers.fsq import FiniteScalarQuantizer
from cmvq_keras.models.weight_transfer import transfer
from cmvq_keras.runs.run import Run

TINY = {
    "model.quantizer": "fsq",
    "model.levels": 5,
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.residual_layers": 1,
    "model.embedding_dim": 8,
    "model.solver_units": 16,
}
RECIPE = recipes.get("planted").with_settings(TINY)


def bound(values, levels):
    """Mentzer et al., Section 3: what is rounded, and its derivative."""
    height = (levels - 1) * 1.001 / 2
    offset = 0.5 * (levels % 2 == 0)
    bent = np.tanh(np.float64(values) + np.arctanh(offset / height))
    return bent * height - offset, (1 - bent**2) * height


def dot_with(probe):
    return lambda out: ops.sum(out["quantized"] * ops.convert_to_tensor(probe))


@pytest.mark.parametrize("levels", [2, 3, 8])
@pytest.mark.parametrize("shape", [(6, 7), (3, 4, 5, 2), (9, 1)])
def test_values_codes_and_gradients_follow_the_equations(levels, shape):
    values = np.random.default_rng(levels).normal(size=shape).astype("float32")
    probe = np.random.default_rng(9).normal(size=shape).astype("float32")
    layer = FiniteScalarQuantizer(levels)
    found = gradients(layer, values, dot_with(probe))
    bounded, slope = bound(values, levels)
    rounded, half = np.round(bounded), levels // 2
    out = found.outputs
    np.testing.assert_array_equal(out["quantized"], np.float32(rounded / half))
    indices = (rounded + half).astype("int32")
    if shape[-1] == 1:
        indices = indices[..., 0]
    np.testing.assert_array_equal(out["indices"], indices)
    assert indices.min() >= 0
    assert indices.max() < levels
    np.testing.assert_array_equal(out["loss"], np.zeros(shape[0], "float32"))
    assert deviation(found.inputs[0], probe * slope / half) < 1e-5
    looked_up = ops.convert_to_numpy(layer.lookup(out["indices"]))
    np.testing.assert_array_equal(looked_up, out["quantized"])


@pytest.mark.parametrize("levels", [3, 4, 5, 8])
def test_it_is_the_scalar_quantizer_of_vector_quantize_pytorch(levels):
    numbers = under(load("fsq"), str(levels))
    layer = FiniteScalarQuantizer(levels)
    probe = numbers["probe"]
    found = gradients(layer, numbers["input"], dot_with(probe))
    np.testing.assert_array_equal(found.outputs["quantized"], numbers["quantized"])
    np.testing.assert_array_equal(found.outputs["indices"], numbers["indices"])
    assert deviation(found.inputs[0], numbers["grad_input"]) < 1e-5


def test_the_base_class_looks_codes_up_by_channel():
    layer = FiniteScalarQuantizer(8)
    values = np.random.default_rng(0).normal(size=(4, 3, 5)).astype("float32")
    out = layer(values)
    codes = ops.convert_to_numpy(layer.codebook())
    assert codes.shape == (8, 5)
    base = super(FiniteScalarQuantizer, layer)
    found = ops.convert_to_numpy(base.lookup(out["indices"]))
    np.testing.assert_array_equal(found, ops.convert_to_numpy(out["quantized"]))


def test_codes_used_and_perplexity_are_means_over_channels():
    indices = np.array([[[0, 0, 2]], [[0, 1, 2]], [[0, 2, 2]], [[0, 3, 1]]], "int32")
    counts, perplexity = cmvq.metrics.usage_perplexity(
        ops.convert_to_tensor(indices), 4, 3
    )
    np.testing.assert_array_equal(
        ops.convert_to_numpy(counts), [[4, 0, 0, 0], [1, 1, 1, 1], [0, 1, 3, 0]]
    )
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert float(perplexity) == pytest.approx((1 + 4 + np.exp(entropy)) / 3, rel=1e-5)
    used = cmvq.metrics.CodesUsed(4, 3)
    used.update_state(counts)
    assert float(used.result()) == pytest.approx((1 + 4 + 2) / 3)


def test_a_value_that_is_no_number_stays_one_and_has_a_code():
    values = np.zeros((3, 4), "float32")
    values[1, 2] = np.nan
    out = FiniteScalarQuantizer(8)(values)
    found = ops.convert_to_numpy(out["quantized"])
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    assert ops.convert_to_numpy(out["indices"])[1, 2] == 0


@pytest.mark.parametrize("levels", [1, 2.5, "8"])
def test_levels_out_of_range_are_refused(levels):
    with pytest.raises(
        ValueError, match=r"`levels` must be an integer >= 2\. Received"
    ):
        FiniteScalarQuantizer(levels)


def built(recipe=RECIPE):
    keras.utils.set_random_seed(0)
    model = cmvq.build_model(recipe)
    weights = np.full(model.mask.channel_weights.shape, -0.5, "float32")
    weights[[1, 4, 8, 13]] = 0.3
    model.mask.channel_weights.assign(weights)
    return model


def test_a_masked_channel_has_no_say_and_is_cut_out_of_the_encoder():
    model = built()
    small = cutting.cut(model, RECIPE.modalities)
    raw = checking.made_up(RECIPE.modalities, RECIPE.modalities)
    found = ops.convert_to_numpy(small(raw)["logits"])
    checking.compare(model, raw, found)
    encoders = [layer for layer in small.layers if "encoder" in layer.name]
    assert [layer.embedding_dim for layer in encoders] == [2, 2]


def test_transfer_copies_the_encoders_and_refuses_other_levels():
    source, target = built(), cmvq.build_model(RECIPE)
    transfer(source, target)
    for name in source.modalities:
        for old, new in zip(
            source.encoders[name].weights, target.encoders[name].weights, strict=True
        ):
            np.testing.assert_array_equal(
                ops.convert_to_numpy(old), ops.convert_to_numpy(new)
            )
    others = cmvq.build_model(RECIPE.with_settings({"model.levels": 8}))
    with pytest.raises(ValueError, match=r"quantizers.* must have as many codes"):
        transfer(source, others)
    by_average = cmvq.build_model(RECIPE.with_settings({"model.quantizer": "ema"}))
    with pytest.raises(ValueError, match=r"quantizers.* must be of one kind"):
        transfer(source, by_average)


@pytest.mark.slow(reason="trains and writes each format")
@pytest.mark.parametrize("format", formats.FORMATS)
def test_a_run_is_exported_in_every_format(format, tmp_path):
    backend = keras.config.backend()
    if backend not in formats.FORMATS[format].backends:
        pytest.skip(f"{backend} does not write it")
    made = Run.create(tmp_path / "run", RECIPE, backend)
    made.save_weights(built())
    path = tmp_path / f"model{formats.FORMATS[format].ending}"
    written = exported.export(made, path, format)
    assert written.difference <= 1e-5 or written.differing


def test_a_run_says_the_levels_used_a_channel(tmp_path):
    settings = [f"--set={key}={value}" for key, value in TINY.items()]
    arguments = "train --recipe planted --limit 64 --epochs 1 --batch-size 32 --out"
    result = invoke(*arguments.split(), str(tmp_path / "run"), *settings)
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "run")
    used = run.metrics["codes_used"]["image"]
    assert 1 <= used <= 5
    assert f"{used} of 5 (mean of 8 groups of channels)" in result.output
