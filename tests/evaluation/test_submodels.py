"""Inference models that are made once for each model."""

import gc
import weakref

import keras
import numpy as np
import pytest
from tiny_model import tiny_data, tiny_model

from cmvq_keras.evaluation.submodels import submodel


def test_the_same_model_comes_back_and_follows_the_weights():
    model, (x, _) = tiny_model(), tiny_data(4)
    task = submodel(model)
    assert submodel(model) is task
    assert submodel(model, ["audio"]) is submodel(model, ("audio",)) is not task
    assert list(submodel(model, ("audio",)).input) == ["image"]
    model.set_weights([0 * each for each in model.get_weights()])
    logits = keras.ops.convert_to_numpy(task.predict_on_batch(x))
    np.testing.assert_array_equal(logits, np.zeros_like(logits))


def test_it_goes_with_its_model():
    model = tiny_model()
    gone = weakref.ref(model)
    submodel(model)
    del model
    gc.collect()
    assert gone() is None


def test_one_modality_must_be_left():
    with pytest.raises(ValueError, match="must leave one of the task's modalities"):
        submodel(tiny_model(), ("image", "audio"))
