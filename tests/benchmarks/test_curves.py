"""The benchmark's picture of trainings, epoch by epoch."""

import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.once


def test_epochs_that_were_not_validated_are_no_numbers(benchmark):
    history = [
        {"loss": 9.0, "task_loss": 2.0, "accuracy": 0.5, "val_task_loss": 1.5},
        {"loss": 8.0, "task_loss": 1.0, "accuracy": 0.75, "val_task_loss": None},
    ]
    found = benchmark("curves").curves(history)
    expected = {
        "task_loss": [2, 1],
        "val_task_loss": [1.5, np.nan],
        "accuracy": [0.5, 0.75],
        "val_accuracy": [np.nan, np.nan],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(found.pop(name), values)
    assert not found


def test_a_mean_counts_the_seeds_that_still_train(benchmark):
    seeds = np.array([1.0, np.nan, 3.0]), np.array([2.0, np.nan, 5.0, 7.0])
    found = benchmark("curves")._mean(seeds)
    np.testing.assert_array_equal(found, [1.5, np.nan, 4, 7])


def test_a_comparison_is_read_and_drawn(benchmark, trained, tmp_path):
    pytest.importorskip("matplotlib")
    module = benchmark("curves")
    for seed in (0, 1):
        shutil.copytree(trained[0], tmp_path / "ours" / f"seed-{seed}")
    unfinished = shutil.copytree(trained[0], tmp_path / "ours" / "seed-2")
    (unfinished / "metrics.json").unlink()
    (history, other) = module.read(tmp_path)["ours"]
    assert len(history["val_accuracy"]) == 2
    np.testing.assert_array_equal(history["task_loss"], other["task_loss"])
    module.main([str(tmp_path), "-o", str(tmp_path / "curves.png")])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_trainings_is_told(benchmark, tmp_path, capsys):
    with pytest.raises(SystemExit):
        benchmark("curves").main([str(tmp_path), "-o", str(tmp_path / "a.png")])
    assert "has no finished training" in capsys.readouterr().err
