"""One modality of some training samples is left out; none at inference."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from cmvq_keras.layers import ModalityDropout


def _parts(layer, shape, training=True):
    """What became of ones, `(batch, parts, values of a part)`."""
    found = ops.convert_to_numpy(layer(np.ones(shape, "float32"), training=training))
    found = found.reshape(len(found), -1, layer.parts, shape[-1] // layer.parts)
    return found.swapaxes(1, 2).reshape(len(found), layer.parts, -1)


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("between", [(), (5,), (3, 2)])
def test_a_sample_loses_one_whole_part_or_nothing(parts, between):
    found = _parts(ModalityDropout(0.5, parts, seed=1), (400, *between, 2 * parts))
    assert np.array_equal(found.min(axis=-1), found.max(axis=-1))
    kept = found[..., 0]
    assert set(np.unique(kept)) == {0, 1}
    assert set(kept.sum(axis=1)) == {parts - 1, parts}


def test_the_share_is_the_rate_and_each_part_has_an_even_one_of_it():
    count, rate = 20000, 0.3
    lost = _parts(ModalityDropout(rate, 3, seed=2), (count, 3))[..., 0] == 0
    # Five standard deviations of a binomial share.
    margin = 5 * np.sqrt(0.25 / count)
    assert abs(lost.any(axis=1).mean() - rate) < margin
    np.testing.assert_allclose(lost.mean(axis=0), rate / 3, atol=margin)


def test_every_call_draws_anew_and_a_seed_repeats():
    first, second = (ModalityDropout(0.5, 2, seed=3) for _ in range(2))
    draws = [_parts(first, (64, 4)) for _ in range(2)]
    assert not np.array_equal(*draws)
    assert np.array_equal(draws, [_parts(second, (64, 4)) for _ in range(2)])


def test_nothing_is_lost_at_inference_or_where_there_is_one_part_or_no_rate():
    for layer, training in (
        (ModalityDropout(0.9, 2), False),
        (ModalityDropout(0.9, 1), True),
        (ModalityDropout(0.0, 2), True),
    ):
        assert _parts(layer, (50, 4), training).min() == 1


def test_what_stays_is_not_scaled_and_keeps_its_type():
    layer = ModalityDropout(0.5, 2, seed=4, dtype="bfloat16")
    inputs = ops.cast(np.random.default_rng(0).normal(size=(64, 6)), "bfloat16")
    found = layer(inputs, training=True)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    found, inputs = (
        ops.convert_to_numpy(ops.cast(each, "float32")) for each in (found, inputs)
    )
    assert np.array_equal(found, np.where(found == 0, 0, inputs))
    assert (found == 0).any()


def test_it_survives_its_configuration():
    layer = ModalityDropout(0.25, 3, seed=5, name="left_out")
    content = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    again = keras.saving.deserialize_keras_object(content)
    assert (again.rate, again.parts, again.seed, again.name) == (0.25, 3, 5, "left_out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 2), r"`rate` must be in \[0, 1\)\. Received: 1\.0"),
        ((-0.1, 2), r"`rate` must be in \[0, 1\)"),
        ((0.5, 0), "`parts` must be an integer >= 1. Received: 0"),
    ],
)
def test_settings_out_of_range_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        ModalityDropout(*arguments)


def test_channels_that_are_no_equal_parts_are_told():
    with pytest.raises(ValueError, match=r"must be 3 equal parts\. Received: shape"):
        ModalityDropout(0.5, 3)(np.ones((2, 4), "float32"))
