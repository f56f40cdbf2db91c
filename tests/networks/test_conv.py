"""The plain convolutional networks and the pooled head."""

import keras
import numpy as np
import pytest
from keras import ops

from cmvq_keras.networks import ConvDecoder, ConvEncoder, PooledSolver
from cmvq_keras.networks.conv import widths


@pytest.mark.parametrize(
    ("stages", "expected"),
    [(1, [64]), (2, [32, 64]), (3, [16, 32, 64]), (4, [16, 32, 64, 64])],
)
def test_widths_grow_to_the_last_stage(stages, expected):
    assert widths(64, stages) == expected


def test_an_encoder_and_its_decoder_mirror_each_other():
    encoder = ConvEncoder(16, num_stages=3, embedding_dim=6)
    decoder = ConvDecoder(2, 16, num_stages=3)
    inputs = np.random.default_rng(0).normal(size=(2, 16, 24, 2)).astype(np.float32)
    grid = encoder(inputs)
    assert grid.shape == (2, 2, 3, 6)
    assert encoder.compute_output_shape((2, 16, 24, 2)) == (2, 2, 3, 6)
    assert decoder(grid).shape == (2, 16, 24, 2)
    kernels = [w.shape for w in encoder.trainable_weights if len(w.shape) == 4]
    assert kernels == [
        (3, 3, 2, 4),
        (3, 3, 4, 4),
        (3, 3, 4, 8),
        (3, 3, 8, 8),
        (3, 3, 8, 16),
        (3, 3, 16, 16),
        (1, 1, 16, 6),
    ]
    with pytest.raises(ValueError, match="16"):
        ConvEncoder(16, num_stages=4)(np.ones((1, 24, 16, 1), np.float32))


def test_the_pooled_head_is_a_dense_layer_of_means_and_maxima():
    grid = np.random.default_rng(1).normal(size=(3, 4, 2, 5)).astype(np.float32)
    solver = PooledSolver(7, dropout=0.3)
    found = ops.convert_to_numpy(solver(grid))
    pooled = np.concatenate([grid.mean((1, 2)), grid.max((1, 2))], axis=1)
    kernel, bias = map(ops.convert_to_numpy, solver.part("logits").weights)
    expected = pooled.astype(np.float64) @ kernel + bias
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert solver.compute_output_shape((None, 4, 2, 5)) == (None, 7)


def test_a_closed_channel_says_nothing_to_the_pooled_head():
    grid = np.random.default_rng(2).normal(size=(3, 4, 4, 5)).astype(np.float32)
    grid[..., 2] = 0
    other = grid.copy()
    solver = PooledSolver(4)
    first = ops.convert_to_numpy(solver(grid))
    kernel = ops.convert_to_numpy(solver.part("logits").kernel)
    kernel[[2, 7]] = 100
    solver.part("logits").kernel.assign(kernel)
    np.testing.assert_allclose(ops.convert_to_numpy(solver(other)), first, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [ConvEncoder(16, 2, 6), ConvDecoder(2, 16, 2), PooledSolver(3, dropout=0.2)],
    ids=lambda layer: type(layer).__name__,
)
def test_networks_come_back_from_their_configs(layer):
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
