"""What is kept to save time, and where."""

import os
import subprocess
import sys

import keras
import pytest

from cmvq_keras import cache_dir
from cmvq_keras.backend.xla_flags import enable_compilation_cache

SCRIPT = """
from cmvq_keras.cli import options
options.start_backend(None)
import keras
print(float(keras.ops.sum(keras.ops.arange(5, dtype="float32"))))
"""


def run(folder):
    """Computes something in a new process; what is then kept, by name."""
    own = {"CMVQ_CACHE_DIR": str(folder)}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**inherited, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == "10.0\n"
    found = folder.glob("compiled/*/*-cache")
    return {path.name: path.stat().st_mtime_ns for path in found}


def test_jax_compiles_once_for_all_processes(tmp_path):
    first = run(tmp_path)
    if keras.config.backend() != "jax":
        assert not first
        return
    assert first
    assert run(tmp_path) == first


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
