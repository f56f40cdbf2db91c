"""Bits that each modality adds: against float64 numpy and against known truths."""

import dataclasses
import json

import hypothesis
import hypothesis.extra.numpy as arrays
import keras
import numpy as np
import pytest
import reference
from command_line import invoke
from hypothesis import strategies

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.cli import train
from cmvq_keras.data.split import Split
from cmvq_keras.evaluation import conditional_information, temperature
from cmvq_keras.runs.run import Run

SMALL = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.residual_layers": 0,
    "model.grid": 8,
}
SURE = 12.0  # a logit that leaves next to nothing to the other classes


def _costs(logits, labels, ignore_class=None):
    """Bits by temperature, summed over a sample's labels, and how many count."""
    counted = np.ones(labels.shape, bool) if ignore_class is None else labels != -1
    known = np.where(counted, labels, 0)
    columns = [
        (reference.cross_entropy(np.float64(logits) / each, known) * counted)
        for each in temperature.TEMPERATURES
    ]
    axes = tuple(range(1, labels.ndim))
    columns = [column.sum(axis=axes) if axes else column for column in columns]
    sizes = counted.sum(axis=axes) if axes else counted
    return np.stack(columns, axis=1) / np.log(2), sizes.astype(float)


def _bits(whole, left, labels):
    """Each modality's bits, as `information` puts its pieces together."""
    totals, sizes = temperature.costs(whole, labels)
    found = {
        name: temperature.calibrated(*temperature.costs(logits, labels))
        for name, logits in left.items()
    }
    calibrated = temperature.calibrated(totals, sizes)
    return conditional_information.summary(calibrated, found, sizes)


def test_the_costs_are_the_cross_entropy_at_each_temperature():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (40, 5)).astype(np.float32)
    labels = generator.integers(0, 5, 40)
    totals, sizes = temperature.costs(logits, labels)
    expected, counted = _costs(logits, labels)
    np.testing.assert_allclose(totals, expected, rtol=1e-5, atol=1e-5)
    assert np.array_equal(sizes, counted)
    assert totals.dtype == np.float64
    # At the temperature 1 it is the plain one.
    plain = reference.cross_entropy(logits, labels) / np.log(2)
    column = list(temperature.TEMPERATURES).index(1)
    np.testing.assert_allclose(totals[:, column], plain, rtol=1e-5, atol=1e-5)


def test_the_costs_of_label_maps_are_summed_and_void_does_not_count():
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, (6, 4, 3, 5)).astype(np.float32)
    labels = generator.integers(-1, 5, (6, 4, 3))
    labels[2] = -1
    totals, sizes = temperature.costs(logits, labels, ignore_class=-1)
    expected, counted = _costs(logits, labels, ignore_class=-1)
    np.testing.assert_allclose(totals, expected, rtol=1e-5, atol=1e-4)
    assert np.array_equal(sizes, counted)
    assert sizes[2] == 0
    assert not totals[2].any()


def test_each_half_is_measured_at_the_temperature_of_the_other():
    generator = np.random.default_rng(2)
    totals = generator.uniform(size=(9, len(temperature.TEMPERATURES)))
    found = temperature.calibrated(totals, np.ones(9))
    for row in range(9):
        others = [other for other in range(9) if other % 2 != row % 2]
        best = np.argmin(sum(totals[other] for other in others))
        assert found[row] == totals[row, best]


def test_without_a_label_in_the_other_half_nothing_is_divided():
    totals = np.random.default_rng(3).uniform(size=(1, len(temperature.TEMPERATURES)))
    plain = list(temperature.TEMPERATURES).index(1)
    assert temperature.calibrated(totals, np.ones(1)) == totals[0, plain]


def test_rounding_chooses_no_temperature():
    generator = np.random.default_rng(5)
    totals = generator.uniform(1, 9, size=(8, len(temperature.TEMPERATURES)))
    noise = generator.uniform(-1e-7, 1e-7, size=totals[1::2].shape)
    totals[1::2] = 2 * (1 + noise)
    plain = list(temperature.TEMPERATURES).index(1)
    found = temperature.calibrated(totals, np.ones(8))
    assert np.array_equal(found[::2], totals[::2, plain])


def test_names_of_classes_change_nothing_where_all_logits_are_nearly_equal():
    logits = np.full((24, 4), np.float32(-(2.0**-23)))
    logits[16, 2], logits[19, 3] = 11.857176, 0
    left = np.full((24, 4), np.float32(-2))
    left[0, 1] = 0
    labels, order = np.zeros(24, np.int64), [0, 1, 3, 2]
    found = _bits(logits, {"image": left, "audio": logits}, labels)
    renamed = _bits(
        logits[:, order], {"image": left[:, order], "audio": logits[:, order]}, labels
    )
    for name, bits in found["bits"].items():
        assert renamed["bits"][name] == pytest.approx(bits, abs=1e-6)


