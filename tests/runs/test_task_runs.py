"""Runs on several labels and on numbers, from training to report and export."""

import json

import keras
import numpy as np
import pytest
import tiny_tasks
from command_line import error_of, invoke

import cmvq_keras as cmvq
from cmvq_keras.experiments import budget
from cmvq_keras.runs.run import Run

#: The two share all but their loss and metrics, which tests/models checks everywhere.
TASKS = ["regression", pytest.param("multi-label", marks=pytest.mark.once)]


@pytest.fixture(scope="module", params=TASKS)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    store = tiny_tasks.store(folder, request.param)
    return cmvq.train(store=store, out=folder / "run", verbose=False)


def test_a_run_learns_and_is_measured_again(run):
    found = run.metrics["test"]
    again = cmvq.evaluate(run, without=["a", "b"])
    score = "r2" if run.recipe.targets else "macro_f1"
    assert found[score] > 0.2
    assert again[score] == found[score]
    assert set(again["without"]) == set(again["information"]["bits"]) == {"a", "b"}
    assert f"val_{score}" in run.history[0]
    # metrics.json is read and checked.
    assert Run.open(run.directory).metrics["test"]["n"] == 32


def test_predictions_are_in_units_or_shares(run):
    x, y = tiny_tasks.vectors(run.recipe.task)
    raw = {name: values[-32:] for name, values in x.items()}
    normal = {
        name: (raw[name] - about.offset) / about.scale
        for name, about in run.recipe.modalities.items()
    }
    found = cmvq.predict(run, {n: v.astype("float32") for n, v in normal.items()})
    if run.recipe.targets:
        error = np.abs(found - y[-32:]).mean(axis=0)
        by_target = run.metrics["test"]["per_target"]
        expected = [by_target[name]["mae"] for name in tiny_tasks.TARGETS]
        np.testing.assert_allclose(error, expected, rtol=1e-3)
    else:
        right = ((found > 0.5) == y[-32:]).mean()
        np.testing.assert_allclose(right, run.metrics["test"]["accuracy"], rtol=1e-5)


def test_the_command_line_shows_and_predicts(run):
    folder = str(run.directory)
    shown = invoke("evaluate", folder, "--without", "a").stdout
    assert ("R2 lost" in shown) == bool(run.recipe.targets)
    assert ("Precision" in shown) != bool(run.recipe.targets)
    header, first, *_ = invoke("predict", folder).stdout.splitlines()[-33:]
    if run.recipe.targets:
        assert header == "sample,label_age,label_weight,age,weight"
    else:
        assert header == "sample,label,class,p_red,p_green,p_blue"
    assert first.startswith("test/0,")


def test_a_report_is_written(run, tmp_path):
    page = cmvq.report(run, tmp_path).read_text()
    assert page.index("on 32 test samples") < page.index("<h2>")
    if not run.recipe.targets:
        assert page.count(">predicted ") == page.count('class="right"') + page.count(
            'class="wrong"'
        )
    if run.recipe.targets:
        assert "R2 lost without it" in page
        assert (tmp_path / "figures" / "predictions.svg").is_file()
    else:
        assert "accuracy lost without it" in page
    assert not (tmp_path / "figures" / "confusion.svg").exists()


def test_an_exported_model_gives_what_the_run_gives(run, tmp_path):
    made = cmvq.export(run, tmp_path / "small.keras")
    assert made.difference < 1e-3
    model = keras.saving.load_model(made.path)
    x, y = tiny_tasks.vectors(run.recipe.task)
    taken = {name: x[name][-32:] for name in model.input}
    logits = keras.ops.convert_to_numpy(model(taken)["logits"])
    if run.recipe.targets:
        mae = np.abs(logits - y[-32:])[:, 0].mean()
        expected = run.metrics["test"]["per_target"]["age"]["mae"]
        np.testing.assert_allclose(mae, expected, rtol=1e-3)


def test_a_saved_model_keeps_its_task(run, tmp_path):
    model = cmvq.load_model(run)
    model.save(tmp_path / "model.keras")
    again = cmvq.load_model(tmp_path / "model.keras")
    assert again.task == run.recipe.task
    x, _ = tiny_tasks.vectors(run.recipe.task, 4)
    np.testing.assert_allclose(
        again.predict(x, verbose=0)["task"],
        model.predict(x, verbose=0)["task"],
        rtol=1e-5,
    )


def test_methods_about_classes_are_refused(run):
    recipe = run.recipe.with_method("ogm")
    message = "The method ogm trains classification and.*: all-features, dgl, ensemble"
    with pytest.raises(ValueError, match=message):
        cmvq.build_model(recipe)


@pytest.mark.once
def test_an_advice_speaks_of_its_task(run, tmp_path, monkeypatch):
    pytest.importorskip("jinja2")
    pytest.importorskip("sklearn")
    # It has a test of its own.
    monkeypatch.setattr(budget, "measure", lambda *_: budget.Cost(0.0, 0.0))
    store = run.environment["store"]["folder"]
    words = ("--store", store, "--seeds", 1, "--epochs", 2, "--out", tmp_path / "made")
    shown = invoke("advise", *words)
    assert shown.exit_code == 0, shown.output
    found = list((tmp_path / "made").glob("*/seed-0"))
    assert len(found) == 8  # two alone, three of kernel ridge, and three of both
    is_regression = bool(run.recipe.targets)
    name, second = ("r2", "mae") if is_regression else ("accuracy", "macro_f1")
    for path in found:
        trial = json.loads((path / "trial.json").read_text())
        metrics = Run.open(path).metrics
        assert trial["score"] == pytest.approx(metrics["test"][name], abs=1e-5)
        assert trial["second"] == pytest.approx(metrics["test"][second], rel=1e-4)
        assert trial["validation"] == metrics["validation"][name]
        assert (trial["nll"] is None) == is_regression
        if path.parent.name == "kernel-ridge":
            assert trial["score"] > 0.2
    verdict = json.loads((tmp_path / "made" / "verdict.json").read_text())
    sentences = " ".join(each["sentence"] for each in verdict["findings"])
    assert ("of R2" in sentences) == is_regression
    assert ("points" in sentences) != is_regression
    assert ("MAE" in shown.stdout) == is_regression
    assert ("macro-F1 (%)" in shown.stdout) != is_regression


@pytest.mark.once
def test_a_comparison_of_methods_about_classes_names_those_that_apply(run, tmp_path):
    store = run.environment["store"]["folder"]
    words = ("--store", store, "--methods", "ogm,pmr", "--out", tmp_path)
    message = error_of("compare", *words, code=1)
    assert f"These train {run.recipe.task}: all-features, dgl, ensemble" in message
