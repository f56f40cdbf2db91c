"""Trainings that are killed, stopped, or run out of disk, and go on."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal

import keras
import killing
import numpy as np
import pytest
from command_line import error_of, invoke
from killing import ANY, WRITES

import cmvq_keras as cmvq
from cmvq_keras import fileio
from cmvq_keras.batches import Batches
from cmvq_keras.errors import DivergedError, TrainingInterruptedError
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs import checkpoint
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.training import reproduce

EPOCHS = 3
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


def finish(folder):
    result = invoke("train", "--resume", folder)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow(reason="a training is killed and continued twice")
def test_a_killed_training_ends_as_one_that_was_not(whole, tmp_path):
    told = killing.survive(tmp_path, whole, EPOCHS, kills=2, seconds=1.0, forked=True)
    assert (told[ANY], told[WRITES]) == (1, 1)
    assert told["different"] == told["unreadable"] == []


@pytest.mark.long(reason="trainings are killed ten or thirty times")
def test_many_killed_trainings_end_as_one_that_was_not(tmp_path):
    kills = {"torch": 30}.get(BACKEND, 10)
    whole, log = tmp_path / "whole", tmp_path / "log"
    process = killing.Process(*killing.arguments(12, whole), log=log, forked=True)
    assert process.wait() == 0, process.output
    told = killing.survive(tmp_path, whole, 12, kills, seconds=4.0, forked=True)
    print("killed:", BACKEND, json.dumps(told))
    assert told[ANY] + told[WRITES] == kills
    assert told["different"] == told["unreadable"] == []


@pytest.mark.parametrize(
    "signum",
    [
        signal.SIGINT,
        pytest.param(
            signal.SIGTERM,
            marks=[
                pytest.mark.slow(reason="a process is started, stopped and continued"),
                pytest.mark.once,
            ],
        ),
    ],
)
def test_a_signal_saves_within_the_epoch_and_says_how_to_go_on(whole, tmp_path, signum):
    folder = tmp_path / "run"
    words = killing.arguments(EPOCHS, folder)
    process = killing.Process(*words, log=tmp_path / "log", forked=True)
    assert process.prints("Epoch 2/"), process.output
    os.kill(process.pid, signum)
    assert process.wait() == 128 + signum
    told = process.output
    assert f"Continue with: cmvq train --resume {folder}" in told
    assert "Traceback" not in told
    position, _ = checkpoint.read(folder)
    assert position.epoch >= 1
    finish(folder)
    assert killing.differences(whole, folder) == []


class Dies(Exception):
    """Ends a training where no handler expects it."""


class At(keras.callbacks.Callback):
    """Does something before a step of an epoch, both counted from 1."""

    def __init__(self, epoch, step, action):
        super().__init__()
        self.place, self.action = (epoch, step), action
        self.trained = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1
        self.trained = self.model

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch + 1) == self.place:
            self.action()


def die():
    raise Dies


def signal_once():
    os.kill(os.getpid(), signal.SIGINT)


def signal_twice():
    signal_once()
    signal_once()


def recipe(epochs=EPOCHS, **settings):
    changed = {**killing.SETTINGS, "training.epochs": epochs, **settings}
    return cmvq.recipes.get("planted").with_settings(changed)


def train(folder, callbacks=(), **options):
    made = options.pop("made", None) or recipe()
    return cmvq.train(made, out=folder, callbacks=callbacks, verbose=False, **options)


def resume(folder, **options):
    return cmvq.resume(folder, verbose=False, **options)


@pytest.mark.slow(reason="a training is stopped and continued three times")
def test_it_goes_on_within_an_epoch_again_and_again(whole, tmp_path):
    folder, before = tmp_path / "run", signal.getsignal(signal.SIGINT)
    with pytest.raises(Dies):
        train(folder, [At(2, 4, die)], checkpoint_minutes=1e-9)
    position, _ = checkpoint.read(folder)
    assert (position.epoch, position.step) == (1, 3)
    assert len(Run(folder).history) == 1
    with pytest.raises(
        TrainingInterruptedError, match="after step 2 of epoch 3 by Ctrl-C"
    ):
        resume(folder, callbacks=[At(3, 2, signal_once)])
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    weights = (folder / "model.weights.h5").stat().st_size
    assert size < 3 * (weights + checkpoint.path(folder).stat().st_size)
    with pytest.raises(TrainingInterruptedError, match="at once by Ctrl-C"):
        resume(folder, callbacks=[At(3, 1, signal_twice)])
    position, _ = checkpoint.read(folder)
    assert (position.epoch, position.step) == (2, 2)
    resume(folder)
    assert killing.differences(whole, folder) == []
    assert not (folder / "backup").exists()
    assert signal.getsignal(signal.SIGINT) == before


SELDOM = {
    "training.validation_every": EPOCHS,
    "training.select_by": "last",
    "training.early_stopping": None,
}


@pytest.fixture(scope="module")
def seldom(tmp_path_factory):
    """A training that was never stopped, its second epoch without a validation."""
    folder = tmp_path_factory.mktemp("seldom") / "run"
    train(folder, made=recipe(**SELDOM))
    return folder


@pytest.mark.slow(reason="a training is stopped and continued")
def test_an_epoch_without_a_validation_has_blanks_and_goes_on(whole, seldom, tmp_path):
    for line, other in zip(Run(whole).history, Run(seldom).history, strict=True):
        validated = line["epoch"] in (1, EPOCHS)
        blank = {name for name in line if name.startswith("val_") and not validated}
        assert {name for name in line if other[name] is None} == blank
        # PyTorch's loader of validation data draws a number: the last epoch differs.
        same = line.keys() - blank if line["epoch"] < EPOCHS else {"epoch"}
        assert {name: other[name] for name in same} == {
            name: line[name] for name in same
        }
    assert Run(seldom).metrics["best_epoch"] == EPOCHS
    folder, made = tmp_path / "run", recipe(**SELDOM)
    with pytest.raises(Dies):
        train(folder, [At(2, 4, die)], made=made, checkpoint_minutes=1e-9)
    assert checkpoint.read(folder)[0].step == 3
    resume(folder)
    assert killing.differences(seldom, folder) == []


@pytest.mark.once
def test_before_the_first_checkpoint_it_starts_again(whole, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Dies):
        train(folder, [At(1, 2, die)])
    told = error_of(*killing.arguments(EPOCHS, folder), code=1)
    assert f"Continue it: cmvq train --resume {folder}" in told
    told = error_of("train", "--resume", folder, "--epochs", 3, code=2)
    assert "--resume reads all settings from RUN. Remove --epochs." in told
    noted = Run(folder).environment
    path = folder / "environment.json"
    path.write_text(json.dumps({**noted, "backend": "another"}))
    with pytest.raises(ValueError, match="was started on another"):
        resume(folder)
    path.write_text(json.dumps(noted))
    checkpoint.path(folder).write_bytes(b"no state")
    with pytest.raises(ValueError, match=r"state\.h5 is not a readable checkpoint"):
        resume(folder)
    shutil.rmtree(folder / "backup")
    resume(folder)
    assert killing.differences(whole, folder) == []
    assert "is finished. There is nothing to resume" in finish(folder)


@pytest.mark.once
def test_what_started_from_a_run_goes_on_without_it(whole, tmp_path):
    origin = tmp_path / "origin"
    shutil.copytree(whole, origin)
    options = {"made": recipe(1), "init_from": origin, "keep_mask": True}
    train(tmp_path / "one", **options)
    with pytest.raises(Dies):
        train(tmp_path / "two", [At(1, 2, die)], **options)
    shutil.rmtree(origin)
    resume(tmp_path / "two")
    assert killing.differences(tmp_path / "one", tmp_path / "two") == []


class Shift(keras.callbacks.Callback):
    """Moves a weight before each epoch, as a method may do."""

    # A name of its own, nothing that a checkpoint could keep.
    state = "shifting"

    def on_epoch_begin(self, epoch, logs=None):
        weights = self.model.mask.channel_weights
        weights.assign(keras.ops.convert_to_tensor(weights) + 0.001)


@pytest.mark.once
def test_what_callbacks_do_before_an_epoch_is_done_once(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    train(one, [Shift()], made=recipe(1))
    with pytest.raises(Dies):
        train(two, [Shift(), At(1, 3, die)], made=recipe(1), checkpoint_minutes=1e-9)
    assert checkpoint.read(two)[0].step == 2
    resume(two, callbacks=[Shift()])
    assert killing.differences(one, two) == []


def test_a_bad_batch_is_named_and_poisons_no_codebook(tmp_path, monkeypatch):
    original = Batches.__getitem__

    def read(batches, index):
        x, y = original(batches, index)
        if batches.shuffle_seed is not None and (batches.epoch, index) == (2, 2):
            x = {**x, "image": np.full_like(x["image"], np.nan)}
        return x, y

    monkeypatch.setattr(Batches, "__getitem__", read)
    at = At(0, 0, None)
    with pytest.raises(DivergedError) as caught:
        train(tmp_path / "run", [at])
    told = str(caught.value)
    assert "Training diverged in step 3 of epoch 2: first in " in told
    terms = re.search(r"first in (.*?)\. Lower", told).group(1)
    assert "image_reconstruction_loss (nan)" in terms
    assert "audio_reconstruction_loss" not in terms
    assert "after epoch 1, is kept" in told
    for name, quantizer in at.trained.quantizers.items():
        for variable in quantizer.weights:
            values = keras.ops.convert_to_numpy(variable)
            assert np.isfinite(values).all(), (name, variable.path)
    assert checkpoint.read(tmp_path / "run")[0].epoch == 1


@pytest.mark.once
def test_a_full_disk_leaves_what_was_there(whole, tmp_path, monkeypatch):
    folder, writes = tmp_path / "run", []

    @contextlib.contextmanager
    def replacing(path, root=None):
        with fileio.replacing(path, root) as file:
            yield file
            writes.append(path)
            if len(writes) == 3:
                raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "fileio", _Like(fileio, replacing=replacing))
        with pytest.raises(OSError, match="No space left") as caught:
            train(folder)
    told = str(caught.value)
    assert "after epoch 2 could not be written" in told
    assert f"cmvq train --resume {folder}" in told
    assert checkpoint.read(folder)[0].epoch == 1
    assert not list((folder / "backup").glob(".*"))
    # Best weights of the epoch before, readable.
    load_model(folder)
    resume(folder)
    assert killing.differences(whole, folder) == []


@pytest.mark.once
def test_a_record_goes_on_too_and_changes_no_result(whole, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Dies):
        train(folder, [At(3, 2, die)], made=recipe(**{"training.log": "csv"}))
    resume(folder)
    # Without the checksum of recipe.json, which has one more setting.
    assert reproduce.differences(Run.open(whole), Run.open(folder))[0] == []
    rows = (folder / "log.csv").read_text().splitlines()
    recorded = [row.split(",") for row in rows if row.startswith("epoch,")]
    assert [(int(epoch), name, float(value)) for _, epoch, name, value in recorded] == [
        (line["epoch"], name, value)
        for line in Run(folder).history
        for name, value in line.items()
        if name != "epoch"
    ]
    accuracy = Run(folder).metrics["test"]["accuracy"]
    assert f"final,,test.accuracy,{accuracy}" in rows


@pytest.mark.once
def test_a_resumed_training_says_where_it_is(tmp_path, capsys):
    folder = tmp_path / "run"
    with pytest.raises(Dies):
        train(folder, [At(2, 2, die)], checkpoint_minutes=1e-9)
    capsys.readouterr()
    cmvq.resume(folder)
    told = capsys.readouterr().out
    assert "Resuming after step 1 of epoch 2: epoch 2 of 3\n" in told
    assert told.count("Epoch 2/3") == told.count("Epoch 3/3") == 1


@pytest.mark.once
def test_a_training_goes_on_only_with_the_files_that_it_began_with(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Dies):
        train(folder, [At(2, 1, die)])
    files = {
        name: (folder / name).read_text()
        for name in ("history.csv", "recipe.json", "environment.json")
    }

    def refused(match):
        with pytest.raises(ValueError, match=match) as caught:
            resume(folder)
        assert "\n" not in str(caught.value)
        for name, text in files.items():
            (folder / name).write_text(text)

    (folder / "history.csv").unlink()
    refused("history.csv is missing; the checkpoint is after epoch 1")
    (folder / "history.csv").write_text(files["history.csv"].replace("\n1,", "\n1,9"))
    refused("history.csv has changed since the training began: the line of epoch 1")
    edited = {
        "training.seed": 1,
        "training.batch_size": 8,
        "training.learning_rate": 0.1,
        "model.threshold": 0.1,
    }
    changed = Run(folder).recipe.with_settings(edited)
    (folder / "recipe.json").write_text(changed.to_json())
    was = Run(folder).recipe.training
    refused(
        "recipe.json has changed since the training began: model.threshold was 0.005, "
        "is 0.1; training.batch_size was .*, is 8; training.learning_rate was .*, is "
        "0.1; training.seed was .*, is 1. Restore it"
    )
    assert Run(folder).recipe.training != was
    (folder / "environment.json").unlink()
    refused("environment.json does not say which backend")
    assert checkpoint.read(folder)[0].epoch == 1


@pytest.mark.once
@pytest.mark.parametrize("value", [False, True])
def test_a_training_of_0_1_0_goes_on_without_a_removed_setting(
    value, tmp_path, monkeypatch
):
    folder, to_json = tmp_path / "run", Recipe.to_json

    def as_it_was(recipe):
        content = json.loads(to_json(recipe))
        content["training"]["recompute"] = value
        return json.dumps(content)

    with monkeypatch.context() as patch:
        # Both recipe.json and the checkpoint hold it.
        patch.setattr(Recipe, "to_json", as_it_was)
        with pytest.raises(Dies):
            train(folder, [At(2, 1, die)])
    before = (folder / "recipe.json").read_bytes()
    assert b'"recompute"' in before
    assert cmvq.resume(folder).is_finished
    assert (folder / "recipe.json").read_bytes() == before
    # Finished, it has not changed either.
    assert cmvq.resume(folder).is_finished


@pytest.mark.once
def test_a_finished_run_is_as_its_training_left_it(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for name, change in (
        ("recipe.json", lambda text: text.replace('"epochs": 3', '"epochs": 4')),
        ("history.csv", lambda text: text.replace("\n2,", "\n2,1")),
        ("history.csv", None),
    ):
        text = (folder / name).read_text()
        if change is None:
            (folder / name).unlink()
        else:
            assert change(text) != text
            (folder / name).write_text(change(text))
        what = "is missing" if change is None else "has changed"
        with pytest.raises(ValueError, match=f"{name} {what} since the training ended"):
            resume(folder)
        assert f"{name} {what}" in error_of("train", "--resume", folder, code=1)
        (folder / name).write_text(text)
    metrics = Run(folder).metrics
    del metrics["checksums"]  # as version 0.1.0 wrote it
    Run(folder).write_metrics(metrics)
    (folder / "history.csv").unlink()
    assert resume(folder).is_finished


class _Like:
    """A module with other functions."""

    def __init__(self, module, **functions):
        self.__dict__.update(vars(module), **functions)


def test_reproduce_finds_the_same_and_what_differs(whole, tmp_path):
    result = invoke("reproduce", whole, "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    assert "Identical to the last digit" in result.output
    assert "Different from the original run" not in result.output
    other = tmp_path / "other"
    shutil.copytree(whole, other)
    metrics = Run(other).metrics
    metrics["test"]["loss"] += 1e-9
    Run(other).write_metrics(metrics)
    from cmvq_keras.training import reproduce

    runs = Run.open(other), Run.open(tmp_path / "again")
    ((name, then, now),), count = reproduce.differences(*runs)
    assert name == "test.loss"
    assert then != now
    assert count > 100