def _knowing(labels, bits, among=3):
    """Logits of someone who is sure of some of the label's bits and of nothing else."""
    classes = np.arange(2**among)
    agree = np.ones((len(labels), len(classes)), bool)
    for bit in bits:
        agree &= (classes >> bit & 1) == (labels[:, None] >> bit & 1)
    return np.where(agree, SURE, -SURE).astype(np.float32)


@pytest.mark.parametrize(
    ("image", "audio", "bits", "zeta"),
    [
        ((0, 1), (2,), (2, 1), 0.5),
        ((0, 2), (1, 2), (1, 1), 1),
        ((0, 1, 2), (), (3, 0), 0),
        ((0, 1, 2), (0,), (2, 0), 0),
        ((0, 1, 2), (0, 1, 2), (0, 0), None),
    ],
)
def test_perfect_solvers_give_the_bits_that_each_alone_carries(
    image, audio, bits, zeta
):
    labels = np.random.default_rng(4).integers(0, 8, 600)
    whole = _knowing(labels, {*image, *audio})
    left = {"image": _knowing(labels, audio), "audio": _knowing(labels, image)}
    found = _bits(whole, left, labels)
    assert tuple(found["bits"].values()) == pytest.approx(bits, abs=1e-3)
    assert found["zeta"] == (None if zeta is None else pytest.approx(zeta, abs=1e-3))
    for name, (low, high) in found["interval"].items():
        assert low <= found["bits"][name] + 1e-9
        assert high >= found["bits"][name] - 1e-9


def test_three_modalities_have_a_zeta_each_and_one_a_pair():
    labels = np.random.default_rng(5).integers(0, 8, 400)
    left = {
        name: _knowing(labels, set(range(3)) - {bit})
        for bit, name in enumerate(("image", "audio", "text"))
    }
    found = _bits(_knowing(labels, range(3)), left, labels)
    assert found["zeta"] == pytest.approx(dict.fromkeys(left, 0.5), abs=1e-3)
    pairs = ("image,audio", "image,text", "audio,text")
    assert found["pairwise_zeta"] == pytest.approx(dict.fromkeys(pairs, 1), abs=1e-3)


def test_a_solver_that_is_too_sure_of_its_guess_is_mended_by_its_temperature():
    """It knows 2 of 3 bits, and bets heavily on one of the two classes left."""
    generator = np.random.default_rng(6)
    labels = generator.integers(0, 8, 4000)
    bet = np.zeros((4000, 8), np.float32)
    bet[np.arange(4000), generator.integers(0, 8, 4000)] = 6.0
    left = {"image": _knowing(labels, (0, 1)) + bet, "audio": _knowing(labels, (1, 2))}
    raw = reference.cross_entropy(left["image"], labels).mean() / np.log(2)
    found = _bits(_knowing(labels, range(3)), left, labels)
    assert raw > 1.5
    assert found["bits"]["image"] == pytest.approx(1, abs=0.1)


def test_the_interval_is_that_of_a_mean_or_of_a_ratio():
    generator = np.random.default_rng(7)
    gained = generator.normal(1, 0.5, 50)
    found = conditional_information.summary(
        np.zeros(50), {"image": gained}, np.ones(50)
    )
    error = 1.959964 * gained.std(ddof=1) / np.sqrt(50)
    expected = [gained.mean() - error, gained.mean() + error]
    assert found["interval"]["image"] == pytest.approx(expected)
    # Twice each sample's labels, each with the same bits: the same mean and error.
    twice = conditional_information.summary(
        np.zeros(50), {"image": 2 * gained}, np.full(50, 2.0)
    )
    assert twice["interval"]["image"] == pytest.approx(expected)


