"""Kernel ridge against its closed form in float64."""

import keras
import numpy as np
import pytest

from cmvq_keras import methods, recipes
from cmvq_keras.methods import kernel_ridge
from cmvq_keras.runs.evaluate import evaluate
from cmvq_keras.training.api import train

pytest.importorskip("sklearn")
METHOD = methods.get("kernel-ridge")
TINY = {"training.limit": 40, "method.samples": 50, "method.penalty": 0.2}


def closed_form(train_x, test_x, y, classes, penalty):
    """K(test, train) (K + penalty I)^-1 Y, with the modalities' kernels summed."""
    kernel = across = 0.0
    for name in train_x:
        own = np.float64(train_x[name]).reshape(len(y), -1)
        other = np.float64(test_x[name]).reshape(len(test_x[name]), -1)
        squared = np.square(own[:, None] - own[None]).sum(axis=-1)
        gamma = 1 / np.median(squared)
        kernel = kernel + np.exp(-gamma * squared)
        squared = np.square(other[:, None] - own[None]).sum(axis=-1)
        across = across + np.exp(-gamma * squared)
    ridge = kernel + penalty * np.eye(len(y))
    return across @ np.linalg.solve(ridge, np.eye(classes)[y])


def test_it_predicts_the_closed_form():
    recipe = METHOD.variants(recipes.get("planted").with_settings(TINY))["kernel-ridge"]
    recipe = recipes.resolve(recipe)
    splits = {
        name: recipes.load_split(recipe, name, limit=40)
        for name in ("train", "validation", "test")
    }
    model = METHOD.build_model(recipe)
    noted = METHOD.prepare(model, recipe, splits)["kernel_ridge"]
    test = splits["test"]
    found = model.predict(test.x, verbose=0)["task"] / noted["temperature"]
    train_split = splits["train"]
    expected = closed_form(
        train_split.x, test.x, train_split.y, len(recipe.classes), 0.2
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert noted["temperature"] in kernel_ridge.TEMPERATURES


def test_each_modality_and_all_together_are_trained():
    labels = METHOD.variants(recipes.get("planted"))
    assert set(labels) == {
        "kernel-ridge",
        "image-alone-kernel-ridge",
        "audio-alone-kernel-ridge",
    }
    assert set(labels["audio-alone-kernel-ridge"].modalities) == {"audio"}


def test_training_moves_nothing_and_a_run_is_measured_again(tmp_path):
    recipe = METHOD.variants(recipes.get("planted").with_settings(TINY))["kernel-ridge"]
    run = train(recipe, out=tmp_path / "run", verbose=False)
    again = evaluate(run.directory)
    assert again["confusion"] == run.metrics["test"]["confusion"]
    noted = run.environment["kernel_ridge"]
    from cmvq_keras.runs.load import load_model

    kept = load_model(run).solver.temperature
    assert float(keras.ops.convert_to_numpy(kept)) == noted["temperature"]
