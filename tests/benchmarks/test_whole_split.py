"""A comparison's runs, measured on a whole split."""

import shutil
import sys

import pytest

from cmvq_keras import recipes
from cmvq_keras.runs.run import METRICS

pytestmark = pytest.mark.once


def test_a_run_has_its_accuracy_on_its_own_samples_and_on_all(
    benchmark, trained, tmp_path
):
    whole_split = benchmark("whole_split")
    for seed in (10, 9, 8):
        shutil.copytree(trained[0], tmp_path / "ours" / f"seed-{seed}")
    (tmp_path / "ours" / "seed-8" / METRICS).unlink()  # not finished
    found = whole_split.runs(tmp_path)
    assert [run.directory.name for run in found] == ["seed-9", "seed-10"]
    run = found[0]
    own = recipes.load_split(run.recipe, "test", None, run.recipe.training.limit)
    expected = run.metrics["test"]["accuracy"]
    name, score = whole_split.measure(run, own)
    assert (name, score) == ("accuracy", pytest.approx(expected, abs=1e-6))
    whole = whole_split.whole("test", found, None)
    assert len(whole.y) > len(own.y)


def test_a_folder_without_networks_is_refused(benchmark, tmp_path, monkeypatch, capsys):
    whole_split = benchmark("whole_split")
    command = ["whole_split", str(tmp_path), "--data-dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        whole_split.main()
    assert ended.value.code == 2
    assert "has no finished network of a comparison" in capsys.readouterr().err
