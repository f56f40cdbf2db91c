"""The erasure pair against a Bayes classifier that knows its stripes, in float64."""

import itertools
import re

import numpy as np
import pytest
from command_line import invoke
from imports import CHECKOUT

from cmvq_keras import recipes
from cmvq_keras.data.datasets import erasure

pytestmark = pytest.mark.once

ERASURE = recipes.module("erasure")
COUNT = 20_000


def _recipe(**settings):
    named = {f"data.{key}": value for key, value in settings.items()}
    return recipes.resolve(recipes.get("erasure").with_settings(named))


def _log_posteriors(pictures, probability):
    """log p(picture | label) + a constant, `(n, 8)`: of a modality that may be erased.

    A stripe of either direction has a mean of 0 over its cell, so the brightness drops
    out; what is left is Gaussian around +1, or 0 where nothing is shown.
    """
    wave = np.array([-1.0, -1, 1, 1] * 2)
    stripes = np.stack([np.repeat(wave[:, None], 8, 1), np.repeat(wave[None], 8, 0)])
    pictures = pictures[..., 0].astype(np.float64)
    patches = pictures.reshape(-1, 4, 8, 4, 8).transpose(0, 1, 3, 2, 4)
    patches = patches.reshape(-1, 16, 64)[:, :6]
    seen = patches @ stripes.reshape(2, 64).T / 64
    variance = 0.3**2 / 64
    labels = np.arange(8)[:, None] >> (np.arange(6) % 3) & 1
    # (n, 6, 2): how much better a stripe fits than none.
    gain = (seen - 0.5) / variance
    shown = gain[:, np.arange(6), labels].sum(-1)
    return np.logaddexp(np.log1p(-probability) + shown, np.log(probability))


def _bayes(erasures, x):
    total = sum(_log_posteriors(x[name], p) for name, p in erasures.items())
    return total - np.logaddexp.reduce(total, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "names", [("image",), ("audio",), ("image", "audio")], ids="-".join
)
def test_the_bayes_classifier_reaches_the_stated_optimum_and_bits(names):
    erasures = {"image": 0.25, "audio": 0.5}
    generator = np.random.default_rng(5)
    x, y = erasure.generate(erasures, {"image": 0, "audio": 4}, COUNT, generator)
    known = {name: erasures[name] for name in names}
    posterior = _bayes(known, x)
    accuracy = np.mean(posterior.argmax(1) == y)
    expected = erasure.best_accuracy(known.values())
    assert abs(accuracy - expected) < 4 * np.sqrt(expected * (1 - expected) / COUNT)
    gained = 3 + posterior[np.arange(COUNT), y] / np.log(2)
    error = gained.std() / np.sqrt(COUNT)
    assert abs(gained.mean() - erasure.bits(known.values())) < 4 * error


def test_bits_of_the_test_samples_themselves():
    """docs/complementarity.md names them beside those that trained models have."""
    split = recipes.load_split(_recipe(cell="learnable"), "test", None)
    erasures = {"image": 0.25, "audio": 0.5}

    def lost(*names):
        posterior = _bayes(
            {name: erasures[name] for name in names},
            {name: np.asarray(split.x[name]) for name in names},
        )
        return -posterior[np.arange(len(split.y)), split.y].mean() / np.log(2)

    shares = np.bincount(split.y) / len(split.y)
    unknown = -(shares * np.log2(shares)).sum()
    image, audio, both = lost("image"), lost("audio"), lost("image", "audio")
    added = audio - both, image - both
    shapley = (unknown - image + added[0]) / 2, (unknown - audio + added[1]) / 2
    np.testing.assert_allclose(added, (1.144, 0.324), atol=5e-4)
    np.testing.assert_allclose(shapley, (1.708, 0.888), atol=5e-4)


def test_stated_numbers_of_the_default_pair():
    truth = ERASURE.truth(_recipe())
    assert ERASURE.optimum(_recipe()) == {
        "all": 0.890625,
        "image": 0.78125,
        "audio": 0.5625,
    }
    assert truth == {
        "added": {"image": 1.125, "audio": 0.375},
        "shapley": {"image": 1.6875, "audio": 0.9375},
        "zeta": pytest.approx(1 / 3),
        "decomposition": {
            "redundant": 1.5,
            "unique": {"image": 0.75, "audio": 0.0},
            "synergistic": 0.375,
        },
    }


