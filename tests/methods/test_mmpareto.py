"""MMPareto against a float64 version of its equations."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy.optimize import minimize_scalar

from cmvq_keras import methods, recipes
from cmvq_keras.methods.mmpareto import TwinClassifier, combine, wrapped
from cmvq_keras.networks import FusionSolver, PooledEncoder
from cmvq_keras.recipe import Modality, Recipe

NAMES = ("image", "audio")
CLASSES, COUNT = 3, 12
RATE = 0.5


def reference_combined(joint, unimodal, gamma):
    """Algorithm 1 with the weight of the shortest vector found by a search."""
    a, b = (np.concatenate([g.ravel() for g in each]) for each in (joint, unimodal))
    alpha = 0.5
    if a @ b <= 0:
        alpha = minimize_scalar(
            lambda share: np.sum((share * a + (1 - share) * b) ** 2), bounds=(0, 1)
        ).x
    found = []
    for g, h in zip(joint, unimodal, strict=True):
        both = 2 * alpha * g + 2 * (1 - alpha) * h
        ratio = np.linalg.norm(g + h) / np.linalg.norm(both)
        found.append(both * max(ratio, 1) * gamma)
    return alpha, found


@pytest.mark.parametrize("sign", [1, -1])
def test_two_gradients_become_one(sign):
    rng = np.random.default_rng(0)
    joint = [rng.normal(size=shape) for shape in ((3, 3, 2, 4), (4,))]
    unimodal = [2 * sign * g + 0.8 * rng.normal(size=g.shape) for g in joint]
    alpha, expected = reference_combined(joint, unimodal, 1.5)
    assert (alpha == 0.5) == (sign == 1)
    tensors = (
        [ops.convert_to_tensor(g.astype("float32")) for g in each]
        for each in (joint, unimodal)
    )
    found = [ops.convert_to_numpy(g) for g in combine(*tensors)]
    for each, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(each, wanted, rtol=2e-4, atol=1e-5)
    if sign == -1:
        # The direction goes against neither loss.
        for other in (joint, unimodal):
            assert sum(np.sum(g * h) for g, h in zip(found, other, strict=True)) > 0


def test_gradients_that_vanish_stay_zero():
    zero = [ops.zeros((3,))]
    np.testing.assert_array_equal(ops.convert_to_numpy(combine(zero, zero)[0]), 0)


@pytest.fixture(scope="module")
def trained():
    """A model after two steps of plain SGD, and what its parts were before each."""
    keras.utils.set_random_seed(0)

    def encoder():
        return PooledEncoder(layers.Conv2D(4, 3))

    model = TwinClassifier(
        {name: encoder() for name in NAMES},
        FusionSolver(CLASSES, units=None),
        heads={name: FusionSolver(CLASSES, units=None) for name in NAMES},
        twins={name: encoder() for name in NAMES},
    )
    model.build({"image": (None, 8, 8, 3), "audio": (None, 8, 8, 1)})
    rng = np.random.default_rng(0)
    x = {
        "image": rng.normal(size=(COUNT, 8, 8, 3)).astype("float32"),
        "audio": 3 * rng.normal(size=(COUNT, 8, 8, 1)).astype("float32"),
    }
    y = rng.integers(0, CLASSES, COUNT).astype("int32")
    model.compile(wrapped(keras.optimizers.SGD(RATE), model, gamma=2.0))
    states = [_state(model)]
    for _ in range(2):
        model.train_on_batch(x, y)
        states.append(_state(model))
    return model, x, y, states


def _state(model):
    return {
        (attribute, name): [ops.convert_to_numpy(v).astype("float64") for v in weights]
        for attribute in ("encoders", "twins", "heads")
        for name, layer in getattr(model, attribute).items()
        for weights in [layer.trainable_variables]
    } | {"solver": [ops.convert_to_numpy(v) for v in model.solver.trainable_variables]}


def _gradient(x, y, kernel, bias, top, top_bias, others):
    """Float64 gradients of a conv encoder whose pooled output goes to a softmax."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    patches = windows.mean(axis=(1, 2)).transpose(0, 2, 3, 1)  # batch, h, w, channels
    features = np.tensordot(patches, kernel, axes=3) + bias
    logits = features @ top + top_bias + others
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    error = (shares - np.eye(CLASSES)[y]) / len(y)
    back = error @ top.T
    return features, [np.tensordot(patches, back, axes=([0], [0])), back.sum(axis=0)]


def test_a_step_is_that_of_the_algorithm(trained):
    _, x, y, (before, after, _) = trained
    top, top_bias = before["solver"]
    parts = {"image": top[:4], "audio": top[4:]}
    x = {name: each.astype("float64") for name, each in x.items()}
    shares = {}
    for name in NAMES:
        kernel, bias = before["encoders", name]
        features, _ = _gradient(x[name], y, kernel, bias, parts[name], 0, 0)
        shares[name] = features @ parts[name]
    for name, other in zip(NAMES, reversed(NAMES), strict=True):
        weights = before["encoders", name]
        _, joint = _gradient(x[name], y, *weights, parts[name], top_bias, shares[other])
        head = before["heads", name]
        _, unimodal = _gradient(x[name], y, *weights, *head, 0)
        _, combined = reference_combined(joint, unimodal, 2.0)
        for old, new, step in zip(
            weights, after["encoders", name], combined, strict=True
        ):
            np.testing.assert_allclose(new - old, -RATE * step, rtol=2e-3, atol=1e-5)


def test_after_each_step_a_twin_is_its_encoder(trained):
    model, x, _, states = trained
    for state in states:
        for name in NAMES:
            for one, other in zip(
                state["encoders", name], state["twins", name], strict=True
            ):
                np.testing.assert_array_equal(one, other)
    kernels = [state["encoders", "image"][0] for state in states]
    assert np.any(kernels[1] != kernels[2])
    inference = model.inference_model()
    found = inference.predict({name: x[name] for name in inference.input}, verbose=0)
    expected = model.predict(x, verbose=0)["task"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_saved_model_comes_back(trained, tmp_path):
    model, x, *_ = trained
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert copy.optimizer.pairs == model.optimizer.pairs
    assert copy.optimizer.gamma == 2.0
    np.testing.assert_array_equal(
        copy.predict(x, verbose=0)["heads"]["image"],
        model.predict(x, verbose=0)["heads"]["image"],
    )


def test_a_text_encoder_is_balanced_like_others():
    modalities = {"a": Modality((6,), "vector"), "text": Modality((16,), "tokens")}
    recipe = Recipe("pair", "", modalities, ("p", "q")).with_settings(
        {"model.hidden_channels": 8, "model.embedding_dim": 4, "model.grid": 1}
    )
    method = methods.get("mmpareto")
    recipe = recipes.resolve(method.applied(recipes.resolve(recipe)))
    model = method.build_model(recipe)
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(8, 6)), "text": rng.integers(1, 256, (8, 16))}
    x = {name: values.astype("float32") for name, values in x.items()}
    model.compile(wrapped(keras.optimizers.SGD(0.1), model))
    model.build({"a": (None, 6), "text": (None, 16)})
    before = model.encoders["text"].get_weights()
    model.train_on_batch(x, rng.integers(0, 2, 8))
    after = model.encoders["text"].get_weights()
    assert not all(map(np.array_equal, before, after))
    for one, other in zip(after, model.twins["text"].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
