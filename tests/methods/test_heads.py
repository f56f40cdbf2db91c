"""Ensemble, several losses and DGL against float64 versions of their equations."""

import dataclasses

import keras
import numpy as np
import pytest
import reference
import reference_methods
from gradients import gradients
from keras import layers, ops

import cmvq_keras as cmvq
from cmvq_keras import methods
from cmvq_keras.methods.dgl import DecoupledClassifier
from cmvq_keras.methods.ensemble import EnsembleClassifier
from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.models.multi_head import (
    MultiHeadClassifier,
    MultiHeadCMVQVAE,
    MultiHeadMaskedClassifier,
)
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.networks import FusionSolver, PooledEncoder, TargetUnits

NAMES = ("image", "audio")
CLASSES, COUNT = 3, 12
KINDS = (EnsembleClassifier, MultiHeadClassifier, DecoupledClassifier)


def make(kind, **settings):
    keras.utils.set_random_seed(0)
    model = kind(
        {name: PooledEncoder(layers.Conv2D(8, 3)) for name in NAMES},
        None if kind is EnsembleClassifier else FusionSolver(CLASSES, units=None),
        heads={name: FusionSolver(CLASSES, units=None) for name in NAMES},
        **settings,
    )
    model.build({"image": (None, 8, 8, 3), "audio": (None, 8, 8, 1)})
    return model


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = {
        "image": rng.normal(size=(COUNT, 8, 8, 3)).astype("float32"),
        "audio": 3 * rng.normal(size=(COUNT, 8, 8, 1)).astype("float32"),
    }
    return x, rng.integers(0, CLASSES, COUNT).astype("int32")


def measured(model, data):
    """Logs and outputs of a compiled model."""
    model.compile("sgd")
    logs = model.evaluate(*data, batch_size=COUNT, verbose=0, return_dict=True)
    return logs, model.predict(data[0], verbose=0)


def own_losses(outputs, y):
    return [reference.cross_entropy(outputs["heads"][m], y).mean() for m in NAMES]


def test_an_ensemble_predicts_the_mean_probability(data):
    model = make(EnsembleClassifier)
    logs, outputs = measured(model, data)
    heads = [outputs["heads"][name] for name in NAMES]
    expected = reference_methods.log_mean_probability(heads)
    np.testing.assert_allclose(outputs["task"], expected, rtol=1e-5, atol=1e-6)
    probability = np.exp(expected)[np.arange(COUNT), data[1]]
    assert logs["task_loss"] == pytest.approx(-np.log(probability).mean(), rel=1e-5)


def test_an_ensemble_learns_from_the_heads_losses_alone(data):
    logs, outputs = measured(make(EnsembleClassifier), data)
    assert logs["loss"] == pytest.approx(sum(own_losses(outputs, data[1])), rel=1e-5)


def test_an_ensemble_without_a_modality_is_the_other_ones_head(data):
    model = make(EnsembleClassifier)
    left = model.inference_model(without=("audio",))
    found = left.predict({"image": data[0]["image"]}, verbose=0)
    head = model.predict(data[0], verbose=0)["heads"]["image"]
    expected = np.log(reference_methods.softmax(head))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [MultiHeadClassifier, DecoupledClassifier])
def test_the_loss_is_the_joint_one_and_the_weighted_heads(kind, data):
    logs, outputs = measured(make(kind, head_weight=0.3), data)
    joint = reference.cross_entropy(outputs["task"], data[1]).mean()
    own = own_losses(outputs, data[1])
    assert logs["loss"] == pytest.approx(joint + 0.3 * sum(own), rel=1e-5)
    for name, value in zip(NAMES, own, strict=True):
        assert logs[f"{name}_task_loss"] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("kind", [MultiHeadClassifier, DecoupledClassifier])
def test_only_under_dgl_the_joint_loss_does_not_reach_the_encoders(kind, data):
    model = make(kind)
    x, y = data

    def joint(outputs):
        return model.task_term(ops.convert_to_tensor(y), outputs["task"])

    found = dict(
        zip(
            [v.path for v in model.trainable_variables],
            gradients(model, x, joint).weights,
            strict=True,
        )
    )
    encoders = [v.path for name in NAMES for v in model.encoders[name].weights]
    reaches = any(np.any(found[path]) for path in encoders)
    assert reaches == (kind is MultiHeadClassifier)
    assert all(np.any(found[v.path]) for v in model.solver.trainable_variables)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_comes_back(kind, data, tmp_path):
    model = make(kind, head_weight=0.5)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert copy.head_weight == 0.5
    np.testing.assert_array_equal(
        copy.predict(data[0], verbose=0)["task"],
        model.predict(data[0], verbose=0)["task"],
    )


