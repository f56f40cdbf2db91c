"""`cmvq compare` and `cmvq sweep` from end to end, on tiny trainings."""

import contextlib
import csv
import importlib.util
import json
import os
import signal
import threading
import time

import dask_cluster
import killing
import numpy as np
import pytest
from command_line import error_of, invoke, shell

from cmvq_keras import recipes
from cmvq_keras.data import Store
from cmvq_keras.evaluation import missing_modality
from cmvq_keras.experiments import cluster as cluster_module
from cmvq_keras.experiments.trial import EpochReporter
from cmvq_keras.runs import locking
from cmvq_keras.runs.evaluate import evaluate
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.training import api as training

# Trainings on each backend are tested in tests/training and tests/methods.
pytestmark = pytest.mark.once

TINY = (
    *("--recipe", "planted", "--limit", 40, "--epochs", 1, "--batch-size", 20),
    *("--set", "model.hidden_channels=8", "--set", "model.residual_channels=4"),
    *("--set", "model.residual_layers=0", "--set", "model.num_embeddings=16"),
)
METHODS = ("--methods", "random-mask,ours", "--seeds", 2)
TRAINED = ("history.csv", "model.weights.h5")
TRIALS = [(label, seed) for seed in (0, 1) for label in ("random-mask", "ours")]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of two methods with two seeds, and what was printed."""
    out = tmp_path_factory.mktemp("made") / "compared"
    result = invoke("compare", *TINY, *METHODS, "--out", out)
    assert result.exit_code == 0, result.output
    return out, result


def _trial_files(out):
    return {
        (label, seed): (out / label / f"seed-{seed}" / "trial.json").stat().st_mtime_ns
        for label, seed in TRIALS
    }


def test_compare_trains_the_first_seeds_first_and_shows_a_table(compared):
    _, result = compared
    lines = result.stdout.splitlines()
    told = [line.partition(":")[0] for line in lines[:4]]
    assert told == [
        "[1/4] random mask, seed 0",
        "[2/4] ours, seed 0",
        "[3/4] random mask, seed 1",
        "[4/4] ours, seed 1",
    ]
    assert " left)" in lines[0]
    assert "\nmethod       seeds  accuracy (%)" in result.stdout
    assert "difference to" in result.stdout
    assert "\nSplit " in result.stdout


def test_compare_leaves_runs_tables_and_a_plot(compared):
    out, _ = compared
    drawn = {"table.png", "curves.png", "comparison.html"}
    names = {path.name for path in out.iterdir()} - {".lock", *drawn}
    tables = {"table.csv", "table.md", "table.tex", "trials.csv"}
    assert names == {"comparison.json", "random-mask", "ours", *tables}
    for label, seed in TRIALS:
        run = Run.open(out / label / f"seed-{seed}")
        assert set(run.metrics["test"]["without"]) == {"image", "audio"}
        assert run.recipe.training.seed == seed
        assert run.recipe.method == label


def test_the_score_is_the_runs_own_on_the_test_split(compared):
    out, _ = compared
    with (out / "trials.csv").open(newline="") as file:
        lines = {
            (line["label"], int(line["seed"])): line for line in csv.DictReader(file)
        }
    assert list(lines) == [
        (label, s) for label in ("random-mask", "ours") for s in (0, 1)
    ]
    for (label, seed), line in lines.items():
        run = Run.open(out / label / f"seed-{seed}")
        test = run.metrics["test"]
        assert float(line["accuracy"]) == pytest.approx(test["accuracy"], abs=1e-6)
        assert float(line["macro_f1"]) == pytest.approx(test["macro_f1"], abs=1e-6)
        assert int(line["n"]) == 40
        zeta = run.metrics["complementarity"]["zeta"]
        assert float(line["zeta"]) == pytest.approx(zeta)
        split = recipes.load_split(run.recipe, "test", limit=40)
        without = missing_modality.measure(
            load_model(run), run.recipe, split, ["image"]
        )
        alone = without["image"]["accuracy"]
        assert float(line["without_image"]) == pytest.approx(alone)
        model = load_model(run)
        trained = sum(np.prod(weight.shape) for weight in model.trainable_weights)
        assert int(line["parameters"]) == trained
        assert float(line["nll"]) == pytest.approx(test["task_loss"], rel=1e-4)
        on_validation = run.metrics["validation"]["accuracy"]
        assert float(line["validation"]) == pytest.approx(on_validation, abs=1e-6)
        # The one epoch is the best one and the last.
        assert line["last_score"] == line["accuracy"]
        on_train = evaluate(run, "train")["accuracy"]
        assert float(line["train_score"]) == pytest.approx(on_train, abs=1e-6)
        answering = sum(np.prod(w.shape) for w in model.inference_model().weights)
        assert int(line["inference_parameters"]) == answering


def test_a_finished_trial_is_kept_and_a_cut_one_done_again(compared):
    out, _ = compared
    cut = out / "ours" / "seed-1"
    before = _trial_files(out)
    kept = json.loads((cut / "trial.json").read_text())
    trained = [(cut / name).read_bytes() for name in TRAINED]
    (cut / "trial.json").unlink()
    (cut / "scrap").write_text("half a file")
    result = invoke("compare", *TINY, *METHODS, "--out", out)
    assert result.exit_code == 0, result.output
    told = [line for line in result.stdout.splitlines() if line.startswith("[")]
    assert [line.partition(":")[0] for line in told] == ["[4/4] ours, seed 1"]
    after = _trial_files(out)
    assert [key for key in before if before[key] != after[key]] == [("ours", 1)]
    assert not (cut / "scrap").exists()
    again = json.loads((cut / "trial.json").read_text())
    # It has compiled its own programs; before it had those of the first seed.
    assert {**again, "seconds": 0} == {**kept, "seconds": 0}
    assert [(cut / name).read_bytes() for name in TRAINED] == trained


def test_a_training_that_was_cut_off_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    tiny = [2 if each == 1 else each for each in TINY]  # epochs
    arguments = [*tiny, "--methods", "ours", "--seeds", 1, "--out"]
    begun = []

    def note(self, epoch, logs=None):
        begun.append(epoch)
        if stops and epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(EpochReporter, "on_epoch_begin", note)
    results = {}
    for name, stops in (("whole", False), ("cut", True), ("cut", False)):
        result = invoke("compare", *arguments, tmp_path / name)
        assert result.exit_code == (130 if stops else 0), result.output
        results[name] = tmp_path / name / "ours" / "seed-0"
    assert begun == [0, 1, 0, 1, 1]
    whole, cut = (json.loads((f / "trial.json").read_text()) for f in results.values())
    assert {**whole, "seconds": 0} == {**cut, "seconds": 0}
    histories = [(f / "history.csv").read_bytes() for f in results.values()]
    assert histories[0] == histories[1]


def _without_seconds(path):
    with path.open(newline="") as file:
        return [
            {name: text for name, text in line.items() if "seconds" not in name}
            for line in csv.DictReader(file)
        ]


@pytest.mark.slow(reason="four trainings, each in its own process")
def test_two_at_a_time_give_the_table_of_one_at_a_time(compared, tmp_path):
    one, first = compared
    two = tmp_path / "two"
    done = shell("compare", *TINY, *METHODS, "--jobs", 2, "--out", two, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "before absl" not in done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    expected = [line for line in first.stdout.splitlines() if line.startswith("[")]
    names = [
        sorted(line.partition(",")[0] for line in told) for told in (lines, expected)
    ]
    assert names[0] == names[1]
    for name in ("table.csv", "trials.csv"):
        assert _without_seconds(two / name) == _without_seconds(one / name)


@pytest.mark.slow(reason="processes are started and stopped")
def test_ctrl_c_stops_all_that_train_and_saves_them(tmp_path):
    out = tmp_path / "out"
    tiny = [9999 if each == 1 else each for each in TINY]  # epochs
    words = ["compare", *tiny, *METHODS, "--jobs", 2, "--out", out]
    process = killing.Process(*words, log=tmp_path / "log")
    runs = [out / label / "seed-0" for label in ("random-mask", "ours")]
    end = time.monotonic() + 200
    while time.monotonic() < end and not all(
        (run / "model.weights.h5").exists() for run in runs
    ):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(120) == 130, process.output
    assert "Give the same command to continue" in process.output
    assert "Traceback" not in process.output
    for run in runs:
        assert Run.open_begun(run).is_resumable
        # The lock of a process that lives on would be held.
        locking.check_alone(run)
    assert not list(out.glob("*/seed-1"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    pytest.importorskip("distributed")
    with dask_cluster.Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@contextlib.contextmanager
def _once(condition, action):
    """A context in which another thread does something, as soon as a condition's value
    is true; with it."""
    ended = threading.Event()

    def wait():
        while not ended.wait(0.005):
            if value := condition():
                action(value)
                return

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow(reason="a scheduler and two workers start and train")
def test_a_lost_workers_training_is_taken_over(compared, cluster, tmp_path):
    """Of a scheduler's two workers one is killed while it trains."""
    psutil = pytest.importorskip("psutil")
    one, _ = compared
    out = tmp_path / "out"
    run = out / "random-mask" / "seed-0"
    killed = []

    def holder():
        holds = Run(run).is_resumable and (run / locking.HOLDER).exists()
        return holds and int((run / locking.HOLDER).read_text().split()[0])

    def kill(pid):
        # The worker trains in a process that it has started.
        worker = psutil.Process(pid).ppid()
        os.kill(worker, signal.SIGKILL)
        killed.append((worker, (run / "trial.json").exists()))

    words = ["compare", *TINY, *METHODS[:2], "--seeds", 1, "--out", out]
    with _once(holder, kill):
        result = invoke(*words, "--cluster", cluster.address)
    assert result.exit_code == 0, result.output
    ((worker, had_ended),) = killed
    assert worker != os.getpid()
    assert not had_ended
    lines = [line for line in result.stdout.splitlines() if line.startswith("[")]
    names = {line.partition(":")[0] for line in lines}
    assert names == {"[1/2] random mask, seed 0", "[2/2] ours, seed 0"}
    expected = [
        line for line in _without_seconds(one / "trials.csv") if line["seed"] == "0"
    ]
    assert _without_seconds(out / "trials.csv") == expected
    # Nothing is left to be done: no worker is asked.
    again = invoke(*words, "--cluster", "tcp://127.0.0.1:9")
    assert again.exit_code == 0, again.output


