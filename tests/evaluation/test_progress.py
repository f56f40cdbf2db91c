"""The line that an epoch shows."""

import sys
import types

import pytest

from cmvq_keras import fileio
from cmvq_keras.evaluation import progress

pytestmark = pytest.mark.once

LOGS = {"loss": 7.5043, "accuracy": 0.09375, "quantizer_loss": 3.0, "zeta": 1.0}
VALIDATION = {"val_loss": 6.28911, "val_accuracy": 0.15625, "val_task_loss": 2.0}


@pytest.fixture
def clock(monkeypatch):
    """A clock to set: one second, and then as many as it is given."""
    now = types.SimpleNamespace(seconds=1.0)
    fake = types.SimpleNamespace(monotonic=lambda: now.seconds)
    monkeypatch.setattr(progress, "time", fake)
    return now


def _train(clock, epochs, seconds, steps=2):
    """Trains for one time an epoch; five seconds lie between two."""
    callback = progress.BriefProgress(epochs)
    callback.set_params({"steps": steps})
    for epoch, duration in enumerate(seconds):
        callback.on_epoch_begin(epoch)
        for step in range(steps):
            clock.seconds += duration / steps
            callback.on_train_batch_end(step, LOGS)
        callback.on_epoch_end(epoch, {**LOGS, **VALIDATION})
        clock.seconds += 5


def test_a_file_gets_one_line_an_epoch_with_the_time_left(clock, capsys):
    _train(clock, 4, (60.0, 20.0, 30.0, 30.0))
    scores = "loss 7.504, accuracy 9.4 %; validation 6.289, 15.6 %"
    # Of the first epoch, which compiles, 3 times 60; then 2 times 20 + 5; then the
    # mean of 25 and 35.
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch 1/4: {scores}; 3 min left",
        f"Epoch 2/4: {scores}; 50 s left",
        f"Epoch 3/4: {scores}; 30 s left",
        f"Epoch 4/4: {scores}",
    ]


def test_a_terminal_draws_the_line_after_each_step(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    _train(clock, 2, (60.0,))
    drawn = [text.rstrip(" ") for text in capsys.readouterr().out.split("\r")]
    assert drawn[:3] == [
        "Epoch 1/2",
        "Epoch 1/2, step 1/2: loss 7.504, accuracy 9.4 %; 2 min left",
        "Epoch 1/2, step 2/2: loss 7.504, accuracy 9.4 %; 60 s left",
    ]
    # What is left of a longer line would stay; a folded one could not be drawn over.
    assert max(map(len, drawn)) <= 60
    assert drawn[3].startswith("Epoch 1/2: loss 7.504, accuracy 9.4 %; validation")


def test_segmentation_shows_its_mean_iou(clock, capsys):
    callback = progress.BriefProgress(1)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.9, "mean_iou": 0.25})
    assert capsys.readouterr().out == "Epoch 1/1: loss 1, mean IoU 25.0 %\n"


def test_a_line_that_an_error_leaves_open_is_closed(clock, capsys):
    with progress.BriefProgress(3) as callback:
        callback.on_epoch_begin(1)
    assert capsys.readouterr().out == "Epoch 2/3\n"


def test_times_are_told_in_round_units():
    told = [fileio.duration(value) for value in (4, 600, 36_000)]
    assert told == ["4 s", "10 min", "10.0 h"]