def test_a_decomposition_adds_up():
    for pair in itertools.product([0.0, 0.2, 0.7, 1.0], repeat=2):
        erasures = dict(zip(("image", "audio"), pair, strict=True))
        parts = erasure.decomposition(erasures)
        unique = parts["unique"]
        whole = parts["redundant"] + sum(unique.values()) + parts["synergistic"]
        assert whole == pytest.approx(erasure.bits(pair))
        for name, other in (("image", "audio"), ("audio", "image")):
            alone = erasure.bits([erasures[name]])
            assert parts["redundant"] + unique[name] == pytest.approx(alone)
            added = erasure.bits(pair) - erasure.bits([erasures[other]])
            assert unique[name] + parts["synergistic"] == pytest.approx(added)
        assert sum(erasure.shapley_bits(erasures).values()) == pytest.approx(whole)


def test_a_modality_that_is_always_erased_is_worth_nothing():
    truth = ERASURE.truth(_recipe(cell="useless"))
    assert truth["added"]["audio"] == truth["shapley"]["audio"] == truth["zeta"] == 0


def test_the_fingerprint_lies_in_the_other_cells_of_audio_alone():
    data = recipes.load_split(_recipe(cell="useless"), "test")
    patches = {
        name: values[..., 0].reshape(-1, 4, 8, 4, 8).transpose(0, 1, 3, 2, 4)
        for name, values in data.x.items()
    }
    spread = {
        name: (each - each.mean((3, 4), keepdims=True)).reshape(-1, 16, 64).std((0, 2))
        for name, each in patches.items()
    }
    whole = np.sqrt(64 / 63)
    assert np.allclose(spread["audio"][:6] * whole, 0.3, atol=0.005)
    assert np.allclose(spread["audio"][6:] * whole, np.hypot(0.3, 1.0), atol=0.01)
    assert np.allclose(spread["image"][6:] * whole, 0.3, atol=0.005)


def test_a_seed_draws_training_and_validation_anew_and_keeps_the_test():
    first, second = (
        recipes.get("erasure").with_settings({"training.seed": seed}) for seed in (0, 1)
    )
    for split, count in (("train", 128), ("validation", 512), ("test", 2048)):
        one, two = (recipes.load_split(each, split) for each in (first, second))
        assert len(one) == len(two) == count
        same = np.array_equal(one.x["audio"], two.x["audio"])
        assert same == (split == "test")


def test_a_modality_alone_sees_the_same_pictures():
    both = recipes.load_split(_recipe(), "train")
    alone = recipes.load_split(_recipe().with_modality("audio"), "train")
    assert np.array_equal(both.x["audio"], alone.x["audio"])
    assert ERASURE.optimum(_recipe().with_modality("audio"))["all"] == 0.5625


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "harmfull"}, "harmful"),
        ({"samples": 7}, r"data.samples must be in \[8, 1,000,000\]"),
        ({"erasure_audio": 1.5}, r"data.erasure_audio must be in \[0, 1\]"),
        ({"fingerprint": -2.0}, "data.fingerprint must be in"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        _recipe(**settings)


def test_a_cell_s_numbers_can_be_changed():
    recipe = _recipe(cell="benign", samples=4096, erasure_image=0.0)
    found = ERASURE.cell(recipe)
    assert (found.samples, found.fingerprint, found.erasure_image) == (4096, 0.3, 0.0)
    assert len(recipes.load_split(recipe, "train")) == 4096


def test_the_docs_table_of_the_cells_is_theirs():
    lines = (CHECKOUT / "docs" / "erasure.md").read_text("utf-8").splitlines()
    rows = [line.replace(",", "").split("|") for line in lines]
    told = {row[1].strip(" `"): row[2:5] for row in rows if len(row) == 7}
    for name, cell in ERASURE.CELLS.items():
        numbers = [float(each) for each in told[name]]
        assert numbers == [cell.samples, cell.fingerprint, cell.erasure_audio], name


def test_train_prints_the_truth_beside_what_it_reached(tmp_path):
    words = "train --recipe erasure --limit 32 --epochs 1 --set data.cell=benign --out"
    result = invoke(*words.split(), tmp_path / "run")
    assert result.exit_code == 0, result.output
    lines = dict(
        re.split(r"  +", line, maxsplit=1)
        for line in result.output.splitlines()
        if "  " in line
    )
    assert lines["Best possible"].startswith("89.06")
    assert lines["True bits added"] == "image 1.125, audio 0.375"
    assert lines["True Shapley bits"] == "image 1.688, audio 0.938"
    assert lines["True unique bits"] == "image 0.750, audio 0.000"
    assert lines["True redundant bits"] == "1.500"
    assert lines["True synergistic bits"] == "0.375"
