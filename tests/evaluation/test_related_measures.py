"""The measures of related work against float64 numpy, on a linear fusion."""

import keras
import numpy as np
import pytest
from reference import cross_entropy

import cmvq_keras as cmvq
from cmvq_keras.data.split import Split
from cmvq_keras.evaluation import related_measures

NAMES = ("image", "audio")
CLASSES, COUNT, DEPTH, SIZE = 3, 16, 2, 4


def _split(seed):
    generator = np.random.default_rng(seed)
    x = {name: generator.normal(size=(COUNT, SIZE)).astype("float32") for name in NAMES}
    y = (np.arange(COUNT) % CLASSES).astype("int32")
    return Split(x, y, np.arange(COUNT))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    found = cmvq.MultimodalClassifier(
        {name: keras.layers.Dense(DEPTH) for name in NAMES},
        keras.layers.Dense(CLASSES),
    )
    found.build(dict.fromkeys(NAMES, (None, SIZE)))
    return found


@pytest.fixture(scope="module")
def measured(model):
    before = [np.array(each) for each in model.get_weights()]
    found = related_measures.measure(model, _split(1), _split(2), batch_size=COUNT)
    for now, then in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(now, then)
    return found


def _features(model, x):
    """By modality `(n, DEPTH)` float64."""
    found = {}
    for name in NAMES:
        kernel, bias = map(np.float64, model.encoders[name].get_weights())
        found[name] = np.float64(x[name]) @ kernel + bias
    return found


def _logits(model, x, kept=NAMES):
    features = _features(model, x)
    joined = [features[name] * (name in kept) for name in NAMES]
    kernel, bias = map(np.float64, model.solver.get_weights())
    return np.concatenate(joined, axis=1) @ kernel + bias


def _shares(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _true(shares, y):
    return shares[np.arange(len(y)), y].sum()


def test_the_discrepancy_is_the_ratio_of_the_true_classes_probabilities(
    model, measured
):
    split = _split(2)
    one, two = (
        _true(_shares(_logits(model, split.x, (name,))), split.y) for name in NAMES
    )
    expected = {"image": one / two, "audio": two / one}
    assert measured["discrepancy_ratio"] == pytest.approx(expected, rel=1e-4)


def test_prototypes_are_the_classes_mean_training_features(model, measured):
    train, validation = _split(1), _split(2)
    scores = []
    for name in NAMES:
        seen = _features(model, train.x)[name]
        means = [seen[train.y == label].mean(axis=0) for label in range(CLASSES)]
        asked = _features(model, validation.x)[name]
        distances = np.linalg.norm(asked[:, None] - np.stack(means), axis=2)
        scores.append(_true(_shares(-distances), validation.y))
    expected = {"image": scores[0] / scores[1], "audio": scores[1] / scores[0]}
    assert measured["prototype_ratio"] == pytest.approx(expected, rel=1e-4)


def test_gradient_norms_are_those_of_the_encoders_weights(model, measured):
    split = _split(1)
    shares = _shares(_logits(model, split.x)) - np.eye(CLASSES)[split.y]
    inner = shares / COUNT @ np.float64(model.solver.get_weights()[0]).T
    norms = {}
    for place, name in enumerate(NAMES):
        own = inner[:, DEPTH * place : DEPTH * (place + 1)]
        gradient = [(np.float64(split.x[name]).T @ own).ravel(), own.sum(axis=0)]
        norms[name] = np.linalg.norm(np.concatenate(gradient))
    assert measured["gradient_norm"] == pytest.approx(norms, rel=1e-3)


def test_gradient_norms_are_the_mean_over_batches(model, measured):
    """Of batches that are all the same."""
    split = _split(1)
    x = {name: np.repeat(values[:1], COUNT, axis=0) for name, values in split.x.items()}
    same = Split(x, np.zeros(COUNT, "int32"), split.samples)
    one, two = (
        related_measures.gradient_norms(model, same, size) for size in (COUNT, 4)
    )
    assert two == pytest.approx(one, rel=1e-4)
    assert min(one.values()) > 0


def test_overfitting_is_divided_by_what_generalizes(model, measured):
    train, validation = _split(1), _split(2)
    counts = np.bincount(train.y) + 1
    start = -np.log(counts[validation.y] / counts.sum()).mean()
    for key, kept in (("image", NAMES[:1]), ("audio", NAMES[1:]), ("all", NAMES)):
        losses = [
            cross_entropy(_logits(model, split.x, kept), split.y).mean()
            for split in (train, validation)
        ]
        found = measured["overfitting_to_generalization"][key]
        gained = start - losses[1]
        expected = None if gained <= 0 else (losses[1] - losses[0]) / gained
        assert found == (expected and pytest.approx(expected, rel=1e-2))


@pytest.mark.once
@pytest.mark.parametrize(
    ("losses", "expected"), [((0.5, 1.0, 2.0), 0.5), ((0.5, 2.5, 2.0), None)]
)
def test_the_ratio_is_none_where_nothing_generalizes(losses, expected):
    assert related_measures._overfitting(*losses) == expected


@pytest.mark.once
def test_of_three_modalities_the_others_count_on_average():
    found = related_measures._ratios({"a": 4.0, "b": 1.0, "c": 3.0})
    assert found == {"a": 2.0, "b": 1 / 3.5, "c": 3 / 2.5}
    assert related_measures._ratios({"a": 1.0, "b": 0.0})["a"] is None


@pytest.mark.once
def test_label_maps_are_refused(model):
    split = Split(_split(1).x, np.zeros((COUNT, 2, 2), "int32"), np.arange(COUNT))
    with pytest.raises(ValueError, match=r"one class per sample.*\(16, 2, 2\)"):
        related_measures.measure(model, split, split)
