"""Stores that a training makes by itself, in the cache."""

import concurrent.futures
import logging
import os
import threading

import numpy as np
import pytest
import tiny_sources
from click.testing import CliRunner

import cmvq_keras as cmvq
from cmvq_keras import cache_dir, recipes
from cmvq_keras.cli import main
from cmvq_keras.runs import stores
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CMVQ_CACHE_DIR", str(tmp_path / "cache"))
    tiny_sources.write_mnist(tmp_path / "raw")
    tiny_sources.write_svhn(tmp_path / "raw", 40, 20)
    return tmp_path / "raw"


def recipe(**settings):
    settings = {key.replace("__", "."): value for key, value in settings.items()}
    return recipes.get("digits").with_settings({"training.limit": 20, **settings})


def test_a_store_is_made_once(root):
    told = []
    first = stores.cached(
        recipe(), DataSource(root, on_progress=lambda *about: told.append(about))
    )
    assert told[-1][0] == "test"
    again = stores.cached(
        recipe(training__epochs=3), DataSource(root, on_progress=pytest.fail)
    )
    assert again.folder == first.folder
    smaller = stores.cached(
        recipe(training__limit=10), DataSource(root, on_progress=pytest.fail)
    )
    assert smaller.folder == first.folder


def test_other_settings_and_other_files_give_another_store(root):
    first = stores.cached(recipe(), DataSource(root))
    found = {first.folder, stores.cached(recipe(data__seed=1), DataSource(root)).folder}
    found.add(stores.cached(recipe(training__limit=None), DataSource(root)).folder)
    # Pairs repeat samples: one modality alone is another data set.
    found.add(stores.cached(recipe().with_modality("svhn"), DataSource(root)).folder)
    assert len(found) == 4
    path = root / "mnist" / "mnist.npz"
    os.utime(path, ns=(1, 1))
    assert stores.cached(recipe(), DataSource(root)).folder not in found


def test_a_run_is_measured_on_the_cached_store_even_when_it_was_emptied(root, tmp_path):
    settings = {"training.limit": 20, "training.epochs": 1, "training.batch_size": 10}
    small = {"model.hidden_channels": 8, "model.num_embeddings": 8, "model.grid": 4}
    tiny = recipes.get("digits").with_settings({**settings, **small})
    run = cmvq.train(tiny, root, out=tmp_path / "run", verbose=False)
    noted = run.environment["store"]
    assert noted["data_dir"] == str(root.resolve())
    assert str(tmp_path / "cache") in noted["folder"]
    before = run.metrics["test"]
    for path in sorted((tmp_path / "cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert cmvq.evaluate(run, "test")["confusion"] == before["confusion"]
    named = cmvq.prepare(tiny, root, out=tmp_path / "named")
    runner = CliRunner()
    result = runner.invoke(main, ["evaluate", str(run.directory), "--store", tmp_path])
    assert result.exit_code == 1
    result = runner.invoke(
        main, ["evaluate", str(run.directory), "--store", str(named.folder.parent)]
    )
    assert result.exit_code == 0, result.output
    after = Run.open(run.directory).metrics["test"]
    np.testing.assert_allclose(after["loss"], before["loss"], rtol=1e-6)


@pytest.mark.parametrize("name", ["manifest.json", "train/mnist.npy", "test/meta.csv"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_store_in_the_cache_is_made_again(root, name, damage):
    path = stores.cached(recipe(), DataSource(root)).folder / name
    good = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(good[:-9])
    again = stores.cached(recipe(), DataSource(root))
    assert (again.folder / name).read_bytes() == good


def test_missing_raw_files_are_told_before_anything_is_written(root, tmp_path):
    (root / "svhn" / "test_32x32.mat").unlink()
    runner = CliRunner()
    arguments = ["train", "--recipe", "digits", "--data-dir", str(root)]
    result = runner.invoke(main, [*arguments, "--out", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "svhn/test_32x32.mat is not in" in result.stderr
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_the_cache_is_listed_and_cleared(root, tmp_path):
    runner = CliRunner()
    assert "Nothing in" in runner.invoke(main, ["data", "cache"]).output
    store = stores.cached(recipe(), DataSource(root))
    listed = runner.invoke(main, ["data", "cache"]).output
    assert str(store.folder.parent.relative_to(cache_dir.root())) in listed
    assert store.folder.is_dir()
    cleared = runner.invoke(main, ["data", "cache", "--clear"])
    assert "Removed from" in cleared.output
    assert not store.folder.exists()
    assert (root / "mnist" / "mnist.npz").is_file()


def test_a_file_rewritten_in_place_gives_another_store(root):
    tiny_sources.write_fsdd(root)
    pairs = recipes.get("av-digits").with_settings({"training.limit": 20})
    first = stores.cached(pairs, DataSource(root))
    assert stores.cached(pairs, DataSource(root)).folder == first.folder
    path = next((root / "fsdd" / "recordings").iterdir())
    folder_before = path.parent.stat().st_mtime_ns
    path.write_bytes(path.read_bytes() + b"\0\0")
    assert path.parent.stat().st_mtime_ns == folder_before
    assert stores.cached(pairs, DataSource(root)).folder != first.folder


def test_a_store_that_is_being_made_is_waited_for(root, monkeypatch, caplog):
    """Two that begin together: one prepares, the other waits and takes it."""
    monkeypatch.setattr(stores, "_POLL", 0.01)
    begun, waited = threading.Event(), threading.Event()
    written, create = [], stores._written

    def slowly(*arguments):
        begun.set()
        assert waited.wait(60)
        written.append(threading.get_ident())
        return create(*arguments)

    class Heard(logging.Handler):
        def emit(self, record):
            waited.set()

    monkeypatch.setattr(stores, "_written", slowly)
    heard = Heard()
    stores._LOG.addHandler(heard)
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            first = pool.submit(stores.cached, recipe(), DataSource(root))
            assert begun.wait(60)
            second = pool.submit(stores.cached, recipe(), DataSource(root))
            folders = {each.result().folder for each in (first, second)}
    finally:
        stores._LOG.removeHandler(heard)
    assert len(folders) == len(written) == 1
    assert "Another process is preparing this data" in caplog.text
