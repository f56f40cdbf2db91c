"""VectorQuantizer and ThresholdMask against the equations and the author's numbers."""

import keras
import numpy as np
import pytest
import reference
from golden_numbers import deviation, load, to_channels_last, under
from gradients import gradients
from keras import ops

from cmvq_keras.backend.numerics import _leading_bits, split_matmul
from cmvq_keras.layers import Clamp, MaskPenalty, ThresholdMask, VectorQuantizer


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def golden_quantizer(name, **settings):
    numbers = under(load("layers"), name)
    layer = VectorQuantizer(32, start="reference", revival_threshold=0, **settings)
    layer.build((None, 6, 6, 8))
    before = under(numbers, "weights_before")
    layer.embeddings.assign(before["_embedding.weight"])
    if layer.decay is not None:
        layer.ema_cluster_size.assign(before["_ema_cluster_size"])
        layer.ema_embeddings.assign(before["_ema_w"])
    return layer, numbers


def dot(tensor, probe):
    return ops.sum(tensor * ops.convert_to_tensor(probe))


def objective(probe):
    return lambda out: ops.mean(out["loss"]) + dot(out["quantized"], probe)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("vector_quantizer", {"decay": None}), ("vector_quantizer_ema", {})],
)
def test_three_training_steps_match_the_authors_quantizer(name, settings):
    layer, numbers = golden_quantizer(name, **settings)
    for step in range(3):
        expected = under(numbers, f"step{step}")
        probe = to_channels_last(expected["probe"])
        found = gradients(layer, to_channels_last(expected["input"]), objective(probe))
        assert deviation(found.outputs["loss"].mean(), expected["loss"]) < 1e-5
        quantized = to_channels_last(expected["quantized"])
        assert deviation(found.outputs["quantized"], quantized) < 1e-5
        counts = reference.perplexity(found.outputs["indices"], 32)
        assert deviation(counts, expected["perplexity"]) < 1e-5
        grad_input = to_channels_last(expected["grad_input"])
        assert deviation(found.inputs[0], grad_input) < 1e-4
        if layer.decay is None:
            assert deviation(found.weights[0], expected["grad_codebook"]) < 1e-4
        else:
            assert_state(layer, under(expected, "weights_after"))
    expected = under(numbers, "eval")
    out = layer(to_channels_last(expected["input"]), training=False)
    assert deviation(numpy(out["loss"]).mean(), expected["loss"]) < 1e-5
    quantized = to_channels_last(expected["quantized"])
    assert deviation(numpy(out["quantized"]), quantized) < 1e-5


def test_three_steps_from_the_published_zero_start_match():
    layer, numbers = golden_quantizer("vector_quantizer_ema_zero_start")
    for step in range(3):
        expected = under(numbers, f"step{step}")
        out = layer(to_channels_last(expected["input"]), training=True)
        assert deviation(numpy(out["loss"]).mean(), expected["loss"]) < 1e-5
        quantized = to_channels_last(expected["quantized"])
        assert deviation(numpy(out["quantized"]), quantized) < 1e-5
        assert_state(layer, under(expected, "weights_after"))


def assert_state(layer, after):
    assert deviation(numpy(layer.embeddings), after["_embedding.weight"]) < 1e-5
    assert deviation(numpy(layer.ema_embeddings), after["_ema_w"]) < 1e-5
    assert deviation(numpy(layer.ema_cluster_size), after["_ema_cluster_size"]) < 1e-5


