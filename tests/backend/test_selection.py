"""Which backend is taken, and when there is none to take."""

import os
import subprocess
import sys

import pytest

from cmvq_keras.backend import selection

pytestmark = pytest.mark.once


@pytest.fixture
def choose(monkeypatch, tmp_path):
    """`select_backend` with JAX and TensorFlow installed, Keras not loaded."""
    monkeypatch.setattr(selection, "_running_backend", lambda: None)
    monkeypatch.setattr(selection, "installed_backends", lambda: ("jax", "tensorflow"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')

    def choose(environment, requested=None):
        monkeypatch.setenv("KERAS_BACKEND", environment)
        return selection.select_backend(requested)

    return choose


def test_the_argument_comes_before_the_environment_and_that_before_the_file(choose):
    assert choose("jax") == "jax"
    assert choose("jax", "tensorflow") == "tensorflow"
    assert choose("") == "tensorflow"


@pytest.mark.parametrize("requested", [None, "torch"])
def test_a_backend_that_is_not_installed_is_no_other(choose, requested):
    with pytest.raises(ImportError, match=r"backend torch is not installed.*jax, ten"):
        choose("jax" if requested else "torch", requested)


def test_an_unknown_backend_is_told_with_where_it_was_named(choose):
    with pytest.raises(ValueError, match=r"KERAS_BACKEND must be one of.*: nonsense"):
        choose("nonsense")
    with pytest.raises(ValueError, match=r"The backend must be one of.*: nonsense"):
        choose("jax", "nonsense")
    # What is asked for explicitly is what counts.
    assert choose("nonsense", "jax") == "jax"


def test_a_command_stops_where_the_environment_names_no_backend(tmp_path):
    command = [sys.executable, "-m", "cmvq_keras", "train", "--recipe", "planted"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "nonsense"},
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: KERAS_BACKEND must be one of jax, tensor")
    assert not list(tmp_path.iterdir())


STARTED = """
import random, sys
from cmvq_keras.backend.selection import import_keras, set_random_seed
import_keras()
import keras, numpy
slow = {"sklearn", "matplotlib", "pandas", "tensorflow", "jax"}
set_random_seed(3)
print(sorted(slow & sys.modules.keys()))
def draws():
    drawn = keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist()
    return [drawn, random.random(), numpy.random.rand()]
own = draws()
for _ in range(2):  # the first imports TensorFlow where it is installed, which draws
    keras.utils.set_random_seed(3)
print(own == draws())
print([name for name, found in sys.modules.items() if name in slow and not found])
"""


def test_a_command_starts_without_what_keras_does_not_need(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )
    imported, same, hidden = done.stdout.splitlines()
    assert imported == "[]"
    assert same == "True"
    # A later import finds all of them.
    assert hidden == "[]"
