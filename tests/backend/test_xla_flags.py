"""Switches for less memory: set where they are known, and no user's choice is lost."""

import os
import subprocess
import sys

import keras
import pytest

from cmvq_keras.backend import xla_flags

CHOICE = "--xla_cpu_scheduler_type=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"


def flags(monkeypatch, backend="jax", version="0.10.2", **environment):
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr(xla_flags.metadata, "version", lambda name: version)
    xla_flags.set_xla_memory_scheduler(backend)
    return environment.get("XLA_FLAGS")


def test_the_order_is_chosen_beside_a_users_other_flags(monkeypatch):
    assert flags(monkeypatch) == CHOICE
    assert flags(monkeypatch, XLA_FLAGS="--other=1") == f"--other=1 {CHOICE}"


def test_nothing_is_set_twice_or_where_it_is_not_known(monkeypatch):
    own = CHOICE.replace("MEMORY", "CONCURRENCY")
    assert flags(monkeypatch, XLA_FLAGS=own) == own
    assert flags(monkeypatch, version="0.5.3") is None
    assert flags(monkeypatch, version="0.11.0") is None
    assert flags(monkeypatch, backend="torch") is None


def test_without_jax_nothing_is_set(monkeypatch):
    def missing(name):
        raise xla_flags.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(xla_flags.metadata, "version", missing)
    xla_flags.set_xla_memory_scheduler("jax")
    assert os.environ == {}


PEAK = """
import sys
from cmvq_keras.backend import xla_flags
if sys.argv[1] == "spared":
    xla_flags.set_xla_memory_scheduler("jax")
import jax
import jax.numpy as jnp

def many(x):
    return sum(jnp.sum(jnp.sin(x + k) @ jnp.cos(x - k)) for k in range(8))

program = jax.jit(many).lower(jnp.ones((256, 256))).compile()
print(program.memory_analysis().temp_size_in_bytes)
"""


@pytest.mark.skipif(keras.config.backend() != "jax", reason="XLA is JAX's")
def test_this_jax_knows_the_flag_and_takes_less_memory():
    def peak(how):
        environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
        command = [sys.executable, "-c", PEAK, how]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    assert peak("spared") <= 0.6 * peak("plain")