TASKS = {
    "multi-label": {"task": "multi-label"},
    "regression": {
        "task": "regression",
        "units": TargetUnits([40.0, 5.0, -1.0], [10.0, 2.0, 0.5]),
    },
}


@pytest.mark.parametrize("task", TASKS)
def test_an_ensemble_of_other_tasks_is_the_mean_of_what_they_answer(data, task):
    x, _ = data
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, (COUNT, CLASSES)).astype("int32")
    if task == "regression":
        y = rng.normal((40, 5, -1), (10, 2, 0.5), (COUNT, CLASSES)).astype("float32")
    logs, outputs = measured(make(EnsembleClassifier, **TASKS[task]), (x, y))
    heads = [np.float64(outputs["heads"][name]) for name in NAMES]
    if task == "regression":
        expected = sum(heads) / 2
        errors = [np.square((each - y) / (10, 2, 0.5)).mean() for each in heads]
    else:
        share = sum(1 / (1 + np.exp(-each)) for each in heads) / 2
        expected = np.log(share / (1 - share))
        errors = [np.logaddexp(0, np.where(y, -z, z)).mean() for z in heads]
    np.testing.assert_allclose(outputs["task"], expected, rtol=1e-4, atol=1e-5)
    assert logs["loss"] == pytest.approx(sum(errors), rel=1e-4)


TINY = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.solver_units": 8,
    "model.modality_loss_weight": 0.5,
}
#: Of a method that is the recipe's own model, by whether it has decoders and a mask.
OWN = {
    "ours": MultiHeadCMVQVAE,
    "no-mask": MultiHeadCMVQVAE,
    "no-reconstruction": MultiHeadMaskedClassifier,
}
WITHOUT = {"all-features": MultimodalClassifier, "ensemble": EnsembleClassifier}


def built(method, **settings):
    recipe = cmvq.recipes.get("planted").with_settings({**TINY, **settings})
    recipe = methods.get(method).applied(cmvq.recipes.resolve(recipe))
    return cmvq.build_model(recipe)


@pytest.mark.parametrize(("method", "kind"), {**OWN, **WITHOUT}.items())
def test_a_recipe_asks_for_heads_by_the_weight_of_their_losses(method, kind):
    assert type(built(method)) is kind
    if method == "ours":
        assert type(built(method, **{"model.modality_loss_weight": 0.0})) is CMVQVAE
        recipe = cmvq.recipes.get("planted").with_settings(TINY)
        seen = dataclasses.replace(recipe, task_modalities=("image",))
        assert type(cmvq.build_model(seen)) is CMVQVAE
    if method == "no-reconstruction":
        model = built(method, **{"model.modality_loss_weight": 0.0})
        assert type(model) is MaskedClassifier


def test_the_loss_of_cm_vqvae_with_heads_is_the_sum_of_its_terms(tmp_path):
    keras.utils.set_random_seed(0)
    model = built("ours", **{"model.reconstruction_weight": 0.2})
    rng = np.random.default_rng(0)
    x = {
        name: rng.normal(size=(COUNT, *shape[1:])).astype("float32")
        for name, shape in model.get_build_config()["input_shape"].items()
    }
    y = rng.integers(0, 8, COUNT).astype("int32")
    model.compile("sgd", loss_weights={"reconstruction": 0.5})
    logs = model.evaluate(x, y, batch_size=COUNT, verbose=0, return_dict=True)
    outputs = model.predict(x, verbose=0)
    expected = reference.cross_entropy(outputs["task"], y).mean() + logs["mask_penalty"]
    for name in x:
        own = reference.cross_entropy(outputs["heads"][name], y).mean()
        error = np.square(np.float64(outputs["reconstruction"][name]) - x[name]).mean()
        expected += 0.5 * own + 0.1 * error + outputs["quantizer_loss"][name].mean()
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)

    # The heads teach; neither the answer nor what is used later needs them.
    inference = model.inference_model()
    found = inference.predict({name: x[name] for name in x}, verbose=0)
    np.testing.assert_allclose(found, outputs["task"], rtol=1e-4, atol=1e-5)
    assert inference.count_params() < model.count_params()
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert type(copy) is MultiHeadCMVQVAE
    assert copy.reconstruction_weight == 0.2
    again = copy.predict(x, verbose=0)
    np.testing.assert_array_equal(again["task"], outputs["task"])
    for name in x:
        np.testing.assert_array_equal(again["heads"][name], outputs["heads"][name])
