"""Differences to the best modality alone and to plain fusion, and what tests them."""

import itertools
import json

import fake_study
import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax

from cmvq_keras import recipes
from cmvq_keras.experiments import (
    outcomes,
    paired,
    plan,
    statistics,
    table_content,
    tables,
    trial,
)

pytestmark = pytest.mark.once

PLANTED = recipes.resolve("planted")
METHODS = ["unimodal", "ensemble", "all-features", "ours"]
# Share of right answers by row and seed.
RATES = {
    "image-alone": (0.70, 0.72, 0.68),
    "audio-alone": (0.30, 0.35, 0.25),
    "ensemble": (0.72, 0.75, 0.74),
    "all-features": (0.86, 0.88, 0.92),
    "ours": (0.75, 0.80, 0.78),
}


@pytest.mark.parametrize("count", [2, 5, 8])
def test_the_p_value_is_scipys_of_all_flips(count):
    values = np.random.default_rng(count).normal(0.6, 1, count)
    expected = stats.permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="two-sided",
    )
    assert statistics.permutation_p(values) == pytest.approx(expected.pvalue, abs=1e-12)


def test_equal_differences_are_ties_whatever_their_rounding():
    values = [0.1, 0.2, 0.3, -0.6]
    sums = [abs(np.dot(s, [1, 2, 3, -6])) for s in itertools.product((1, -1), repeat=4)]
    assert sum(values) != 0
    assert statistics.permutation_p(values) == np.mean(np.array(sums) >= 0) == 1
    assert statistics.permutation_p([0.0, 0.0]) == 1
    assert statistics.permutation_p([0.1] * 5) == 2 / 2**5


def test_flips_that_are_drawn_agree_with_a_t_test():
    values = np.random.default_rng(1).normal(0.4, 1, 40)
    expected = stats.ttest_1samp(values, 0).pvalue
    assert statistics.permutation_p(values) == pytest.approx(expected, rel=0.15)


def test_holms_p_values_are_those_of_his_definition():
    p = np.random.default_rng(2).random(7) / 5
    order = np.argsort(p)
    steps = [(7 - rank) * p[place] for rank, place in enumerate(order)]
    expected = np.empty(7)
    expected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    np.testing.assert_allclose(statistics.holm(list(p)), expected, rtol=1e-14)
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5, 6.0])
def test_the_seeds_needed_have_the_power_that_is_said(ratio):
    """The exact power is that of the noncentral t distribution."""

    def power(n):
        edge = stats.t.ppf(0.975, n - 1)
        return stats.nct.sf(edge, n - 1, np.sqrt(n) / ratio)

    exact = next(n for n in itertools.count(2) if power(n) >= 0.8)
    assert abs(statistics.seeds_needed(ratio * 0.02, 0.02) - exact) <= 1


def test_the_likelihood_is_of_the_labels_that_count():
    generator = np.random.default_rng(3)
    logits = generator.normal(0, 3, (2, 4, 5, 6)).astype(np.float32)
    labels = generator.integers(-1, 6, (2, 4, 5))
    counted = labels >= 0
    logs = log_softmax(logits.astype(np.float64), axis=-1)[counted]
    expected = -logs[np.arange(len(logs)), labels[counted]]
    np.testing.assert_allclose(
        outcomes.Answers.costs(labels, logits), expected, rtol=1e-12, atol=1e-14
    )


@pytest.fixture
def study(tmp_path):
    variants, _ = plan.of_methods(PLANTED, METHODS)
    found = fake_study.study(tmp_path / "study", variants)
    for index, (label, rates) in enumerate(RATES.items()):
        for seed, rate in enumerate(rates):
            pairs = fake_study.answers(rate, 400, 10 * index + seed)
            added = {
                "nll": 0.5 + seed,
                "train_score": 0.95,
                "last_score": rate - 0.01,
                "inference_parameters": 1234,
                "validation": rate,
            }
            fake_study.finish(found, label, seed, pairs, **added)
    return found


def _scores(study, label):
    return np.array([e.measured["score"] for e in study.results() if e.label == label])


def test_differences_are_to_the_best_alone_and_to_plain_fusion(study):
    rows = {row.label: row for row in table_content.of_study(study)}
    ours, image, fusion = (
        _scores(study, label) for label in ("ours", "image-alone", "all-features")
    )
    found = rows["ours"].against
    assert found["alone"].to == "image-alone"
    for name, other in (("alone", image), ("fusion", fusion)):
        assert found[name].mean == pytest.approx((ours - other).mean())
        assert found[name].deviation == pytest.approx((ours - other).std(ddof=1))
        low, high = found[name].interval
        assert low < (ours - other).mean() < high
    # Of three seeds the least p is 2 / 8. Ensemble, plain fusion and ours are tested.
    assert found["alone"].p == pytest.approx(0.25)
    assert found["alone"].holm == pytest.approx(0.75)
    assert rows["audio-alone"].against["alone"].holm is None
    assert "alone" not in rows["image-alone"].against
    assert "fusion" not in rows["all-features"].against
    needed = found["fusion"].seeds_needed
    assert needed[1] > needed[2] >= 2