@pytest.mark.slow(reason="a scheduler and two workers start and train")
def test_ctrl_c_saves_what_the_workers_train(cluster, tmp_path):
    out = tmp_path / "out"
    tiny = [9999 if each == 1 else each for each in TINY]  # epochs
    run = out / "random-mask" / "seed-0"
    words = ["compare", *tiny, *METHODS, "--cluster", cluster.address, "--out", out]
    with _once(
        (run / "history.csv").exists, lambda _: os.kill(os.getpid(), signal.SIGINT)
    ):
        result = invoke(*words)
    assert result.exit_code == 130, result.output
    assert "Give the same command to continue" in result.stderr
    end = time.monotonic() + 60
    while (run / locking.HOLDER).exists() and time.monotonic() < end:
        time.sleep(0.05)
    # The worker is free again, and what it did is kept.
    locking.check_alone(run)
    assert Run.open_begun(run).is_resumable
    assert not list(out.glob("*/*/trial.json"))


def test_a_cluster_that_is_not_there_is_told(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "_TO_CONNECT", 0.2)
    words = ["compare", *TINY, *METHODS, "--out", tmp_path / "out"]
    to = ["--cluster", "tcp://127.0.0.1:9"]
    told = error_of(*words, *to, code=1)
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in told
    assert "not both" in error_of(*words, *to, "--jobs", 2, code=2)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = error_of(*words, *to, code=1)
    assert "pip install 'cmvq-keras[cluster]'" in told


