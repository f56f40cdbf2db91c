"""What is kept to save time, and where."""

import os
import subprocess
import sys

import keras
import pytest

from cmvq_keras import cache_dir
from cmvq_keras.backend import xla_flags
from cmvq_keras.backend.xla_flags import enable_compilation_cache

SCRIPT = """
from cmvq_keras.cli import options
options.start_backend(None)
import keras
print(float(keras.ops.sum(keras.ops.arange(5, dtype="float32"))))
"""
NO_ROOM = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, most))
"""


def run(folder, script=SCRIPT):
    """Computes something in a new process; what is then kept, by name."""
    own = {"CMVQ_CACHE_DIR": str(folder)}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**inherited, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == "10.0\n"
    assert "compilation cache" not in done.stderr
    found = folder.glob("compiled/*/*-cache")
    return {path.name: path.stat().st_mtime_ns for path in found}


def test_jax_compiles_once_for_all_processes(tmp_path):
    first = run(tmp_path)
    if keras.config.backend() != "jax":
        assert not first
        return
    assert first
    assert run(tmp_path) == first
    # What a killed process left half written is compiled again, without a word.
    for path in tmp_path.glob("compiled/*/*-cache"):
        path.write_bytes(path.read_bytes()[:40])
    run(tmp_path)
    # So is what a full disk does not take.
    pytest.importorskip("resource", reason="not on this platform")
    run(tmp_path / "full", NO_ROOM + SCRIPT)


def test_a_cache_that_cannot_be_read_stops_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    own = {"CMVQ_CACHE_DIR": str(tmp_path / "file")}
    monkeypatch.setattr(os, "environ", dict(own))
    enable_compilation_cache("jax")
    assert os.environ.keys() > own.keys()


@pytest.mark.parametrize(
    "name", ["JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"]
)
def test_a_users_own_choice_stays(monkeypatch, name):
    monkeypatch.setattr(os, "environ", {name: "mine"})
    enable_compilation_cache("jax")
    assert os.environ == {name: "mine"}


def test_one_of_several_processes_keeps_nothing(monkeypatch):
    own = {"JAX_COORDINATOR_ADDRESS": "localhost:12355"}
    monkeypatch.setattr(os, "environ", dict(own))
    enable_compilation_cache("jax")
    assert os.environ == own


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_other_backends_keep_nothing(monkeypatch, backend):
    monkeypatch.setattr(os, "environ", {})
    enable_compilation_cache(backend)
    assert os.environ == {}


def test_the_longest_unused_programs_go_first(monkeypatch, tmp_path):
    monkeypatch.setenv("CMVQ_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(xla_flags, "COMPILED_BYTES", 25)
    monkeypatch.setattr(os, "environ", {"CMVQ_CACHE_DIR": str(tmp_path)})
    folder = cache_dir.compiled()
    folder.mkdir(parents=True)
    for name, used in {"a": 3, "b": 1, "c": 2, "d": 4}.items():
        (folder / name).write_bytes(b"0123456789")
        os.utime(folder / name, (used, 5))
    (folder / "e").symlink_to(tmp_path)
    enable_compilation_cache("jax")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "d", "e"]


def test_everything_is_listed_and_cleared(monkeypatch, tmp_path):
    monkeypatch.setenv("CMVQ_CACHE_DIR", str(tmp_path))
    store = cache_dir.stores() / "digits-1" / "2"
    for folder in (store, cache_dir.compiled()):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"12345")
    (tmp_path / "other").write_bytes(b"a user's own")
    assert list(cache_dir.entries()) == [(store, 5), (cache_dir.compiled(), 5)]
    cache_dir.clear()
    assert list(cache_dir.entries()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
