"""Kernel ridge against its closed form in float64."""

import dataclasses

import keras
import numpy as np
import pytest
import tiny_tasks

from cmvq_keras import methods, recipes
from cmvq_keras.data.split import Split
from cmvq_keras.methods import kernel_ridge
from cmvq_keras.recipe import Target
from cmvq_keras.runs.evaluate import evaluate
from cmvq_keras.training.api import train

pytest.importorskip("sklearn")
METHOD = methods.get("kernel-ridge")
TINY = {"training.limit": 40, "method.samples": 50, "method.penalty": 0.2}


def closed_form(train_x, test_x, wanted, penalty):
    """K(test, train) (K + penalty I)^-1 Y, with the modalities' kernels summed."""
    kernel = across = 0.0
    for name in train_x:
        own = np.float64(train_x[name]).reshape(len(wanted), -1)
        other = np.float64(test_x[name]).reshape(len(test_x[name]), -1)
        squared = np.square(own[:, None] - own[None]).sum(axis=-1)
        gamma = 1 / np.median(squared)
        kernel = kernel + np.exp(-gamma * squared)
        squared = np.square(other[:, None] - own[None]).sum(axis=-1)
        across = across + np.exp(-gamma * squared)
    ridge = kernel + penalty * np.eye(len(wanted))
    return across @ np.linalg.solve(ridge, wanted)


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
    wanted = np.eye(len(recipe.classes))[train_split.y]
    expected = closed_form(train_split.x, test.x, wanted, 0.2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert noted["temperature"] in kernel_ridge.TEMPERATURES


@pytest.mark.once
@pytest.mark.parametrize("task", ["regression", "multi-label"])
def test_numbers_and_several_labels_are_the_closed_form(task):
    x, y = tiny_tasks.vectors(task, 60)
    recipe = tiny_tasks.recipe(task).with_settings({"method.samples": 40})
    units = (40.0, 70.0), (10.0, 5.0)
    modalities = {
        name: dataclasses.replace(each, offset=0.0, scale=1.0)
        for name, each in recipe.modalities.items()
    }
    targets = {
        name: Target(offset, scale)
        for name, offset, scale in zip(recipe.targets, *units, strict=False)
    }
    recipe = dataclasses.replace(recipe, modalities=modalities, targets=targets)
    recipe = recipes.resolve(METHOD.variants(recipe)["kernel-ridge"])
    parts = {"train": slice(0, 40), "validation": slice(40, 60)}
    splits = {
        name: Split({key: v[part] for key, v in x.items()}, y[part], np.arange(60))
        for name, part in parts.items()
    }
    model = METHOD.build_model(recipe)
    noted = METHOD.prepare(model, recipe, splits)["kernel_ridge"]
    found = np.float64(model.predict(splits["validation"].x, verbose=0)["task"])
    wanted = 2.0 * y[:40] - 1
    if task == "regression":
        wanted = (y[:40] - np.array(units[0])) / units[1]
    expected = closed_form(splits["train"].x, splits["validation"].x, wanted, 0.1)
    if task == "regression":
        assert noted["temperature"] == 1
        expected = expected * units[1] + np.array(units[0])
        np.testing.assert_allclose(found, expected, rtol=1e-3)
        return
    costs = {
        t: np.logaddexp(0, np.where(y[40:] > 0, -t * expected, t * expected)).mean()
        for t in kernel_ridge.TEMPERATURES
    }
    assert noted["temperature"] == min(costs, key=costs.__getitem__)
    np.testing.assert_allclose(
        found, noted["temperature"] * expected, rtol=1e-3, atol=1e-3
    )


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
