"""Groups of channels with codes of their own, against as many separate quantizers."""

import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.exporting import checking, cutting
from cmvq_keras.layers import VectorQuantizer
from cmvq_keras.models.weight_transfer import transfer

K, GROUPS, WIDTH = 7, 3, 2
TINY = {
    "model.groups": 4,
    "model.num_embeddings": 8,
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.residual_layers": 1,
    "model.embedding_dim": 8,
    "model.solver_units": 16,
}
RECIPE = recipes.get("planted").with_settings(TINY)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def pair(**settings):
    """A quantizer of groups, and by group one with the same state."""
    settings = {"start": "reference", "revival_threshold": 0, **settings}
    layer = VectorQuantizer(K, groups=GROUPS, seed=0, **settings)
    layer.build((None, GROUPS * WIDTH))
    generator = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(generator.uniform(0.5, 2, weight.shape).astype("float32"))
    alone = [VectorQuantizer(K, seed=0, **settings) for _ in range(GROUPS)]
    for group, each in enumerate(alone):
        each.build((None, WIDTH))
        for old, new in zip(layer.weights, each.weights, strict=True):
            new.assign(of_group(numpy(old), group))
    return layer, alone


def of_group(array, group):
    """The part of a state: counts `(groups, K)`, or codes `(K, depth)`."""
    if array.shape == (GROUPS, K):
        return array[group]
    return array[..., group * WIDTH : (group + 1) * WIDTH]


@pytest.mark.parametrize("decay", [0.9, None])
def test_each_group_is_a_quantizer_of_its_own(decay):
    layer, alone = pair(decay=decay)
    vectors = np.random.default_rng(2).uniform(0, 2, (4, 5, 6)).astype("float32")
    for _ in range(2):
        found = layer(vectors, training=True)
        assert found["indices"].shape == (4, 5, GROUPS)
        losses = []
        for group, each in enumerate(alone):
            expected = each(of_group(vectors, group), training=True)
            np.testing.assert_array_equal(
                numpy(found["indices"])[..., group], numpy(expected["indices"])
            )
            np.testing.assert_allclose(
                of_group(numpy(found["quantized"]), group),
                numpy(expected["quantized"]),
                rtol=1e-5,
            )
            losses.append(numpy(expected["loss"]))
            for old, new in zip(layer.weights, each.weights, strict=True):
                np.testing.assert_allclose(
                    of_group(numpy(old), group), numpy(new), rtol=1e-5
                )
        np.testing.assert_allclose(numpy(found["loss"]), np.mean(losses, 0), rtol=1e-5)


def test_codes_of_groups_that_learn_by_gradient_get_one():
    layer, _ = pair(decay=None)
    vectors = np.random.default_rng(2).uniform(0, 2, (20, 6)).astype("float32")
    found = gradients(layer, vectors, lambda out: ops.mean(out["loss"]))
    codes = numpy(layer.codebook())
    expected = np.zeros_like(codes)
    for group in range(GROUPS):
        columns = slice(group * WIDTH, (group + 1) * WIDTH)
        for vector, index in zip(vectors, found.outputs["indices"], strict=True):
            code = codes[index[group], columns]
            expected[index[group], columns] += 2 * (code - vector[columns]) / 120
    np.testing.assert_allclose(found.weights[0], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("start", ["batch", "kmeans"])
def test_groups_start_from_the_data_and_revive(start):
    layer = VectorQuantizer(K, groups=GROUPS, seed=0, start=start)
    vectors = np.random.default_rng(2).normal(5, 1, (200, 6)).astype("float32")
    for _ in range(3):
        layer(vectors, training=True)
    codes = numpy(layer.codebook())
    assert np.abs(codes - 5).max() < 5
    out = layer(vectors)
    indices = numpy(out["indices"])
    assert all(len(np.unique(indices[:, group])) == K for group in range(GROUPS))
    found = numpy(layer.lookup(out["indices"]))
    np.testing.assert_array_equal(found, numpy(out["quantized"]))


def test_one_group_is_the_papers_with_its_weights():
    layer = VectorQuantizer(K, groups=1)
    layer.build((None, 6))
    shapes = {weight.name: tuple(weight.shape) for weight in layer.weights}
    assert shapes["embeddings"] == (K, 6)
    assert shapes["ema_cluster_size"] == (K,)


def test_groups_that_do_not_divide_the_channels_are_refused():
    layer = VectorQuantizer(K, groups=4)
    with pytest.raises(ValueError, match=r"`groups` must divide the depth 6\."):
        layer.build((None, 6))
    with pytest.raises(ValueError, match=r"model\.groups must divide"):
        RECIPE.with_settings({"model.groups": 3})


def built(recipe=RECIPE):
    keras.utils.set_random_seed(0)
    model = cmvq.build_model(recipe)
    weights = np.full(model.mask.channel_weights.shape, -0.5, "float32")
    # Of 8 channels a modality, in groups of 2: one and a half groups, and two halves.
    weights[[0, 1, 5, 8 + 2, 8 + 7]] = [0.3, 0.2, 0.4, 0.5, 0.6]
    model.mask.channel_weights.assign(weights)
    x = checking.made_up(recipe.modalities, recipe.modalities, seed=2)
    for name, quantizer in model.quantizers.items():
        features = numpy(model.encoders[name](x[name]))
        features = features.reshape(-1, features.shape[-1])
        codes = np.random.default_rng(0).choice(features, 8, replace=False)
        quantizer.embeddings.assign(codes)
    return model


def test_closed_groups_are_cut_out_of_an_exported_model():
    model = built()
    small = cutting.cut(model, RECIPE.modalities)
    raw = checking.made_up(RECIPE.modalities, RECIPE.modalities)
    found = numpy(small(raw)["logits"])
    checking.compare(model, raw, found)
    lookup = small.get_layer("image_codes")
    assert (list(lookup.channels), tuple(lookup.embeddings.shape)) == ([2, 1], (8, 4))
    lookup = small.get_layer("audio_codes")
    assert (list(lookup.channels), tuple(lookup.embeddings.shape)) == ([1, 1], (8, 4))


def test_groups_are_transferred_to_as_many_groups():
    source, target = built(), cmvq.build_model(RECIPE)
    transfer(source, target)
    for name in source.modalities:
        np.testing.assert_array_equal(
            numpy(source.quantizers[name].codebook()),
            numpy(target.quantizers[name].codebook()),
        )
    others = cmvq.build_model(RECIPE.with_settings({"model.groups": 2}))
    with pytest.raises(ValueError, match=r"quantizers\..* as many groups"):
        transfer(source, others)
