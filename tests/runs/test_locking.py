"""One process a run folder; signals. No Keras in here."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cmvq_keras import recipes
from cmvq_keras.errors import TrainingInterruptedError
from cmvq_keras.runs import environment
from cmvq_keras.runs.locking import alone, check_alone
from cmvq_keras.runs.run import Run
from cmvq_keras.training.signals import Interruption

pytestmark = pytest.mark.once

HOLDS = """
import sys, time
from cmvq_keras.locking import alone
with alone(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_process_is_refused_with_the_first_ones_id(holder, tmp_path):
    for attempt in (alone(tmp_path).__enter__, lambda: check_alone(tmp_path)):
        with pytest.raises(FileExistsError, match=rf"\(id {holder.pid}\) is using"):
            attempt()


def test_what_a_killed_process_leaves_locks_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / ".lock").exists()
    check_alone(tmp_path)
    with alone(tmp_path):
        assert (tmp_path / ".process").read_text().startswith(f"{os.getpid()} ")
        with pytest.raises(FileExistsError, match=f"id {os.getpid()}"):
            check_alone(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_trained_is_neither_begun_nor_resumed(
    tmp_path, monkeypatch, holder
):
    monkeypatch.setattr(environment, "device_names", lambda backend: ["device"])
    monkeypatch.setattr(environment, "_THREADS", {})
    recipe = recipes.get("planted")
    for _ in range(2):
        with pytest.raises(FileExistsError, match=f"id {holder.pid}"):
            Run.create(tmp_path, recipe, "jax")
        (tmp_path / "recipe.json").write_text(recipe.to_json())
    with pytest.raises(FileExistsError, match=f"id {holder.pid}"):
        Run.resumed(tmp_path).__enter__()


def _come(signum):
    os.kill(os.getpid(), signum)
    time.sleep(0.01)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_waits_where_someone_asks_for_it(signum, capfd):
    with Interruption("runs/a") as interruption:
        interruption.can_wait = True
        _come(signum)
        assert interruption.requested == signum
        with pytest.raises(TrainingInterruptedError, match="at once by") as caught:
            _come(signum)
    assert caught.value.exit_code == 128 + signum
    assert "cmvq train --resume runs/a" in str(caught.value)
    assert "A second one stops at once" in capfd.readouterr().err


def test_a_first_signal_stops_at_once_where_nobody_asks():
    before = signal.getsignal(signal.SIGTERM)
    with (
        Interruption("runs/a"),
        pytest.raises(TrainingInterruptedError, match="by SIGTERM"),
    ):
        _come(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption("runs/a"):
            _come(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
