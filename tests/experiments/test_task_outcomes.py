"""Comparisons on several labels and on numbers: scores by hand, and their words."""

import re
import types

import fake_study
import numpy as np
import pytest
import tiny_tasks

from cmvq_keras import recipes
from cmvq_keras.data.split import Split
from cmvq_keras.experiments import (
    conclusion,
    curves,
    evidence,
    findings,
    outcomes,
    plan,
    plot,
    sample_check,
    score_words,
    tables,
    verdict_file,
)
from cmvq_keras.experiments.paired import Difference
from cmvq_keras.experiments.study import SWEEP
from cmvq_keras.metrics import MultiLabelF1, RegressionScores
from cmvq_keras.runs import learning
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

N = 60
METHODS = ("unimodal", "all-features", "ours")


def _draws(count, draws=4):
    rng = np.random.default_rng(7)
    return rng.integers(count, size=(draws, count))


def _counts(draws):
    return np.stack([np.bincount(each, minlength=draws.shape[1]) for each in draws])


def _numbers(error=3.0, seed=1):
    rng = np.random.default_rng(seed)
    true = np.random.default_rng(0).normal((1e4, -2), (20, 0.5), (N, 2))
    found = true + rng.normal(0, (error, error / 40), (N, 2))
    return np.stack([true, found], axis=-1).astype(np.float32)


def test_r2_of_drawn_samples_is_that_of_the_samples():
    values = _numbers()
    found = outcomes.Numbers(values, 2)
    true, predicted = np.moveaxis(np.float64(values), -1, 0)
    draws = _draws(N)
    for draw, score in zip(draws, found.scores(_counts(draws)), strict=True):
        y, p = true[draw], predicted[draw]
        left = np.square(y - p).sum(0) / np.square(y - y.mean(0)).sum(0)
        assert score == pytest.approx((1 - left).mean(), abs=1e-9)
    metric = RegressionScores([1e4, -2], [20, 0.5])
    metric.update_state(values[..., 0], values[..., 1])
    logs = metric.result()
    assert found.score() == pytest.approx(float(logs["r2"]), abs=1e-5)
    assert found.second() == pytest.approx(float(logs["mae"]), rel=1e-5)
    mean = outcomes.Numbers(np.stack([true, 0 * true + true.mean(0)], -1), 2)
    assert mean.score() == pytest.approx(found.chance(), abs=1e-9)


def test_a_target_that_does_not_vary_has_an_r2_of_0():
    values = _numbers()
    values[:, 1, 0] = 3
    alone = outcomes.Numbers(values[:, :1], 1)
    assert outcomes.Numbers(values, 2).score() == pytest.approx(alone.score() / 2)


def _entries(rate=0.8, seed=1):
    rng = np.random.default_rng(seed)
    true = np.random.default_rng(0).random((N, 3)) < (0.5, 0.9, 0.2)
    found = np.where(rng.random((N, 3)) < rate, true, ~true)
    return np.stack([true, found], axis=-1).astype(np.int32)


def test_several_labels_are_right_entry_by_entry():
    values = _entries()
    found = outcomes.Entries(values, 3)
    right = values[..., 0] == values[..., 1]
    draws = _draws(N)
    expected = [right[draw].mean() for draw in draws]
    np.testing.assert_allclose(found.scores(_counts(draws)), expected)
    metric = MultiLabelF1(3)
    metric.update_state(values[..., 0], 2.0 * values[..., 1] - 1)
    assert found.second() == pytest.approx(float(metric.result()), abs=1e-6)
    shares = values[..., 0].mean(axis=0)
    expected = np.mean([max(share, 1 - share) for share in shares])
    assert found.chance() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("task", "values"), [("regression", _numbers()), ("multi-label", _entries())]
)
def test_rows_are_made_of_a_batch_and_read_back(tmp_path, task, values):
    recipe = types.SimpleNamespace(task=task, outputs=["a"] * values.shape[1])
    labels = values[..., 0]
    outputs = values[..., 1] if task == "regression" else 4.0 * values[..., 1] - 2
    kind = outcomes.kind(recipe)
    rows = outcomes.of_batch(labels, kind.decided(outputs), recipe)
    np.testing.assert_array_equal(rows, values)
    outcomes.write(tmp_path, rows, recipe)
    found = outcomes.read(tmp_path, recipe, N)
    np.testing.assert_array_equal(found.values, values)
    with pytest.raises(ValueError, match=r"predictions\.npy"):
        outcomes.read(tmp_path, recipe, N - 1)
    costs = kind.costs(labels, outputs)
    if task == "regression":
        assert costs is None
    else:
        share = 1 / (1 + np.exp(-np.float64(outputs)))
        expected = -np.log(np.where(labels, share, 1 - share)).ravel()
        np.testing.assert_allclose(costs, expected)


def test_numbers_of_the_test_samples_are_in_their_checksum():
    names = np.array(["a", "b"])
    splits = [Split({}, np.array([[0.2], [end]]), names) for end in (0.3, 0.4)]
    as_whole = {sample_check.checksum(each) for each in splits}
    as_numbers = {sample_check.checksum(each, "float32") for each in splits}
    assert (len(as_whole), len(as_numbers)) == (1, 2)


