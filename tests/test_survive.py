"""Trainings that are killed, stopped, or run out of disk, and go on."""

import json
import os
import signal
import time

import keras
import killing
import numpy as np
import pytest
from command_line import error_of, invoke
from killing import ANY, WRITES

from cmvq_keras import checkpoint
from cmvq_keras.run import Run

EPOCHS = 4
BACKEND = keras.config.backend()


@pytest.fixture(autouse=True)
def _the_same_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", BACKEND)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = invoke(*killing.arguments(EPOCHS, folder))
    assert result.exit_code == 0, result.output
    return folder


def start(*words):
    process = killing.start(*words)
    return process, killing.Output(process)


def finish(folder):
    result = invoke("train", "--resume", folder)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_killed_training_ends_as_one_that_was_not(whole, tmp_path):
    told = killing.survive(tmp_path, whole, EPOCHS, kills=2, seconds=1.0)
    assert (told[ANY], told[WRITES]) == (1, 1)
    assert told["different"] == told["unreadable"] == []


@pytest.mark.long
def test_many_killed_trainings_end_as_one_that_was_not(tmp_path):
    kills = {"torch": 30}.get(BACKEND, 10)
    process, output = start(*killing.arguments(12, tmp_path / "whole"))
    assert process.wait(1200) == 0, output.lines[-5:]
    told = killing.survive(tmp_path, tmp_path / "whole", 12, kills, seconds=4.0)
    print("killed:", BACKEND, json.dumps(told))
    assert told[ANY] + told[WRITES] == kills
    assert told["different"] == told["unreadable"] == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_amid_the_epoch_and_says_how_to_go_on(whole, tmp_path, signum):
    if BACKEND != "torch" and signum == signal.SIGTERM:
        pytest.skip("the same code; one start of a process less")
    folder = tmp_path / "run"
    process, output = start(*killing.arguments(EPOCHS, folder))
    assert output.has("Epoch 2/")
    process.send_signal(signum)
    assert process.wait(120) == 128 + signum
    output.join(10)
    told = "".join(output.lines)
    assert f"Go on with: cmvq train --resume {folder}" in told
    assert "Traceback" not in told
    position, _ = checkpoint.read(folder)
    assert position.epoch >= 1
    finish(folder)
    assert killing.differences(whole, folder) == []
