"""No room, no inodes, no rights: one line with the name; what was there stays."""

import contextlib
import errno
import os
import shutil
import tempfile

import pytest
import tiny_sources
from command_line import error_of, invoke
from golden_numbers import draw_crema_d_state
from no_room import room

import cmvq_keras as cmvq
from cmvq_keras import cache_dir, recipes
from cmvq_keras.runs import checkpoint, stores
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

TRAIN = ("train", "--recipe", "planted", "--limit", 64, "--epochs", 1)


@contextlib.contextmanager
def refusing(number, after):
    """No file or folder is made any more in the block, after some.

    Args:
        number: of the error, as in `errno`.
        after: how many are.
    """
    left, real_open, real_mkdir = [after], os.open, os.mkdir

    def check(path):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number), os.fspath(path))

    def open_(path, flags, *arguments, **options):
        if flags & os.O_CREAT:
            check(path)
        return real_open(path, flags, *arguments, **options)

    def mkdir(path, *arguments, **options):
        check(path)
        return real_mkdir(path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_)
        patch.setattr(os, "mkdir", mkdir)
        yield


def contents(folder):
    """By path below a folder its bytes; none for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def run(trained, tmp_path):
    folder, _ = trained
    return shutil.copytree(folder, tmp_path / "run")


@pytest.mark.parametrize("size", [1, 1000, 20_000, 150_000])
def test_a_training_without_room(size, tmp_path, capfd):
    with room(size):
        told = error_of(*TRAIN, "--out", tmp_path / "run", code=1)
    assert str(tmp_path / "run") in told
    assert "File too large" in told
    assert "Traceback" not in "".join(capfd.readouterr())
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".tmp"]


@pytest.mark.parametrize("size", [1, 2000, 20_000, 150_000])
def test_the_last_checkpoint_stays(size, run, capfd):
    model = cmvq.build_model(Run(run).recipe)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    checkpoint.write(run, model, checkpoint.Position(1), {"kept": 1})
    before = contents(run)
    with room(size), pytest.raises(OSError, match=r"File too large: .*state\.h5"):
        checkpoint.write(run, model, checkpoint.Position(2), {"kept": 2})
    with room(size), pytest.raises(OSError, match=r"File too large: .*weights\.h5"):
        Run(run).save_weights(model)
    assert contents(run) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("words", ["evaluate", "report", "reconstruct", "predict"])
def test_what_reads_a_run_leaves_it_as_it_was(words, after, number, run, tmp_path):
    out = tmp_path / "out"
    options = {"reconstruct": ("--out", out), "predict": ("--output", out)}
    before = contents(run)
    with refusing(number, after):
        result = invoke(words, run, *options.get(words, ()))
    if result.exit_code:
        (line,) = result.stderr.strip().splitlines()[-1:]
        assert line.startswith(f"Error: {os.strerror(number)}: {tmp_path}")
    elif words != "report":
        assert contents(run) == before


@pytest.mark.parametrize(
    ("number", "after"), [(errno.ENOSPC, 2), (errno.EACCES, 0), (errno.EDQUOT, 4)]
)
def test_a_training_without_inodes_or_rights(number, after, tmp_path):
    with refusing(number, after):
        told = error_of(*TRAIN, "--out", tmp_path / "run", code=1)
    assert os.strerror(number) in told
    assert str(tmp_path / "run") in told


def test_a_conversion_without_room(tmp_path):
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(v) for name, v in draw_crema_d_state().items()}
    torch.save(state, tmp_path / "model.pt")
    out = tmp_path / "run"
    words = ("convert", tmp_path / "model.pt", "--recipe", "crema-d", "-o", out)
    for size in (1, 200_000):
        with room(size):
            told = error_of(*words, code=1)
        assert f"File too large: {out}" in told
        assert not set(contents(out)) - {"environment.json"}
    result = invoke(*words)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("size", [1, 2000, 20_000])
def test_a_store_of_the_cache_without_room(size, tmp_path, monkeypatch):
    monkeypatch.setenv("CMVQ_CACHE_DIR", str(tmp_path / "cache"))
    raw = tmp_path / "raw"
    tiny_sources.write_mnist(raw)
    tiny_sources.write_svhn(raw, 40, 20)
    words = ("train", "--recipe", "digits", "--limit", 20, "--data-dir", raw)
    with room(size):
        result = invoke(*words, "--out", tmp_path / "run")
    assert result.exit_code == 1
    *steps, told = result.stderr.strip().splitlines()
    assert steps == ["Preparing train"]
    assert told.startswith(f"Error: File too large: {tmp_path / 'cache'}")
    assert not (tmp_path / "run").exists()
    assert not list(cache_dir.stores().rglob("*.tmp"))
    assert not list(cache_dir.stores().rglob("manifest.json"))
    recipe = recipes.get("digits").with_settings({"training.limit": 20})
    store = stores.cached(recipe, DataSource(raw))
    assert store.folder.is_relative_to(tmp_path / "cache")
    assert len(store.split("train").samples) == 20


@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_store_without_inodes(after, tmp_path):
    words = ("prepare", "--recipe", "planted", "--limit", 64, "--out", tmp_path)
    with refusing(errno.ENOSPC, after):
        told = error_of(*words, code=1)
    assert f"No space left on device: {tmp_path}" in told
    assert invoke(*words).exit_code == 0


def test_no_temporary_folder_is_needed(monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/full")

    monkeypatch.setattr(tempfile, "mkdtemp", fail)
    monkeypatch.setattr(tempfile, "mkstemp", fail)
    assert invoke(*TRAIN, "--out", tmp_path / "run").exit_code == 0
    assert invoke("evaluate", tmp_path / "run").exit_code == 0
    told = error_of("reproduce", tmp_path / "run", code=1)
    assert told == "Error: No space left on device: /tmp/full"
