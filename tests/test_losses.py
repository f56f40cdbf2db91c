"""The smoothed cross entropy in float64 numpy."""

import numpy as np
import pytest
from keras import ops

from cmvq_keras import recipes
from cmvq_keras.losses import SmoothedCrossEntropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_values_are_those_of_smoothed_labels(smoothing):
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(0, 3, (12, 5)), generator.integers(5, size=12)
    targets = np.full((12, 5), smoothing / 5)
    targets[np.arange(12), labels] += 1 - smoothing
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(targets * np.log(shares)).sum(1)
    loss = SmoothedCrossEntropy(smoothing, reduction=None)
    found = ops.convert_to_numpy(loss(labels, logits.astype(np.float32)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    again = SmoothedCrossEntropy.from_config(loss.get_config())
    assert again.smoothing == smoothing


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"`smoothing` must be in \[0, 1\)"):
        SmoothedCrossEntropy(1.0)


def test_segmentation_takes_no_label_smoothing():
    recipe = recipes.get("nyuv2")
    with pytest.raises(ValueError, match="label_smoothing must be 0 for segmentation"):
        recipe.with_settings({"training.label_smoothing": 0.1})
