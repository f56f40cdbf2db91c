"""Encoder and decoder of sequences."""

import numpy as np
import pytest
from keras import ops

from cmvq_keras.networks import SequenceDecoder, SequenceEncoder
from cmvq_keras.networks.sequence import poolings


@pytest.mark.parametrize("steps", [16, 32, 64, 96, 80])
def test_a_sequence_becomes_a_grid_and_comes_back(steps):
    encoder = SequenceEncoder(8, (4, 4), 6)
    decoder = SequenceDecoder(steps, 5, 8)
    inputs = np.random.default_rng(0).normal(size=(2, steps, 5)).astype(np.float32)
    grid = encoder(inputs)
    assert grid.shape == encoder.compute_output_shape((2, steps, 5)) == (2, 4, 4, 6)
    assert decoder(grid).shape == (2, steps, 5)


def test_places_of_the_grid_are_times_in_order():
    encoder = SequenceEncoder(4, (2, 4))
    inputs = np.random.default_rng(1).normal(size=(1, 32, 3)).astype(np.float32)
    before = ops.convert_to_numpy(encoder(inputs)).reshape(8, 4)
    inputs[0, 28:] += 1
    changed = np.abs(ops.convert_to_numpy(encoder(inputs)).reshape(8, 4) - before)
    # The convolutions see some steps to either side.
    assert changed[:2].max() == 0
    assert changed[7].max() > 0


@pytest.mark.parametrize("steps", [8, 24, 65, 176])
def test_steps_that_do_not_fit_the_grid_are_refused(steps):
    with pytest.raises(ValueError, match=r"4 x 4 places by .*Received: " + str(steps)):
        poolings(steps, (4, 4))