def test_other_settings_are_refused(compared):
    out, _ = compared
    changed = ["--set", "model.threshold=0.02"]
    told = error_of("compare", *TINY, *METHODS, *changed, "--out", out, code=1)
    assert "model.threshold is 0.005" in told


def test_a_trial_of_other_settings_is_refused(compared):
    out, _ = compared
    path = out / "ours" / "seed-0" / "recipe.json"
    before = path.read_text()
    path.write_text(before.replace('"dropout": 0.1', '"dropout": 0.2'))
    told = error_of("compare", *TINY, *METHODS, "--out", out, code=1)
    path.write_text(before)
    assert "was trained with other settings" in told


@pytest.fixture
def broken(monkeypatch):
    """Trainings end as a list says, in turn."""
    ends = []

    def train(recipe, data_dir, out, **_):
        out.mkdir(parents=True)
        (out / "history.csv").write_text("epoch\n1\n")
        raise ends.pop(0)

    monkeypatch.setattr(training, "train", train)
    return ends


def test_a_training_that_fails_is_recorded_and_the_rest_goes_on(broken, tmp_path):
    out = tmp_path / "out"
    broken += [ValueError("Training diverged:\nno epoch"), ValueError("worse")]
    arguments = ["compare", *TINY, *METHODS[:2], "--seeds", 1, "--out", out]
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert "[1/2] random mask, seed 0: failed: Training diverged: no epoch" in (
        result.stdout
    )
    assert "random-mask, seed 0, failed: Training diverged: no epoch" in result.stderr
    assert "No training has finished" in result.stderr
    assert not broken
    # It is not tried again: the list of ends is empty.
    assert invoke(*arguments).exit_code == 1
    assert "Training diverged" in (out / "trials.csv").read_text()


