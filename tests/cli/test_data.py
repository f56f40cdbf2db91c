"""From raw files to a store, and from a store to a run, on the command line."""

import errno
import io
import json
import re
import shutil

import numpy as np
import pytest
import tiny_sources
from command_line import error_of, invoke
from PIL import Image

import cmvq_keras as cmvq
from cmvq_keras.data import Store
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

TINY = (
    "model.hidden_channels=8",
    "model.residual_channels=4",
    "model.embedding_dim=4",
    "model.num_embeddings=8",
    "model.solver_units=8",
    "training.batch_size=16",
    "training.epochs=2",
)
SETTINGS = [word for each in TINY for word in ("--set", each)]


def ran(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared") / "store"
    result = ran("prepare", "--recipe", "planted", "--limit", 50, "--out", root)
    assert f"Store: {root / 'planted'}" in result.stdout
    assert "Preparing train" in result.stderr
    return root


@pytest.fixture(scope="module")
def runs(root, tmp_path_factory):
    """One run from raw data and one from the store, of the same settings."""
    folder = tmp_path_factory.mktemp("runs")
    settings = [*SETTINGS, "--limit", 50]
    ran("train", "--recipe", "planted", *settings, "--out", folder / "raw")
    ran("train", "--store", root, *settings, "--out", folder / "stored")
    return Run.open(folder / "raw"), Run.open(folder / "stored")


@pytest.fixture
def copy(root, tmp_path):
    """A store that a test may damage."""
    return shutil.copytree(root / "planted", tmp_path / "planted")


def test_training_from_a_store_is_training_from_raw_files(runs):
    raw, stored = runs
    assert stored.history == raw.history
    seconds = {"training_seconds": raw.metrics["training_seconds"]}
    assert {**stored.metrics, **seconds} == raw.metrics
    assert stored.recipe == raw.recipe


def test_a_run_notes_its_store_but_not_in_its_recipe(runs, root):
    raw, stored = runs
    expected = Store.open(root).checksum
    assert stored.environment["store"]["folder"] == str((root / "planted").resolve())
    assert stored.environment["store"]["manifest"] == expected
    assert "store" not in raw.environment
    assert str(root) not in (stored.directory / "recipe.json").read_text()


def test_a_run_from_a_store_is_measured_on_it(runs, root):
    raw, stored = runs
    test = stored.metrics["test"]
    for options in ([], ["--store", root]):
        told = ran("evaluate", stored.directory, *options).output
        assert f"{100 * test['accuracy']:.2f} %" in told
    assert stored.metrics["test"] == test
    assert cmvq.evaluate(raw, store=root) == test
    from_store = ran("predict", stored.directory).stdout
    assert from_store.count("\n") == 51
    assert ran("predict", raw.directory, "--store", root).stdout == from_store
    assert ran("predict", raw.directory).stdout == from_store


def test_it_is_told_how_many_samples_were_left_out(copy, tmp_path):
    path, run = copy / "manifest.json", tmp_path / "run"
    content = json.loads(path.read_bytes())
    note = {"split": "test", "sample": "clip", "reason": "it is truncated"}
    path.write_text(json.dumps({**content, "left_out": [note]}))
    told = ran("train", "--store", copy, *SETTINGS, "--out", run).stdout
    assert re.search(r"Test samples +50\nTest skipped +1 \(cmvq data check", told)
    told = ran("evaluate", run).stdout
    assert re.search(r"Samples +50\nSkipped +1 \(", told)
    assert "Skipped" not in ran("evaluate", run, "--split", "validation").stdout
    assert Run.open(run).metrics["test"]["left_out"] == 1
    assert "left_out" not in Run.open(run).metrics["validation"]


def test_a_store_that_is_gone_or_another_one_is_told(runs, root, tmp_path):
    run = shutil.copytree(runs[1].directory, tmp_path / "run")
    environment = (run / "environment.json").read_text()
    gone = environment.replace(str(root), str(tmp_path / "gone"))
    (run / "environment.json").write_text(gone)
    told = error_of("evaluate", run, code=1)
    assert "which does not exist. Name one with --store" in told
    other = tmp_path / "gone"
    ran("prepare", "--recipe", "planted", "--limit", 60, "--out", other)
    assert "has changed since" in error_of("predict", run, code=1)
    ran("evaluate", run, "--store", other)
    (run / "environment.json").write_text('{"store": 7}')
    told = error_of("evaluate", run, code=1)
    assert "store must be a JSON object. Received: 7" in told


def test_a_store_has_to_fit_the_recipe(root, tmp_path):
    out = ["--out", tmp_path / "run"]
    told = error_of("train", "--store", root, "--limit", 60, *out, code=1)
    assert "the first 50 samples only (--limit 50)" in told
    told = error_of("train", "--store", root, "--set", "data.seed=1", *out, code=1)
    assert "data.seed is 0, not 1" in told
    told = error_of("train", "--store", root, "--recipe", "digits", *out, code=1)
    assert "it is of the recipe planted" in told
    assert "holds no store" in error_of("train", "--store", tmp_path, *out, code=1)
    assert not (tmp_path / "run").exists()


def test_wrong_calls_are_usage_errors(root):
    assert "--recipe" in error_of("train", code=2)
    both = ["--store", root, "--data-dir", root]
    assert "only one of" in error_of("train", *both, code=2)
    assert "only one of" in error_of("evaluate", "run", *both, code=2)
    assert "only one of" in error_of("predict", "run", *both, code=2)
    told = error_of("train", "--store", root, "--preset", "code", code=2)
    assert "--preset needs --recipe" in told
    assert "--out" in error_of("prepare", "--recipe", "planted", code=2)
    assert "chek" in error_of("data", "chek", code=2)


def test_prepare_tells_what_is_missing_and_overwrites_nothing(root, tmp_path):
    arguments = ["prepare", "--recipe", "planted", "--limit", 5, "--out", root]
    assert "already holds a store" in error_of(*arguments, code=1)
    raw = ["--data-dir", tmp_path, "--out", tmp_path / "store"]
    result = invoke("prepare", "--recipe", "digits", *raw)
    assert result.exit_code == 1
    assert "To get it: cmvq download mnist" in result.stderr
    assert not (tmp_path / "store" / "digits").exists()
    told = error_of("prepare", "--recipe", "planted", "--set", "a.b=1", *raw, code=1)
    assert "Unknown setting a.b" in told


def test_force_replaces_a_store(copy):
    root = copy.parent
    arguments = ["prepare", "--recipe", "planted", "--limit", 5, "--out", root]
    ran(*arguments, "--modality", "audio", "--force")
    assert not (copy / "train" / "image.npy").exists()
    assert len(Store.open(root).split("train")) == 5
    assert not list(root.glob(".*.partial")) + list(root.glob(".*.old"))


def test_one_modality_needs_no_other_source(tmp_path):
    tiny_sources.write_fsdd(tmp_path)
    arguments = ["--data-dir", tmp_path, "--out", tmp_path / "store"]
    ran("prepare", "--recipe", "av-digits", "--modality", "audio", *arguments)
    store = Store.open(tmp_path / "store")
    assert list(store.split("test").x) == ["audio"]


def test_check_tells_the_balance_and_draws_a_sheet(copy, tmp_path):
    told = ran("data", "check", copy).stdout
    assert f"No faults: {copy}" in told
    header, _, *rows = told.split("\n\n")[0].splitlines()
    assert header.split() == ["Class", "train", "validation", "test"]
    assert rows[-1].split() == ["all", "50", "50", "50"]
    ran("data", "check", copy, "-o", tmp_path / "sheet.png")
    sheet = (tmp_path / "sheet.png").read_bytes()
    assert (copy / "check.png").read_bytes() == sheet
    assert len(np.unique(np.asarray(Image.open(io.BytesIO(sheet))))) > 100


def test_check_lists_all_faults(copy):
    for split in ("train", "test"):
        path = copy / split / "image.npy"
        path.write_bytes(path.read_bytes()[:-4])
    (copy / "validation" / "labels.npy").unlink()
    result = invoke("data", "check", copy)
    assert result.exit_code == 1
    for name in ("train/image.npy", "test/image.npy", "validation/labels.npy"):
        assert f"Fault: {copy / name}" in result.stdout
    assert "Sheet of samples: none" in result.stdout
    assert result.stderr == f"Error: {copy} has 5 faults.\n"


def test_check_of_no_store_is_one_line(tmp_path):
    assert "holds no store" in error_of("data", "check", tmp_path, code=1)
    (tmp_path / "manifest.json").write_text("{")
    told = error_of("data", "check", tmp_path, code=1)
    assert "manifest.json is not a readable manifest" in told


def test_a_store_that_cannot_be_written_to_gets_its_verdict(
    copy, monkeypatch, tmp_path
):
    def read_only(path, content):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("cmvq_keras.fileio.write_atomically", read_only)
    told = ran("data", "check", copy).stdout
    assert "Sheet of samples: none:" in told
    assert "Read-only file system. Give another with -o." in told
    assert f"No faults: {copy}" in told
    # Asked for by name, a sheet that is not there is an error, after the verdict.
    result = invoke("data", "check", copy, "-o", tmp_path / "sheet.png")
    assert result.exit_code == 1
    assert f"No faults: {copy}" in result.stdout
    assert "There is no sheet of samples: none:" in result.stderr
    (copy / "train" / "labels.npy").write_bytes(b"damaged")
    assert "Fault: " in invoke("data", "check", copy).stdout
