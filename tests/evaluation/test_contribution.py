"""What each modality is worth: classifiers that know the right probabilities."""

import json

import keras
import numpy as np
import pytest
from tiny_model import MODALITIES, tiny_data, tiny_model

import cmvq_keras as cmvq
from cmvq_keras.data.datasets import erasure
from cmvq_keras.evaluation import contribution as measured
from cmvq_keras.evaluation import shapley
from cmvq_keras.evaluation.subset_outputs import SubsetOutputs

ROUGH = 0.1  # bits
EXACT = {"without": "zeros", "trained_without": True}


def _values(part):
    return {name: each.value for name, each in part.items()}


def _signs(bits):
    """Bits as -1 and 1, so that 0 says nothing."""
    return 2.0 * bits[:, None] - 1


def _knows(*tables):
    """A classifier with the right probabilities, whatever is left out.

    Args:
        tables: for each of the classes, by input the value that it has.
    """

    def model(x):
        agree = 1.0
        for name in tables[0]:
            wanted = np.array([table[name] for table in tables])
            seen = np.asarray(x[name])
            fits = (seen[:, None] == wanted[None]) | (seen[:, None] == 0)
            agree = agree * fits.all(axis=2)
        return agree / agree.sum(axis=1, keepdims=True)

    return model


def _erasure_pair(count=4096):
    """The recipe's pair without its pictures: one-hot labels, or zeros."""
    generator = np.random.default_rng(0)
    y = np.tile(np.arange(8), count // 8)
    x = {
        name: np.eye(8)[y] * (generator.random(count) >= probability)[:, None]
        for name, probability in {"image": 0.25, "audio": 0.5}.items()
    }

    def model(x):
        shown = np.asarray(x["image"]) + np.asarray(x["audio"]) > 0
        return np.where(shown.any(axis=1, keepdims=True), 1.0 * shown, 1 / 8)

    return model, x, y


@pytest.fixture(scope="module")
def erased():
    model, x, y = _erasure_pair()
    return cmvq.contribution(model, x, y, **EXACT)


@pytest.mark.once
def test_the_erasure_pair_has_the_bits_that_are_known(erased):
    erasures = {"image": 0.25, "audio": 0.5}
    added, bits = erasure.bits_added(erasures), erasure.shapley_bits(erasures)
    assert _values(erased.added) == pytest.approx(added, abs=ROUGH)
    assert _values(erased.shapley) == pytest.approx(bits, abs=ROUGH)
    for part, truth in ((erased.added, added), (erased.shapley, bits)):
        for name, each in part.items():
            low, high = each.interval
            assert low < truth[name] < high
            assert high - low < 2 * ROUGH
    # Redundant bits count twice, synergistic ones the other way.
    together = erased.interactions["image,audio"].value
    assert together == pytest.approx(0.375 - 1.5, abs=ROUGH)
    best = {
        (): 1 / 8,
        ("image",): erasure.best_accuracy([0.25]),
        ("audio",): erasure.best_accuracy([0.5]),
        ("image", "audio"): erasure.best_accuracy([0.25, 0.5]),
    }
    assert erased.accuracy == pytest.approx(best, abs=0.03)


@pytest.mark.once
def test_shapley_values_sum_to_all_that_is_known(erased):
    bits = erased.cross_entropy[()] - erased.cross_entropy["image", "audio"]
    assert sum(_values(erased.shapley).values()) == pytest.approx(bits)
    gain = erased.accuracy["image", "audio"] - erased.accuracy[()]
    assert sum(_values(erased.shapley_accuracy).values()) == pytest.approx(gain)
    assert erased.cross_entropy[()] == pytest.approx(3)


@pytest.mark.once
def test_the_numbers_of_single_samples_have_the_reported_means(erased):
    for field, part in erased.per_sample.items():
        for name, each in part.items():
            found = getattr(erased, field)[name]
            assert each.shape == (4096,)
            assert found.value == pytest.approx(each.mean())
            error = 1.959964 * each.std(ddof=1) / np.sqrt(4096)
            expected = (found.value - error, found.value + error)
            assert found.interval == pytest.approx(expected)


@pytest.mark.once
@pytest.mark.parametrize(
    ("label", "classes", "added", "together"),
    [
        ("xor", 2, {"a": 1, "b": 1}, 1),
        ("copies", 2, {"a": 0, "b": 0}, -1),
        ("independent bits", 4, {"a": 1, "b": 1}, 0),
    ],
)
def test_bits_of_classifiers_that_know(label, classes, added, together):
    a, b = (np.arange(1200) >> place & 1 for place in (0, 1))
    pair = {(0, 0), (0, 1), (1, 0), (1, 1)}
    if label == "copies":
        b, pair = a, {(0, 0), (1, 1)}
    y = {"xor": a ^ b, "copies": a, "independent bits": 2 * a + b}[label]

    def class_of(p, q):
        return {"xor": p ^ q, "copies": p, "independent bits": 2 * p + q}[label]

    def model(x):
        shares = np.zeros((len(x["a"]), classes))
        for p, q in pair:
            fits = [
                (values[:, 0] == 0) | (values[:, 0] == 2 * bit - 1)
                for values, bit in ((np.asarray(x["a"]), p), (np.asarray(x["b"]), q))
            ]
            shares[:, class_of(p, q)] += fits[0] & fits[1]
        return shares / shares.sum(axis=1, keepdims=True)

    found = cmvq.contribution(model, {"a": _signs(a), "b": _signs(b)}, y, **EXACT)
    assert _values(found.added) == pytest.approx(added, abs=1e-3)
    assert found.interactions["a,b"].value == pytest.approx(together, abs=1e-3)
    half = np.log2(classes) / 2
    assert _values(found.shapley) == pytest.approx({"a": half, "b": half}, abs=1e-3)
    assert found.cautions == ()


@pytest.mark.once
def test_the_decomposition_of_the_erasure_pairs_own_posteriors():
    pytest.importorskip("cvxpy", reason="the extra decomposition is not installed")
    model, x, y = _erasure_pair()
    found = cmvq.contribution(model, x, y, decomposition="posteriors", **EXACT)
    parts = found.decomposition
    assert parts.cells == (9, 9)
    estimates = [each.value for each in parts.estimates().values()]
    assert estimates == pytest.approx([1.5, 0.75, 0, 0.375], abs=ROUGH)
    truth = (1.5, 0.75, 0, 0.375)
    for each, expected in zip(parts.estimates().values(), truth, strict=True):
        low, high = each.interval
        assert low - 1e-6 <= expected <= high + 1e-6
    assert abs(parts.bias) < 0.01
    # Classes alone do not say which predictions are guesses.
    classes = cmvq.contribution(model, x, y, decomposition="predictions", **EXACT)
    assert classes.decomposition.cells == (8, 8)
    assert classes.decomposition.redundant.value < 1.4
    assert "Decomposition of posteriors in 9 x 9 cells" in str(found)


@pytest.mark.once
def test_the_decomposition_in_batches_sees_the_erasure_pair_and_an_xor():
    model, x, y = _erasure_pair()
    found = cmvq.contribution(model, x, y, decomposition="batches", **EXACT)
    parts = found.decomposition
    for each, truth in zip(
        parts.estimates().values(), (1.5, 0.75, 0, 0.375), strict=True
    ):
        low, high = each.interval
        assert each.value == pytest.approx(truth, abs=ROUGH)
        assert high - low < ROUGH
    assert (parts.batches, parts.cells, parts.bias) == (16, None, None)
    assert "posteriors as they are, in 16 batches" in str(found)
    a, b = (np.arange(400) >> place & 1 for place in (0, 1))

    def xor(x):
        told = np.asarray(x["a"]) * np.asarray(x["b"])
        return np.concatenate([(1 + told) / 2, (1 - told) / 2], axis=1)

    x = {"a": _signs(a), "b": _signs(b)}
    found = cmvq.contribution(xor, x, a ^ b, decomposition="batches", **EXACT)
    values = [each.value for each in found.decomposition.estimates().values()]
    assert values == pytest.approx([0, 0, 0, 1], abs=1e-3)


@pytest.mark.once
def test_beyond_six_modalities_orders_are_drawn():
    """Seven bits, of which the label is the first four."""
    bits = np.arange(512) >> np.arange(7)[:, None] & 1
    x = {f"m{place}": _signs(each) for place, each in enumerate(bits)}
    tables = [
        {f"m{place}": 2 * (label >> place & 1) - 1 for place in range(4)}
        for label in range(16)
    ]
    model = _knows(*[{k: np.array([v]) for k, v in table.items()} for table in tables])
    y = (bits[:4] << np.arange(4)[:, None]).sum(axis=0)
    found = cmvq.contribution(model, x, y, pairs=2, **EXACT)
    expected = {name: float(int(name[1]) < 4) for name in x}
    assert _values(found.shapley) == pytest.approx(expected, abs=1e-3)
    assert found.orders == 4
    assert found.interactions == {}
    # Nothing depends on the order here.
    low, high = found.orders_interval["shapley"]["m0"]
    assert high - low < 1e-3
    assert "Over 4 orders" in str(found)


# shap 0.51.0, shap.explainers.Exact with shap.maskers.Independent of the mean alone.
SHAP = [
    [0.078673, 0.7621, -1.604327, 0.653971],
    [0.031025, -0.014851, 0.021632, 0.049683],
    [-3.072458, -4.837364, -1.624562, 0.318972],
    [-0.306477, 1.129497, 1.601209, -0.246756],
    [-0.425954, 1.166194, 1.357848, -0.183038],
    [-0.221909, -0.030942, 0.034293, 0.769923],
]


@pytest.mark.once
def test_the_exact_values_of_shap_on_a_table():
    generator = np.random.default_rng(11)
    columns = generator.normal(size=(6, 4)).astype(np.float32).astype(np.float64)
    one, two = generator.normal(size=(4, 3)), generator.normal(size=(4, 4, 3))
    y = generator.integers(0, 3, 6)

    def model(x):
        row = np.concatenate([x[name] for name in sorted(x)], axis=1)
        return row @ one + np.einsum("ni,nj,ijk->nk", row, row, two)

    x = {f"c{place}": columns[:, place : place + 1] for place in range(4)}
    groups = {name: (name,) for name in x}
    outputs = SubsetOutputs(model, x, y, groups=groups, without="mean", batch_size=6)

    def told(kept):
        (logits, labels), *_ = outputs.batches(kept)
        logits = logits - logits.max(axis=1, keepdims=True)
        shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return shares[np.arange(6), labels] / np.log(2)

    found = shapley.values(told, tuple(x))
    assert np.stack(list(found.values()), axis=1) == pytest.approx(
        np.array(SHAP), abs=1e-5
    )


def _keras_model():
    """A functional model of three inputs with known weights."""
    keras.utils.set_random_seed(1)
    inputs = {name: keras.Input((2,), name=name) for name in ("ids", "mask", "image")}
    features = keras.layers.Concatenate()([inputs[name] for name in sorted(inputs)])
    return keras.Model(inputs, keras.layers.Dense(3)(features))


def _keras_data():
    generator = np.random.default_rng(2)
    x = {
        name: generator.normal(size=(20, 2)).astype("float32")
        for name in ("ids", "mask", "image")
    }
    return x, generator.integers(0, 3, 20)


@pytest.mark.parametrize("without", ["zeros", "mean", "shuffle", "function"])
def test_a_keras_model_gets_what_stands_in_for_the_missing_inputs(without):
    model, (x, y) = _keras_model(), _keras_data()
    missing = ("ids", "mask")
    shuffled = SubsetOutputs(
        model,
        x,
        y,
        groups={"text": missing, "image": ("image",)},
        without="shuffle",
        batch_size=8,
    )
    others = shuffled._others["text"]
    assert sorted(others) == list(range(20))
    assert not (others == np.arange(20)).any()
    stand_in = {
        "zeros": lambda name: np.zeros_like(x[name]),
        "mean": lambda name: np.tile(x[name].mean(axis=0), (20, 1)),
        # Both inputs of a modality come from the same other sample.
        "shuffle": lambda name: x[name][others],
        "function": lambda name: x[name] - 1,
    }[without]

    def function(batch, names):
        return batch | {name: batch[name] - 1 for name in names}

    outputs = SubsetOutputs(
        model,
        x,
        y,
        groups={"text": missing, "image": ("image",)},
        without=function if without == "function" else without,
        batch_size=8,
    )
    changed = x | {name: stand_in(name) for name in missing}
    found = np.concatenate(
        [keras.ops.convert_to_numpy(each) for each, _ in outputs.batches(("image",))]
    )
    expected = keras.ops.convert_to_numpy(model(changed))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_groups_are_left_out_together_and_others_stay():
    model, (x, y) = _keras_model(), _keras_data()
    found = cmvq.contribution(
        model, x, y, groups={"text": ("ids", "mask"), "image": "image"}
    )
    assert found.modalities == ("text", "image")
    assert found.without == "zeros"
    assert found.cautions == (measured.UNKNOWN,)
    only = cmvq.contribution(model, x, y, groups={"ids": "ids", "image": "image"})
    kept = x | {"ids": np.zeros_like(x["ids"])}
    logits = keras.ops.convert_to_numpy(model(kept))
    hits = np.mean(logits.argmax(axis=1) == y)
    assert only.accuracy["image",] == pytest.approx(hits)


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_and_logits_give_the_same_numbers(classes):
    inputs = {name: keras.Input((2,), name=name) for name in ("a", "b")}
    logits = keras.layers.Dense(classes)(keras.layers.Add()(list(inputs.values())))
    squash = "sigmoid" if classes == 1 else "softmax"
    shares = keras.layers.Activation(squash)(logits)
    generator = np.random.default_rng(3)
    x = {name: generator.normal(size=(30, 2)).astype("float32") for name in inputs}
    y = generator.integers(0, max(classes, 2), 30)
    one, two = (
        cmvq.contribution(keras.Model(inputs, outputs), x, y)
        for outputs in (logits, shares)
    )
    for subset, bits in one.cross_entropy.items():
        assert two.cross_entropy[subset] == pytest.approx(bits, abs=1e-4)
    assert one.accuracy == two.accuracy


@pytest.fixture(scope="module")
def tiny():
    model, (x, y) = tiny_model(modality_dropout=0.3), tiny_data(32)
    return model, x, y, cmvq.contribution(model, x, y)


def test_a_model_of_ours_does_without_in_its_own_way(tiny):
    model, x, y, found = tiny
    assert found.without == "model"
    assert found.cautions == ()
    task = model.inference_model(without=("audio",))
    logits = keras.ops.convert_to_numpy(task({"image": x["image"]}))
    assert found.accuracy["image",] == np.mean(logits.argmax(axis=1) == y)
    assert set(found.added) == set(MODALITIES)


def test_its_bits_are_those_of_evaluate(tiny):
    from cmvq_keras.evaluation import conditional_information, temperature

    model, x, y, found = tiny
    costs = {}
    for missing in (None, *MODALITIES):
        task = model.inference_model(without=() if missing is None else (missing,))
        logits = task({name: x[name] for name in task.input})
        totals, sizes = temperature.costs(logits, y)
        costs[missing] = temperature.calibrated(totals, sizes)
    expected = conditional_information.summary(costs.pop(None), costs, sizes)
    for name, bits in expected["bits"].items():
        assert max(0, found.added[name].value) == pytest.approx(bits, abs=1e-5)
        interval = expected["interval"][name]
        assert found.added[name].interval == pytest.approx(interval, abs=1e-5)


def test_pixels_count_one_by_one_and_void_does_not():
    model = tiny_model(
        encoder=lambda: keras.layers.Dense(4), per_pixel=True, ignore_class=-1
    )
    x, y = tiny_data(8, per_pixel=True)
    y[0] = -1
    found = cmvq.contribution(model, x, y)
    logits = keras.ops.convert_to_numpy(model(x)["task"])
    right = logits.argmax(axis=-1)[1:] == y[1:]
    assert found.accuracy[MODALITIES] == pytest.approx(right.mean())
    shares = np.bincount(y[1:].ravel()) / y[1:].size
    expected = -np.sum(shares * np.log2(shares))
    assert found.cross_entropy[()] == pytest.approx(expected)
    pytest.importorskip("cvxpy", reason="the extra decomposition is not installed")
    with pytest.raises(ValueError, match="one label per sample"):
        cmvq.contribution(model, x, y, decomposition="predictions")


def test_a_model_that_was_not_trained_for_it_is_named():
    x, y = tiny_data(8)
    found = cmvq.contribution(tiny_model(), x, y)
    assert found.cautions == (measured.NOT_TRAINED,)
    assert measured.NOT_TRAINED.split(":")[0] in str(found).replace("\n", " ")


@pytest.mark.once
def test_with_three_modalities_dropout_trains_for_one_missing_alone():
    assert measured._cautions(
        tiny_model(modality_dropout=0.3), "model", ("a", "b", "c"), None
    ) == (measured.ONE_AT_A_TIME,)


@pytest.mark.once
def test_the_numbers_go_into_json(erased):
    content = json.loads(json.dumps(erased.as_dict()))
    assert set(content["cross_entropy"]) == {"none", "image", "audio", "image,audio"}
    assert content["added"]["image"] == {
        "value": erased.added["image"].value,
        "interval": list(erased.added["image"].interval),
    }
    assert "per_sample" not in content


X = {"a": np.zeros((4, 1), "float32"), "b": np.zeros((4, 1), "float32")}
Y = np.array([0, 1, 0, 1])


@pytest.mark.once
@pytest.mark.parametrize(
    ("x", "y", "options", "error", "message"),
    [
        (X["a"], Y, {}, cmvq.InputError, "must be a dictionary.*Received: ndarray"),
        (X, Y[:3], {}, cmvq.InputError, "Received: a 4, b 4, y 3"),
        ({"a": X["a"]}, Y, {}, ValueError, "Two modalities or more.*Received: a"),
        (X, Y, {"groups": {"m": "a", "n": "c"}}, ValueError, "Unknown input c"),
        (X, Y, {"groups": {"m": "a", "n": ("a", "b")}}, ValueError, "each input once"),
        (X, Y, {"groups": ["a", "b"]}, ValueError, r"must be a dictionary.*\['a', 'b'"),
        (X, Y, {"without": "zero"}, ValueError, "Did you mean zeros"),
        (X, Y, {"without": "model"}, ValueError, "models of cmvq_keras"),
        (X, Y + 1, {}, cmvq.InputError, "integers from 0 to 1"),
        (X, np.eye(2)[Y], {}, cmvq.InputError, "no one-hot vectors"),
        (X, Y + 0.5, {}, cmvq.InputError, "must hold whole numbers"),
        (X, np.array(list("abab")), {}, cmvq.InputError, "Received: dtype <U1"),
        ({k: v[:1] for k, v in X.items()}, Y[:1], {}, cmvq.InputError, "at least two"),
        (X, Y, {"cells": 3}, ValueError, "`cells` is for .* Received: None"),
        (X, Y, {"pairs": 1}, ValueError, "`pairs` must be an integer >"),
        (X, Y, {"decomposition": "posterior"}, ValueError, "Did you mean posteriors"),
        (
            {**X, "b": np.zeros((4, 1), "int32")},
            Y,
            {"without": "mean"},
            ValueError,
            "inputs of floats. Received: b of dtype int32",
        ),
    ],
)
def test_what_does_not_fit_is_refused(x, y, options, error, message):
    with pytest.raises(error, match=message):
        cmvq.contribution(lambda x: np.full((len(x["a"]), 2), 0.5), x, y, **options)


@pytest.mark.once
def test_other_tasks_than_classes_are_refused():
    model = tiny_model(task="regression")
    x, y = tiny_data(8)
    with pytest.raises(ValueError, match="Received: a model of the task regression"):
        cmvq.contribution(model, x, y)


@pytest.mark.once
def test_outputs_that_are_no_classes_are_refused():
    with pytest.raises(ValueError, match=r"Received: outputs of shape \(4,\)"):
        cmvq.contribution(lambda x: np.zeros(4), X, Y)
    with pytest.raises(ValueError, match=r"one output, or one named task.*p, q"):
        cmvq.contribution(lambda x: dict.fromkeys("pq", np.zeros((4, 2))), X, Y)
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="must give finite numbers"):
            cmvq.contribution(lambda x: np.full((4, 2), value), X, Y)  # noqa: B023


@pytest.mark.once
def test_labels_may_be_whole_floats_and_a_class_ruled_out():
    generator = np.random.default_rng(0)
    x = {name: generator.normal(size=(32, 3)) for name in "ab"}
    y = generator.integers(0, 3, 32)

    def model(x):
        return x["a"] + x["b"]

    def with_another_class(x):
        return np.pad(model(x), ((0, 0), (0, 1)), constant_values=-np.inf)

    expected = cmvq.contribution(model, x, y, from_logits=True)
    for other, labels in ((model, np.float32(y)), (with_another_class, y)):
        found = cmvq.contribution(other, x, labels, from_logits=True)
        assert found == expected