def clusters(count=40, size=20, depth=4, seed=0):
    """`size` vectors around each of `count` far centres, shuffled."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, depth)) * 20
    vectors = np.repeat(centres, size, axis=0)
    vectors = vectors + rng.normal(size=vectors.shape) * 0.05
    return rng.permutation(vectors).astype("float32"), centres


def test_chosen_codes_losses_and_averages_follow_the_equations():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 5)).astype("float32")
    layer = VectorQuantizer(7, start="reference", revival_threshold=0, seed=1)
    layer.build((None, 3, 5))
    layer.ema_cluster_size.assign(rng.uniform(1, 9, 7))
    codes, size = numpy(layer.embeddings), numpy(layer.ema_cluster_size)
    total = numpy(layer.ema_embeddings)
    out = layer(vectors.reshape(20, 3, 5), training=True)
    indices, margin = reference.nearest(vectors, codes)
    assert margin.min() > 1e-5
    np.testing.assert_array_equal(numpy(out["indices"]).ravel(), indices)
    np.testing.assert_array_equal(
        numpy(out["quantized"]).reshape(60, 5), codes[indices]
    )
    assert numpy(out["loss"]).shape == (20,)
    expected = reference.quantizer_loss(vectors, codes[indices])
    np.testing.assert_allclose(numpy(out["loss"]).mean(), expected, rtol=1e-5)
    size, total, moved = reference.moving_average_step(size, total, vectors, indices)
    np.testing.assert_allclose(numpy(layer.ema_cluster_size), size, rtol=1e-5)
    np.testing.assert_allclose(numpy(layer.ema_embeddings), total, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(numpy(layer.embeddings), moved, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("start", ["batch", "kmeans"])
@pytest.mark.parametrize("decay", [0.99, None])
def test_a_start_from_the_data_uses_many_codes_at_once(start, decay):
    vectors, _ = clusters()
    layer = VectorQuantizer(40, decay=decay, start=start, seed=2)
    first = layer(vectors, training=True)
    used = np.unique(numpy(first["indices"])).size
    assert used >= 20
    codes = numpy(layer.codebook())
    assert np.all((codes > vectors.min(axis=0) - 1) & (codes < vectors.max(axis=0) + 1))
    if (start, decay) == ("batch", None):
        distance = np.abs(codes[:, None] - vectors[None]).max(axis=-1)
        assert distance.min(axis=1).max() < 1e-4
    assert float(numpy(layer.initialized)) == 1.0
    # A second batch moves the codes on; it does not start them again.
    if decay is None:
        layer(vectors + 100, training=True)
        np.testing.assert_array_equal(numpy(layer.codebook()), codes)


@pytest.mark.parametrize("start", ["batch", "kmeans"])
@pytest.mark.parametrize("vectors_a_code", [0.5, 40])
def test_the_first_step_moves_the_started_codes_by_the_equations(start, vectors_a_code):
    codes = 10
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(int(codes * vectors_a_code), 3)).astype("float32")
    layer = VectorQuantizer(codes, start=start, seed=0)
    layer.build(vectors.shape)
    # The codes that the first batch starts from, without the step that follows.
    seed = numpy(layer.seed_generator.state)
    drawn = layer._draw(ops.convert_to_tensor(vectors))
    layer.seed_generator.state.assign(seed)
    if start == "kmeans":
        drawn = layer._kmeans(ops.convert_to_tensor(vectors), drawn)
    drawn = numpy(drawn)
    out = layer(vectors, training=True)
    indices, margin = reference.nearest(vectors, drawn)
    if vectors_a_code > 1:
        np.testing.assert_array_equal(
            numpy(out["indices"])[margin > 1e-5], indices[margin > 1e-5]
        )
    share = 0.02 * vectors_a_code
    size, total, moved = reference.moving_average_step(
        np.full(codes, share), drawn * share, vectors, numpy(out["indices"])
    )
    np.testing.assert_allclose(numpy(layer.ema_cluster_size), size, rtol=1e-4)
    np.testing.assert_allclose(numpy(layer.ema_embeddings), total, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(numpy(layer.embeddings), moved, rtol=1e-4, atol=1e-5)


def test_the_start_with_kmeans_is_closer_to_the_data_than_with_a_batch():
    vectors, _ = clusters(count=24)
    losses = {}
    for start in ("batch", "kmeans"):
        layer = VectorQuantizer(24, start=start, seed=2, revival_threshold=0)
        losses[start] = numpy(layer(vectors, training=True)["loss"]).mean()
    assert losses["kmeans"] < losses["batch"]


def test_kmeans_makes_ten_steps():
    # Spread out, so that no vector lies between two codes within float32's error.
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(400, 4)).astype("float32")
    layer = VectorQuantizer(24, start="kmeans", seed=2)
    layer.build(vectors.shape)
    flat = ops.convert_to_tensor(vectors)
    centres = layer._draw(flat)
    found = numpy(layer._kmeans(flat, centres))
    expected = reference.kmeans(vectors, numpy(centres), steps=10)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_gradient_codebook_still_learns_after_a_start_from_the_data():
    vectors, _ = clusters()
    layer = VectorQuantizer(40, decay=None, seed=2)
    layer.build(vectors.shape)
    found = gradients(layer, vectors, lambda out: ops.mean(out["loss"]))
    codes, indices = numpy(layer.codebook()), found.outputs["indices"]
    expected = np.zeros((40, 4))
    np.add.at(expected, indices, 2 * (codes[indices] - vectors) / vectors.size)
    np.testing.assert_allclose(found.weights[0], expected, atol=1e-6)


def test_dead_codes_come_back_with_code_sum_and_count_together():
    vectors, _ = clusters()
    layer = VectorQuantizer(40, start="reference", revival_threshold=0.0025, seed=0)
    layer.build(vectors.shape)
    layer.ema_cluster_size.assign(np.full(40, 20.0))
    layer.ema_embeddings.assign(np.full((40, 4), 1e4))
    # The first code is nearest by far: no rounding may choose another one.
    layer.embeddings.assign(np.r_[500.0, np.full(39, 5e3)][:, None] * np.ones((1, 4)))
    layer.ema_cluster_size.assign(np.r_[20.0, np.zeros(39)])
    layer(vectors, training=True)
    codes, size = numpy(layer.embeddings), numpy(layer.ema_cluster_size)
    # 800 vectors for 40 codes: an even share is 20.
    revived = np.isclose(size, 0.0025 * 20)
    assert revived.sum() == 39
    distance = np.abs(codes[revived][:, None] - vectors[None]).max(axis=-1)
    assert distance.min(axis=1).max() == 0
    np.testing.assert_allclose(
        numpy(layer.ema_embeddings)[revived], codes[revived] * 0.05, rtol=1e-6
    )
    for _ in range(30):
        out = layer(vectors, training=True)
    assert np.unique(numpy(out["indices"])).size >= 36


def test_codes_are_drawn_once_each_while_the_batch_has_enough_vectors():
    vectors = np.arange(64, dtype="float32").reshape(64, 1)
    layer = VectorQuantizer(32, seed=5)
    layer.build(vectors.shape)
    drawn = numpy(layer._draw(ops.convert_to_tensor(vectors)))
    assert np.unique(drawn).size == 32


@pytest.mark.parametrize("case", ["inference", "frozen"])
def test_state_stays_without_training_of_a_trainable_layer(case):
    vectors, _ = clusters()
    layer = VectorQuantizer(8, seed=0)
    layer.build(vectors.shape)
    layer.trainable = case != "frozen"
    before = [numpy(w) for w in layer.weights]
    layer(vectors, training=case == "frozen")
    for old, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(numpy(weight), old)


@pytest.mark.parametrize("start", ["reference", "batch"])
def test_a_batch_with_a_bad_value_does_not_poison_the_codebook(start):
    vectors, _ = clusters()
    layer = VectorQuantizer(8, start=start, seed=0)
    layer.build(vectors.shape)
    before = [numpy(w) for w in layer.weights]
    vectors[3, 1] = np.inf
    layer(vectors, training=True)
    for old, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(numpy(weight), old)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_codes_are_chosen_in_float32_under_half_precision(policy):
    rng = np.random.default_rng(0)
    vectors = ops.convert_to_tensor(rng.normal(size=(50, 8, 2)) * 40, "float32")
    layer = VectorQuantizer(
        64, start="reference", revival_threshold=0, seed=0, dtype=policy
    )
    layer.build((None, 8, 2))
    layer.embeddings.assign(rng.normal(size=(64, 2)) * 40)
    half = layer.compute_dtype
    out = layer(vectors, training=True)
    assert keras.backend.standardize_dtype(out["quantized"].dtype) == half
    assert keras.backend.standardize_dtype(out["loss"].dtype) == "float32"
    assert all(w.dtype == "float32" for w in layer.weights)
    rounded = numpy(ops.cast(ops.cast(vectors, half), "float32")).reshape(-1, 2)
    layer.embeddings.assign(np.float32(layer.embeddings))
    out = layer(vectors, training=False)
    codes = numpy(layer.embeddings)
    indices, margin = reference.nearest(rounded, codes)
    clear = margin > 1e-2
    np.testing.assert_array_equal(numpy(out["indices"]).ravel()[clear], indices[clear])
    assert clear.mean() > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_embeddings": 1}, "`num_embeddings` must be >= 2. Received: 1"),
        ({"decay": 1.5}, r"`decay` must be in \[0, 1\) or None. Received: 1.5"),
        ({"epsilon": 0}, "`epsilon` must be > 0"),
        ({"commitment_cost": -1}, "`commitment_cost` must be >= 0"),
        ({"start": "random"}, "`start` must be one of reference, batch, kmeans"),
        ({"revival_threshold": 1.0}, r"`revival_threshold` must be in \[0, 1\)"),
    ],
)
def test_the_quantizer_refuses_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        VectorQuantizer(**{"num_embeddings": 8, **settings})


def test_the_quantizer_refuses_another_depth():
    layer = VectorQuantizer(8)
    layer.build((None, 4, 4, 6))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.zeros((2, 4, 4, 5), "float32"))


@pytest.mark.parametrize(
    "layer",
    [
        VectorQuantizer(9, 0.5, None, 1e-4, "kmeans", 0.3, seed=4),
        VectorQuantizer(9),
        ThresholdMask(0.05, 0.1, "ternary", "l1", 1e-2, 0.2, seed=3),
        ThresholdMask(),
    ],
)
def test_layers_come_back_from_their_configuration(layer):
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("name", "mode", "complement"),
    [
        ("mask_binary", "binary", False),
        ("mask_binary_inverse", "binary", True),
        ("mask_ternary", "ternary", False),
    ],
)
def test_masks_match_the_authors_exactly(name, mode, complement):
    numbers = under(load("layers"), name)
    layer = ThresholdMask(float(numbers["threshold"]), mode=mode)
    layer.build((None, 4, 4, 16))
    layer.channel_weights.assign(numbers["mask"].ravel())
    np.testing.assert_array_equal(
        numpy(layer.hard_values(complement)), numbers["thresholded"].ravel()
    )
    probe = to_channels_last(numbers["probe"])
    side = Complement(layer) if complement else layer
    inputs = to_channels_last(numbers["input"])
    found = gradients(side, inputs, lambda out: dot(out, probe))
    np.testing.assert_array_equal(found.outputs, to_channels_last(numbers["output"]))
    np.testing.assert_array_equal(
        found.inputs[0], to_channels_last(numbers["grad_input"])
    )
    assert deviation(found.weights[0], numbers["grad_mask"].ravel()) < 1e-5


class Complement(keras.layers.Layer):
    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def build(self, input_shape):
        pass

    def call(self, inputs, training=False):
        return self.mask(inputs, complement=True, training=training)


WEIGHTS = np.float32([0.2, 0.05, 0.0, -0.3, 0.04, 1.0])


@pytest.mark.parametrize("mode", ["binary", "ternary"])
@pytest.mark.parametrize("inverse", [False, True])
def test_mask_values_follow_the_equations(mode, inverse):
    layer = ThresholdMask(0.05, mode=mode)
    layer.build((None, 6))
    layer.channel_weights.assign(WEIGHTS)
    level = np.float32(0.05)
    expected = reference.mask_values(WEIGHTS, level, mode, inverse)
    np.testing.assert_array_equal(numpy(layer.hard_values(inverse)), expected)
    features = np.ones((2, 3, 6), "float32")
    np.testing.assert_array_equal(
        numpy(layer(features, complement=inverse))[0, 0], expected
    )
    counted = np.abs(reference.mask_values(WEIGHTS, level, mode))
    np.testing.assert_array_equal(numpy(layer.shares()), counted)


def test_attention_multiplies_by_the_weights_and_counts_those_above_the_threshold():
    layer = ThresholdMask(0.05, mode="attention")
    layer.build((None, 6))
    layer.channel_weights.assign(WEIGHTS)
    np.testing.assert_array_equal(numpy(layer(np.ones((1, 6), "float32")))[0], WEIGHTS)
    np.testing.assert_array_equal(numpy(layer.shares()), [1, 0, 0, 0, 0, 1])


def test_the_random_mask_draws_in_training_and_halves_at_inference():
    layer = ThresholdMask(mode="random", seed=1)
    features = np.ones((3, 200), "float32")
    first, second = (numpy(layer(features, training=True)) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0}
    assert 60 < first[0].sum() < 140
    np.testing.assert_array_equal(first[0], first[1])
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(numpy(layer(features)), 0.5 * features)
    np.testing.assert_array_equal(numpy(layer.shares()), np.full(200, 0.5))
    assert layer.losses == []
    assert layer.trainable_variables == []


def test_without_a_mask_every_channel_passes_and_nothing_is_learned():
    layer = ThresholdMask(mode="none")
    features = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    for training in (False, True):
        np.testing.assert_array_equal(
            numpy(layer(features, training=training)), features
        )
    np.testing.assert_array_equal(numpy(layer(features, complement=True)), 0 * features)
    np.testing.assert_array_equal(numpy(layer.shares()), np.ones(5))
    assert layer.losses == []
    assert layer.trainable_variables == []
    assert float(numpy(layer.penalty_value())) == 0


@pytest.mark.parametrize(
    ("penalty", "expected"), [("sum", WEIGHTS.sum()), ("l1", np.abs(WEIGHTS).sum())]
)
def test_the_penalty_is_on_the_real_weights(penalty, expected):
    layer = ThresholdMask(penalty=penalty, penalty_weight=0.5)
    layer.build((None, 6))
    layer.channel_weights.assign(WEIGHTS)
    np.testing.assert_allclose(numpy(layer.losses[0]), 0.5 * expected, rtol=1e-6)
    np.testing.assert_allclose(numpy(layer.penalty_value()), 0.5 * expected, rtol=1e-6)
    layer.trainable = False
    assert layer.losses == []
    assert float(numpy(layer.penalty_value())) == 0


def test_the_clamp_holds_the_weights_after_an_optimizer_step():
    layer = ThresholdMask(clamp=0.02)
    layer.build((None, 3))
    optimizer = keras.optimizers.SGD(1.0)
    gradient = ops.convert_to_tensor([5.0, -5.0, 0.0])
    optimizer.apply([gradient], layer.trainable_variables)
    np.testing.assert_allclose(numpy(layer.channel_weights), [-0.02, 0.02, 0.01])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ThresholdMask(mode="soft"), "`mode` must be one of binary, ternary"),
        (lambda: MaskPenalty("l2"), "`kind` must be 'sum' or 'l1'. Received: 'l2'"),
        (
            lambda: MaskPenalty(weight=-1),
            "`weight` must be a number >= 0. Received: -1",
        ),
        (lambda: Clamp(0), "`limit` must be a number > 0. Received: 0"),
    ],
)
def test_the_mask_refuses_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_split_product_keeps_float32_accuracy_when_its_factors_are_rounded():

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40, 40)).astype("float32")
    exact = np.float64(a) @ np.float64(b)
    found = numpy(split_matmul(ops.convert_to_tensor(a), ops.convert_to_tensor(b)))
    assert deviation(found, exact) < 1e-6
    high = numpy(_leading_bits(ops.convert_to_tensor(a)))
    # TF32 keeps 11 bits of a float32's 24: the other 13 must be zero already.
    assert not np.any(high.view("int32") & 0x1FFF)


def test_codes_stay_put_when_a_batch_has_fewer_vectors_than_codes():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(16, 3)).astype("float32")
    # Nothing but revival may move them: no smoothing of counts as small as these.
    layer = VectorQuantizer(64, epsilon=1e-12, seed=0)
    layer(vectors, training=True)
    before = numpy(layer.embeddings)
    for _ in range(20):
        layer(vectors, training=True)
    moved = np.abs(numpy(layer.embeddings) - before).max(axis=1)
    assert np.median(moved) < 1e-3