def test_holms_correction_counts_no_method_of_one_modality(tmp_path):
    """Kernel ridge of one modality is no rival of fusion, as no network of one is."""
    variants, _ = plan.of_methods(PLANTED, ["unimodal", "ours", "kernel-ridge"])
    study = fake_study.study(tmp_path / "study", variants)
    labels = [variant.label for variant in variants]
    assert {"image-alone-kernel-ridge", "audio-alone-kernel-ridge"} < set(labels)
    for index, label in enumerate(labels):
        rate = 0.3 if "audio-alone" in label else 0.6 if "alone" in label else 0.9
        for seed in range(3):
            pairs = fake_study.answers(rate, 400, 10 * index + seed)
            fake_study.finish(study, label, seed, pairs)
    rows = {
        row.label: row.against.get("alone") for row in table_content.of_study(study)
    }
    # Of three seeds the least p is 2 / 8. Two methods see all modalities.
    for label in ("ours", "kernel-ridge"):
        assert (rows[label].p, rows[label].holm) == (0.25, 0.5)
    for label in ("image-alone-kernel-ridge", "audio-alone-kernel-ridge"):
        assert rows[label].p == 0.25 or label.startswith("image")
        assert rows[label].holm is None


def test_the_table_says_how_each_learnt_and_warns_of_plain_fusion(study):
    found = tables.of_study(study)
    gap = 100 * (0.95 - _scores(study, "ours"))
    learnt = dict(found.learnt)
    expected = f"{gap.mean():.2f} ± {gap.std(ddof=1):.2f}"
    assert learnt["gap to test (points)"][-1] == expected
    assert learnt["NLL (nats)"][-1] == "1.500 ± 1.000"
    assert learnt["last epoch accuracy (%)"][0] == "69.00 ± 2.00"
    assert dict(found.made)["inference parameters"][-1] == "1,234"
    assert dict(found.against)["p to image alone"][-1] == "0.2500"
    assert found.asides[0].startswith("Warning: plain fusion beats ours by ")
    text = tables.markdown(found)
    assert "to plain fusion" in text.splitlines()[0]
    tables.write(study, found)
    line = (study.out / "table.csv").read_text().splitlines()[0].split(",")
    assert {"to_fusion_p", "to_alone_holm", "gap", "nll", "last"} <= set(line)


def test_a_comparison_of_version_0_1_has_what_it_has(study):
    for label, seeds in RATES.items():
        for seed in range(len(seeds)):
            path = plan.folder(study.out, label, seed) / trial.FINISHED
            content = json.loads(path.read_text())
            for name in (*trial._ADDED, *trial._ADDED_NUMBERS):
                content.pop(name, None)
            path.write_text(json.dumps(content))
    found = tables.of_study(study)
    assert len(found.learnt) == 1
    assert "inference parameters" not in dict(found.made)
    assert dict(found.against)["p to image alone"][-1] == "0.2500"


def test_bits_are_held_against_the_truth_where_it_is_known(tmp_path):
    recipe = recipes.resolve(recipes.get("erasure", "calibrated"))
    variants, _ = plan.of_methods(recipe, ["ours"])
    study = fake_study.study(tmp_path / "study", variants, recipe=recipe)
    for seed, bits in enumerate(({"image": 1.0, "audio": 0.4}, {"image": 1.1})):
        bits = {"audio": 0.3, **bits}
        pairs = fake_study.answers(0.8, 50, seed)
        fake_study.finish(study, "ours", seed, pairs, bits=bits)
    (row,) = table_content.of_study(study)
    # The truth: 1.125 and 0.375 bits (docs/erasure.md).
    errors = [(0.125 + 0.025) / 2, (0.025 + 0.075) / 2]
    assert row.bits_error.mean == pytest.approx(np.mean(errors))


@pytest.mark.parametrize(
    ("interval", "count"),
    [
        ((0.0, 0.02), 0),
        ((-0.05, 0.0), 0),  # unclear
        ((-0.01, -0.001), 0),  # within one point
        ((-0.05, -0.001), 1),
    ],
)
def test_a_warning_needs_a_loss_that_is_clear(interval, count):
    found = paired.Difference("all-features", sum(interval) / 2, None, interval)
    row = table_content.Row("ours", "ours", {}, (0,), against={"fusion": found})
    assert len(list(paired.warnings([row]))) == count


def test_a_modality_alone_is_an_encoder_and_a_head():
    (image, _), _ = plan.of_methods(PLANTED, ["unimodal"])
    assert not image.recipe.model.reconstruction
    assert image.recipe.model.mask_mode == "none"
    published = recipes.resolve(recipes.get("planted", "paper"))
    (image, _), _ = plan.of_methods(published, ["unimodal"])
    assert image.recipe.model.reconstruction
    assert image.recipe.model.mask_mode == "binary"