@pytest.fixture(params=["regression", "multi-label"])
def compared(request, tmp_path, monkeypatch):
    """A comparison of two seeds, whose fusion is the best."""
    recipe = recipes.resolve(tiny_tasks.recipe(request.param))
    variants, _ = plan.of_methods(recipe, METHODS)
    study = fake_study.study(tmp_path / "made", variants, recipe=recipe)
    for place, variant in enumerate(variants):
        for seed in (0, 1):
            made = _numbers(24 - 6 * place, seed + 10 * place)
            if request.param == "multi-label":
                made = _entries(0.3 + 0.2 * place, seed + 10 * place)
            numbers = {"train_score": 0.9, "without": {"a": -0.25, "b": 0.5}}
            fake_study.finish(study, variant.label, seed, made, **numbers)
    monkeypatch.setattr(learning, "rise_at_end", lambda run: 0.0)
    monkeypatch.setattr(Run, "history", [])
    monkeypatch.setattr(Run, "environment", {})
    return study


def test_tables_and_verdict_have_the_words_of_the_task(compared):
    pytest.importorskip("jinja2")
    found = conclusion.of_study(compared)
    header = [title for title, _ in found.table.scores]
    page = (compared.out / "comparison.html").read_text()
    text = str(verdict_file.read(compared.out))
    rows = {row.label: row for row in found.table.rows}
    ours, fusion = rows["ours"], rows["all-features"]
    gain = ours.score.mean - fusion.score.mean
    if compared.recipe.task == "regression":
        assert header[2:4] == ["R2", "95 % interval"]
        assert header[-1] == "MAE"
        shown = dict(found.table.scores)["R2"][-1]
        assert shown.startswith(f"{ours.score.mean:.4f} ±")
        assert "Difference to plain fusion (R2)" in page
        assert f"{gain:.3f} of R2 against plain fusion" in text
        assert "Without a ours has -0.250 in place of" in text
        assert "points" not in text
        assert "without a (%)" not in page
    else:
        assert header[2:4] == ["accuracy (%)", "95 % interval"]
        assert header[-1] == "macro-F1 (%)"
        assert f"{100 * gain:.1f} points against plain fusion" in text
        assert "of R2" not in text + page
    csv = tables.as_csv(compared, found.table.rows).splitlines()
    name = "r2" if compared.recipe.task == "regression" else "accuracy"
    assert f"{name},{name}_sd,{name}_low,{name}_high" in csv[0]
    assert (compared.out / "table.png").is_file()


def test_chance_and_margin_of_numbers():
    assert score_words.of_task("segmentation") == score_words.PERCENT
    row = types.SimpleNamespace(
        label="ours", title="ours", against={}, score=None, gap=None
    )
    alike = Difference("all-features", 0.001, 0.01, (-0.004, 0.006))
    row.against = {"fusion": alike}
    found = findings.ours_mends(
        evidence.Evidence("R2", {}, ours=row, words=score_words.R2)
    )
    assert found.sentence == (
        "Ours is within 0.01 of R2 of plain fusion (+0.001, 95 %: -0.004 to +0.006)."
    )


def test_a_sweep_of_numbers_is_drawn_in_their_units(tmp_path):
    pytest.importorskip("matplotlib")
    recipe = recipes.resolve(tiny_tasks.recipe("regression"))
    variants = plan.of_settings(recipe, {"model.dropout": [0.0, 0.5]})
    study = fake_study.study(tmp_path / "made", variants, SWEEP, recipe=recipe)
    for variant in variants:
        fake_study.finish(study, variant.label, 0, _numbers())
    found = tables.of_study(study)
    figure = plot.swept(study, found.rows)
    top = figure.axes[0]
    assert top.get_ylabel() == "R2"
    np.testing.assert_allclose(top.lines[0].get_ydata(), found.rows[0].score.mean)
    for variant, first in zip(variants, (-9.0, 0.1), strict=True):
        history = plan.folder(study.out, variant.label, 0) / "history.csv"
        history.write_text(f"epoch,r2,val_r2\n1,-20,{first}\n2,0.3,0.25\n3,0.6,0.5\n")
    (panel,) = curves.of_results(study.results(), study, chance=0.0)
    # A first epoch may be far below what is of interest.
    assert (panel.axis, panel.bounds, panel.chance) == ("R2", (-1, 1), 0)
    assert panel.title == "R2 over the epochs"
    lines = panel.lines[variants[0].label]
    np.testing.assert_array_equal(lines.validation, [[-9, 0.25, 0.5]])
    np.testing.assert_array_equal(lines.training, [[-20, 0.3, 0.6]])
    drawn = curves.svg(panel, {})
    assert ">R2</text>" in drawn
    assert "R2 (%)" not in drawn


def test_a_curve_goes_on_where_an_epoch_was_not_validated():
    pytest.importorskip("matplotlib")
    unknown = np.full((1, 3), np.nan)
    drawn = []
    for middle in (25.0, np.nan):
        lines = {"ours": curves.Curves(unknown, np.array([[25.0, middle, 50.0]]))}
        panel = curves.Panel("Accuracy", "accuracy (%)", lines, (0, 100))
        drawn += re.findall(
            r'd="([^"]*)" clip-path[^>]*stroke: var\(--c0', curves.svg(panel, {})
        )
    every, some = (each for each in drawn if each)
    points = re.findall(r"[\d.]+ [\d.]+", every)
    assert re.findall(r"[\d.]+ [\d.]+", some) == [points[0], points[2]]