LOGITS = arrays.arrays(
    np.float32, (24, 4), elements=strategies.floats(-20, 20, width=32)
)
LABELS = arrays.arrays(np.int64, 24, elements=strategies.integers(0, 3))


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(LOGITS, LOGITS, LABELS, strategies.permutations(range(4)))
def test_whatever_the_logits_the_bits_are_finite_and_know_no_class_names(
    whole, left, labels, order
):
    found = _bits(whole, {"image": left, "audio": whole}, labels)
    assert json.loads(json.dumps(found)) == found
    assert np.isfinite(list(found["cross_entropy"].values())).all()
    # Leaving out what changes nothing costs nothing.
    assert found["bits"]["audio"] == 0
    assert found["bits"]["image"] >= 0
    order = np.array(order)
    renamed = _bits(
        whole[:, order],
        {"image": left[:, order], "audio": whole[:, order]},
        np.argsort(order)[labels],
    )
    assert renamed["bits"]["image"] == pytest.approx(found["bits"]["image"], abs=1e-3)


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(LOGITS, LABELS)
def test_at_its_best_temperature_nobody_pays_more_than_for_guessing(logits, labels):
    totals, _ = temperature.costs(logits, labels)
    # The highest temperature is no infinity: 40 / 64 of a logit is left.
    assert totals.sum(axis=0).min() <= 24 * (2 + 40 / 64 / np.log(2))


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A small run of preset "calibrated" that was measured; nothing was trained."""
    small = {**SMALL, "training.limit": 64, "training.batch_size": 32}
    recipe = recipes.get("planted", "calibrated").with_settings(small)
    model = cmvq.build_model(recipe)
    folder = tmp_path_factory.mktemp("calibrated") / "run"
    run = Run.create(folder, recipe, keras.config.backend())
    run.save_weights(model)
    run.write_metrics({"complementarity": model.complementarity()})
    result = invoke("evaluate", folder)
    assert result.exit_code == 0, result.output
    return Run.open(folder), result.output


def test_evaluate_notes_and_shows_the_bits_and_so_does_train(calibrated):
    run, output = calibrated
    found = run.metrics["test"]["information"]
    assert set(found["bits"]) == set(found["interval"]) == {"image", "audio"}
    assert set(found["cross_entropy"]) == {"none", "image", "audio"}
    assert "zeta" in found
    for told in (output, "\n" + train.summary(run)):
        for title in ("image: bits it adds", "audio: Shapley bits", "zeta of bits"):
            assert f"\n{title} " in told


def test_the_bits_are_those_of_the_models_own_logits(calibrated):
    run, _ = calibrated
    model = cmvq.load_model(run)
    test = recipes.load_split(run.recipe, "test", limit=64)
    found = conditional_information.measure(model, run.recipe, test)
    expected = {}
    for left_out in ("none", "image", "audio"):
        task = model.inference_model(without=() if left_out == "none" else (left_out,))
        x = {name: test.x[name] for name in task.input}
        logits = task.predict(x, batch_size=32, verbose=0)
        totals, _ = _costs(logits, test.y)
        expected[left_out] = temperature.calibrated(totals, np.ones(64)).mean()
    assert found["cross_entropy"] == pytest.approx(expected, abs=1e-4)
    for name, bits in found["bits"].items():
        gained = expected[name] - expected["none"]
        assert bits == pytest.approx(max(0, gained), abs=1e-4)
    shares = np.bincount(test.y) / 64
    shares = shares[shares > 0]
    entropy = -np.sum(shares * np.log2(shares))
    # Half of what it tells alone, half of what it adds.
    for name, other in (("image", "audio"), ("audio", "image")):
        alone, adds = entropy - expected[other], expected[name] - expected["none"]
        assert found["shapley"][name] == pytest.approx((alone + adds) / 2, abs=1e-4)


def test_label_maps_are_measured_by_the_pixel():
    recipe = recipes.get("nyuv2", "calibrated").with_settings(
        {**SMALL, "model.embedding_dim": 4, "model.num_embeddings": 8}
    )
    small = {
        name: dataclasses.replace(modality, shape=(16, 16, modality.shape[-1]))
        for name, modality in recipe.modalities.items()
    }
    recipe = dataclasses.replace(recipe, modalities=small)
    generator = np.random.default_rng(8)
    x = {
        name: generator.normal(size=(3, *modality.shape)).astype("float32")
        for name, modality in small.items()
    }
    y = generator.integers(-1, len(recipe.classes), (3, 16, 16)).astype("int32")
    model = cmvq.build_model(recipe)
    found = conditional_information.measure(model, recipe, Split(x, y, np.arange(3)))
    logits = model.inference_model().predict(x, verbose=0)
    totals, sizes = _costs(logits, y, ignore_class=-1)
    expected = temperature.calibrated(totals, sizes).sum() / sizes.sum()
    assert found["cross_entropy"]["none"] == pytest.approx(expected, abs=1e-4)
    assert set(found["bits"]) == set(small)


def test_it_is_measured_where_the_task_was_trained_for_it():
    planted = recipes.get("planted", "calibrated")
    assert conditional_information.is_measured(planted)
    assert not conditional_information.is_measured(recipes.get("planted"))
    assert not conditional_information.is_measured(planted.with_modality("image"))
    seeing_one = dataclasses.replace(planted, task_modalities=("audio",))
    assert not conditional_information.is_measured(seeing_one)


def test_the_dropout_is_built_saved_and_only_there_when_asked_for(tmp_path):
    plain, calibrated = (
        cmvq.build_model(recipes.get("planted", preset).with_settings(SMALL))
        for preset in ("default", "calibrated")
    )
    assert [each.shape for each in plain.weights] == [
        each.shape for each in calibrated.weights
    ]
    x = recipes.load_split(recipes.get("planted"), "test", limit=8).x
    calibrated.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.modality_dropout == calibrated.modality_dropout == 0.3
    assert plain.modality_dropout == 0
    before, after = (each(x)["task"] for each in (calibrated, again))
    assert np.array_equal(*map(keras.ops.convert_to_numpy, (before, after)))


def test_a_run_may_be_told_to_lose_modalities_always_less_than_once():
    with pytest.raises(ValueError, match=r"model\.modality_dropout must be in \[0, 1"):
        recipes.get("planted").with_settings({"model.modality_dropout": 1.0})