def test_what_ails_the_machine_ends_the_comparison(broken, tmp_path):
    broken += [OSError(28, "No space left on device", "disk")]
    arguments = [*TINY, *METHODS, "--out", tmp_path / "out"]
    assert "No space left" in error_of("compare", *arguments, code=1)
    assert not list(tmp_path.glob("out/*/*/failed.json"))


def test_ctrl_c_says_how_to_go_on(broken, tmp_path):
    broken += [KeyboardInterrupt()]
    out = tmp_path / "out"
    result = invoke("compare", *TINY, *METHODS, "--out", out)
    assert result.exit_code == 130
    assert "Give the same command to continue" in result.stderr
    assert "Interrupted." in result.stderr
    assert not list(out.glob("*/*/*.json"))


def test_a_wrong_call_is_told(tmp_path):
    out = ["--out", tmp_path / "out"]
    told = error_of("compare", *TINY, "--methods", "our", *out, code=1)
    assert "Did you mean ours?" in told
    assert "--recipe" in error_of("compare", *out, code=2)
    assert "--over" in error_of("sweep", *TINY, *out, code=2)
    seed = ["--set", "training.seed=3"]
    assert "--first-seed" in error_of("compare", *TINY, *seed, *out, code=2)
    over = ["--over", "training.epochs=1,2"]
    assert "set twice" in error_of("sweep", *TINY, *over, *out, code=2)
    told = error_of("compare", "--table-only", *out, code=1)
    assert "holds no comparison" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["compare", "sweep"])
def test_a_store_names_its_recipe(name, tmp_path):
    recipe = recipes.get("planted")
    splits = ("train", "validation", "test")
    loaded = {split: recipes.load_split(recipe, split, limit=40) for split in splits}
    parts = {split: (each.x, each.y, each.samples) for split, each in loaded.items()}
    store = Store.create(tmp_path / "store", recipe, parts).folder
    tiny = TINY[2:] if name == "sweep" else (*TINY[2:], "--methods", "ours")
    over = ("--over", "model.threshold=0.005") if name == "sweep" else ()
    out = ("--out", tmp_path / "out")
    result = invoke(name, "--store", store, *tiny, *over, "--seeds", 1, *out)
    assert result.exit_code == 0, result.output
    assert "planted (image and audio)" in result.stdout
    assert "without image (%)" in result.stdout
    preset = ("--store", store, "--preset", "paper")
    assert "needs --recipe" in error_of(name, *preset, *over, *out, code=2)


def test_sweep_from_end_to_end(tmp_path):
    out = tmp_path / "swept"
    over = ["--over", "model.threshold=0.005,0.05"]
    result = invoke("sweep", *TINY, *over, "--seeds", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert "\nmodel.threshold  seeds  accuracy (%)" in result.stdout
    assert "difference to" in result.stdout
    with (out / "table.csv").open(newline="") as file:
        found = {float(row["model.threshold"]): row for row in csv.DictReader(file)}
    assert set(found) == {0.005, 0.05}
    # Every weight starts at 0.01 and hardly moves in two steps.
    assert float(found[0.005]["compl_image"]) == 50
    assert float(found[0.05]["compl_image"]) == 0
    run = Run.open(out / "model.threshold=0.05" / "seed-0")
    assert run.recipe.model.threshold == 0.05
