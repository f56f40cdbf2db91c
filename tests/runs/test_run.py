"""The run folder."""

import dataclasses
import errno
import json
import math
import os

import keras
import numpy as np
import pytest

from cmvq_keras import recipes
from cmvq_keras.fileio import write_atomically
from cmvq_keras.runs import environment, weights
from cmvq_keras.runs import run as run_module
from cmvq_keras.runs.run import Run


@pytest.fixture(autouse=True)
def _no_framework(monkeypatch):
    # The devices have a test of their own; asking for them loads a framework.
    monkeypatch.setattr(environment, "device_names", lambda backend: ["device"])
    monkeypatch.setattr(environment, "_THREADS", {})


@pytest.fixture
def recipe():
    return recipes.get("planted").with_settings({"training.seed": 7})


@pytest.fixture
def run(tmp_path, recipe):
    return Run.create(tmp_path / "a" / "b", recipe, "jax")


def test_create_makes_parents_and_keeps_the_recipe(run, recipe):
    assert run.recipe == recipe
    assert run.metrics == {}
    assert run.history == []


def test_environment_tells_what_a_reader_needs(run):
    told = run.environment
    assert told["backend"] == "jax"
    assert told["seed"] == 7
    assert told["precision"] == "float32"
    assert told["devices"] == ["device"]
    assert {"cmvq-keras", "keras", "numpy", "jax"} <= set(told["versions"])
    assert isinstance(told["command_line"], list)


def test_without_a_folder_the_run_gets_one_of_its_own(tmp_path, monkeypatch, recipe):
    monkeypatch.chdir(tmp_path)
    runs = [Run.create(None, recipe, "torch") for _ in range(3)]
    names = [run.directory.name for run in runs]
    assert len(set(names)) == 3
    assert all(name.startswith("planted-torch-2") for name in names)
    assert all(run.directory.parent.name == "runs" for run in runs)


def test_a_folder_with_a_run_is_never_overwritten(run, recipe):
    other = dataclasses.replace(recipe, title="another")
    with pytest.raises(FileExistsError, match="already holds a run"):
        Run.create(run.directory, other, "jax")
    assert run.recipe == recipe


def test_a_file_where_the_folder_should_be_is_refused(tmp_path, recipe):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        Run.create(tmp_path / "file", recipe, "jax")
    assert (tmp_path / "file").read_text() == "mine"


def test_open_gives_the_run_back(run, recipe):
    run.weights_path.write_bytes(b"weights")
    assert Run.open(str(run.directory)).recipe == recipe


def test_open_refuses_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run folder"):
        Run.open(tmp_path / "none")


def test_open_refuses_another_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no recipe\.json"):
        Run.open(tmp_path)


def test_open_refuses_a_run_without_weights(run):
    with pytest.raises(FileNotFoundError, match=r"holds no model\.weights\.h5"):
        Run.open(run.directory)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 99}', "\xff\xfe"])
def test_open_names_a_damaged_recipe(run, content):
    (run.directory / "recipe.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"recipe\.json"):
        Run.open(run.directory)


@pytest.mark.parametrize("name", ["environment.json", "metrics.json"])
@pytest.mark.parametrize("content", ["", '{"test": ', "[1]"])
def test_open_names_damaged_json(run, name, content):
    run.weights_path.write_bytes(b"weights")
    (run.directory / name).write_text(content)
    with pytest.raises(ValueError, match=name):
        Run.open(run.directory)


def test_metrics_are_plain_json_with_null_for_what_is_no_number(run):
    run.write_metrics(
        {
            "test": {"accuracy": np.float32(0.5), "n": np.int64(3)},
            "loss": math.nan,
            "worst": np.array([1.0, math.inf]),
        }
    )
    text = (run.directory / "metrics.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    expected = {"test": {"accuracy": 0.5, "n": 3}, "loss": None, "worst": [1.0, None]}
    assert json.loads(text) == expected == run.metrics
    assert list(run.metrics) == sorted(run.metrics)


def test_history_grows_by_one_line_an_epoch_with_one_header(run):
    path = run.directory / "history.csv"
    run.append_history({"epoch": 1, "loss": np.float32(0.5)})
    assert path.read_text() == "epoch,loss\n1,0.5\n"
    run.append_history({"loss": math.nan, "epoch": 2})
    assert path.read_text() == "epoch,loss\n1,0.5\n2,\n"
    assert run.history == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None}]


def test_an_epoch_without_a_validation_has_blanks(run):
    run.append_history({"epoch": 1, "loss": 0.5, "val_loss": 0.75, "zeta": 1.0})
    run.append_history({"epoch": 2, "loss": 0.25, "zeta": 0.5})
    path = run.directory / "history.csv"
    assert path.read_text() == "epoch,loss,val_loss,zeta\n1,0.5,0.75,1.0\n2,0.25,,0.5\n"
    assert run.history[1] == {"epoch": 2, "loss": 0.25, "val_loss": None, "zeta": 0.5}
    with pytest.raises(ValueError, match="has the columns epoch, loss, val_loss, zeta"):
        run.append_history({"epoch": 3, "loss": 0.5, "val_mae": 0.5, "zeta": 1.0})


