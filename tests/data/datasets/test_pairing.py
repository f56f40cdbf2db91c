"""Pairing by label, and the validation part held out of train."""

import numpy as np
import pytest

from cmvq_keras.data.datasets import pairing

pytestmark = pytest.mark.once


def _labels(seed, count):
    return np.random.default_rng(seed).integers(0, 4, count)


def test_pairs_have_equal_labels_and_use_the_larger_side_once():
    many, few = _labels(0, 400), _labels(1, 30)
    index, y = pairing.pair({"many": many, "few": few}, seed=3)
    assert y.dtype == np.int32
    assert np.array_equal(many[index["many"]], y)
    assert np.array_equal(few[index["few"]], y)
    assert sorted(index["many"].tolist()) == list(range(400))


def test_the_smaller_side_is_drawn_evenly():
    many, few = _labels(0, 400), _labels(1, 30)
    index, _ = pairing.pair({"many": many, "few": few}, seed=3)
    counts = np.bincount(index["few"], minlength=30)
    for label in range(4):
        own = counts[few == label]
        assert own.max() - own.min() <= 1
        assert own.min() >= 1


def test_either_side_may_be_the_smaller_one_by_class():
    one, two = np.array([0, 0, 0, 1]), np.array([0, 1, 1])
    index, y = pairing.pair({"one": one, "two": two}, seed=0)
    assert sorted(y.tolist()) == [0, 0, 0, 1, 1]
    assert np.array_equal(one[index["one"]], y)
    assert np.array_equal(two[index["two"]], y)


def test_pairing_repeats_by_seed():
    labels = {"a": _labels(0, 90), "b": _labels(1, 50)}
    first, again = pairing.pair(labels, 7), pairing.pair(labels, 7)
    other, _ = pairing.pair(labels, 8)
    assert np.array_equal(first[0]["a"], again[0]["a"])
    assert np.array_equal(first[0]["b"], again[0]["b"])
    assert not np.array_equal(first[0]["a"], other["a"])


def test_a_single_source_gives_every_sample_once():
    labels = _labels(0, 50)
    index, y = pairing.pair({"alone": labels}, seed=0)
    assert sorted(index["alone"].tolist()) == list(range(50))
    assert np.array_equal(labels[index["alone"]], y)


def test_a_class_that_one_source_lacks_is_an_error():
    with pytest.raises(ValueError, match=r"two has no samples of class 1, 3 to pair"):
        pairing.pair({"one": np.arange(4), "two": np.array([0, 2])}, seed=0)


def test_the_held_out_part_is_a_tenth_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 51, 2])
    kept, held = pairing.hold_out(labels, 0.1, np.random.default_rng(0))
    assert np.array_equal(np.sort(np.concatenate([kept, held])), np.arange(153))
    assert np.bincount(labels[held]).tolist() == [10, 5, 1]


def test_a_class_with_one_sample_stays_in_train():
    kept, held = pairing.hold_out(np.array([0, 0, 1]), 0.5, np.random.default_rng(0))
    assert 2 in kept
    assert len(held) == 1


def test_the_raw_samples_of_pairs_are_told_from_their_names():
    found = pairing.raw_samples(["m/1 + s/2", "m/3 + s/2"], ["mnist", "svhn"])
    assert found["mnist"].tolist() == ["m/1", "m/3"]
    assert found["svhn"].tolist() == ["s/2", "s/2"]
    whole = pairing.raw_samples(["c/1", "c/2"], ["image", "audio"])
    assert whole["image"].tolist() == whole["audio"].tolist() == ["c/1", "c/2"]