def test_history_refuses_other_columns(run):
    run.append_history({"epoch": 1, "loss": 0.5})
    with pytest.raises(ValueError, match="has the columns epoch, loss"):
        run.append_history({"epoch": 2, "accuracy": 0.5})


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_history_is_cut_after_an_epoch_even_within_a_line(run, epochs):
    path, texts = run.directory / "history.csv", [b""]
    for epoch in (1, 2):
        run.append_history({"epoch": epoch, "loss": 0.1 * epoch})
        texts.append(path.read_bytes())
    path.write_bytes(path.read_bytes() + b"3,0.29")
    run.cut_history(epochs)
    assert (path.read_bytes() if path.exists() else b"") == texts[epochs]


def test_a_history_that_lacks_epochs_is_told(run):
    run.append_history({"epoch": 1, "loss": 0.5})
    with pytest.raises(ValueError, match="holds 1 of the 3 trained epochs"):
        run.cut_history(3)


def test_a_history_that_is_gone_is_told(run):
    with pytest.raises(ValueError, match=r"history.csv is missing; .* after epoch 3"):
        run.cut_history(3)
    run.cut_history(0)


def test_a_run_that_was_killed_before_its_recipe_was_written_starts_anew(run, recipe):
    folder = run.directory
    (folder / "recipe.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"stopped before it began.*--out"):
        Run.open_begun(folder)
    again = Run.create(folder, recipe, "torch")
    assert again.recipe == recipe
    assert again.environment["backend"] == "torch"


@pytest.mark.parametrize("name", ["history.csv", "metrics.json", "backup"])
def test_a_folder_without_a_recipe_that_holds_more_is_not_written_to(run, recipe, name):
    (run.directory / "recipe.json").unlink()
    (run.directory / name).mkdir()
    with pytest.raises(FileExistsError, match="already holds a run"):
        Run.create(run.directory, recipe, "torch")


def test_a_full_disk_leaves_no_half_line_in_the_history(run, monkeypatch):
    run.append_history({"epoch": 1, "loss": 0.5})
    before = (run.directory / "history.csv").read_bytes()

    def fsync(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        run.append_history({"epoch": 2, "loss": 0.25})
    assert (run.directory / "history.csv").read_bytes() == before


def test_what_a_killed_process_left_half_written_is_removed(run):
    backup = run.directory / "backup"
    backup.mkdir()
    left = [
        run.directory / ".metrics.json.123.tmp",
        run.directory / ".123.model.weights.h5",
        backup / ".state.h5.123.tmp",
    ]
    for path in left:
        path.write_bytes(b"half")
    with Run.resumed(run.directory):
        assert not any(path.exists() for path in left)


def test_only_a_run_that_was_begun_is_resumable(run):
    assert run.is_resumable
    run.weights_path.write_bytes(b"of `cmvq convert`")
    assert not run.is_resumable
    (run.directory / "backup").mkdir()
    assert run.is_resumable
    run.finish({"best_epoch": 1})
    assert not run.is_resumable
    assert not (run.directory / "backup").exists()


def test_what_is_not_as_it_was_is_told(run):
    settings = run.recipe.training
    noted = run.environment
    assert environment.differences(noted, settings) == []
    noted["versions"]["numpy"] = "1.0"
    noted["threads"] = 77
    told = environment.differences(noted, settings)
    assert told[0].startswith("threads was 77, is ")
    assert told[1].startswith("version of numpy was 1.0, is ")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_atomically(path, "old")

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_weights_are_saved_whole_or_not_at_all(run, monkeypatch):
    def break_off(handle):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(weights, "to_bytes", lambda model: b"weights")
    run.save_weights(None)
    monkeypatch.setattr(weights, "to_bytes", lambda model: b"others")
    monkeypatch.setattr(os, "fsync", break_off)
    with pytest.raises(OSError, match=r"disk full: .*model\.weights\.h5"):
        run.save_weights(None)
    assert run.weights_path.read_bytes() == b"weights"
    assert not list(run.directory.glob(".*"))


def test_weights_on_a_full_disk_are_told_before_hdf5_meets_it(run):
    resource = pytest.importorskip("resource", reason="not on this platform")
    model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(1000)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    run.save_weights(model)
    whole = run.weights_path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) - 1, before[1]))
    try:
        with pytest.raises(OSError, match=r"model\.weights\.h5"):
            run.save_weights(model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run.weights_path.read_bytes() == whole
    assert not list(run.directory.glob(".*"))


def test_two_runs_of_one_recipe_write_the_same_bytes(tmp_path, recipe):
    texts = [
        (Run.create(tmp_path / name, recipe, "jax").directory / run_module.RECIPE)
        for name in ("one", "two")
    ]
    assert texts[0].read_bytes() == texts[1].read_bytes()


def test_the_source_commit_is_told_from_a_checkout_only(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.cmvq_keras, "__file__", str(tmp_path / "p" / "x"))
    assert environment.source_commit() is None


def test_the_version_of_what_is_not_installed_is_none():
    assert environment.version("no-such-package-anywhere") is None
    assert environment.version("keras")
