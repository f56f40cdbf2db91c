"""One training on several devices ends as on one; a lost process costs no work."""

import contextlib
import os
import pathlib
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import several_devices
from command_line import error_of

import cmvq_keras as cmvq
from cmvq_keras.backend.selection import number_of_devices
from cmvq_keras.batches import Batches
from cmvq_keras.distribution import replicas
from cmvq_keras.errors import TrainingInterruptedError
from cmvq_keras.evaluation import scores
from cmvq_keras.layers import VectorQuantizer
from cmvq_keras.runs import stores
from cmvq_keras.runs.checkpoint import Position
from cmvq_keras.runs.run import Run
from cmvq_keras.training import api
from cmvq_keras.training.checkpointing import Backup
from cmvq_keras.training.signals import Interruption

BACKEND = keras.config.backend()
SCRIPT = pathlib.Path(several_devices.__file__)
COUNTS = SCRIPT.parents[2] / "benchmarks" / "communication.py"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
#: The ways in which this backend trains on two devices.
WAYS = {"jax": ("devices", "processes"), "torch": ("torchrun",)}.get(
    BACKEND, ("devices",)
)


def _port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return str(found.getsockname()[1])


def _environments():
    """What tells each of two JAX processes of the other."""
    own = {
        "JAX_COORDINATOR_ADDRESS": f"localhost:{_port()}",
        "JAX_NUM_PROCESSES": "2",
    }
    return [{**own, "JAX_PROCESS_ID": index} for index in ("0", "1")]


def _started(words, folder, **environment):
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _start(way, folder, store):
    words = [SCRIPT, folder, store]
    if way == "processes":
        return [_started(words, folder, **each) for each in _environments()]
    if way == "torchrun":
        return [_started([*TORCHRUN, *words], folder)]
    return [_started(words if way is None else [*words, "2"], folder)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """By way the folder of finished trainings; None for one device."""
    root = tmp_path_factory.mktemp("trained")
    store = stores.prepare(several_devices.recipe(), out=root).folder
    found = {}
    for way in (None, *WAYS):
        found[way] = root / str(way)
        found[way].mkdir()
        if way:
            shutil.copytree(found[None] / "begun", found[way] / "resumed")
        for process in _start(way, found[way], store):
            told, _ = process.communicate(timeout=600)
            assert process.returncode == 0, told[-3000:]
    return found


def _end(folder, training):
    with np.load(folder / f"{training}.npz") as content:
        return dict(content)


@pytest.mark.slow(reason="trains on one device and on two, in new processes")
@pytest.mark.parametrize("training", ["run", "resumed"])
@pytest.mark.parametrize("way", WAYS)
def test_twenty_steps_end_with_the_weights_and_losses_of_one_device(
    folders, way, training
):
    one, two = _end(folders[None], training), _end(folders[way], training)
    assert one.keys() == two.keys()
    for name, values in one.items():
        # A batch's perplexity depends on the batch: only PyTorch shares out odd ones.
        if BACKEND != "torch" and name.startswith("log val_") and "perplexity" in name:
            continue
        np.testing.assert_allclose(two[name], values, rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.slow(reason="trains on one device and on two, in new processes")
@pytest.mark.parametrize("way", WAYS)
def test_no_code_was_chosen_otherwise(folders, way):
    one, two = (_end(folders[each], "run") for each in (None, way))
    counts = [name for name in one if name.endswith("ema_cluster_size")]
    assert len(counts) == 2
    for name in counts:
        # One vector that chose another code moves a count by 1 - decay, 0.01.
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-3)


@pytest.mark.slow(reason="trains on one device and on two, in new processes")
@pytest.mark.parametrize("way", WAYS)
def test_dead_codes_are_revived_as_on_one_device(folders, way):
    one, two = (_end(folders[each], "resumed") for each in (None, way))
    for name in ("image", "audio"):
        sizes = f"{name}_quantizer/ema_cluster_size"
        # Of 256 vectors that choose among 8 codes, in the last step.
        revived = np.isclose(one[sizes], 0.9 * 256 / 8)
        assert revived.any()
        assert np.array_equal(np.isclose(two[sizes], 0.9 * 256 / 8), revived)


@pytest.mark.slow(reason="trains on one device and on two, in new processes")
@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_measured_and_notes_its_devices(folders, way):
    one, two = (Run.open(folders[each] / "run") for each in (None, way))
    processes = 1 if way == "devices" else 2
    noted = two.environment
    assert (noted["replicas"], noted["processes"]) == (2, processes)
    assert (one.environment["replicas"], one.environment["processes"]) == (1, 1)
    for split in ("validation", "test"):
        for name in ("confusion", "per_class", "n", "codes_used"):
            assert one.metrics[split][name] == two.metrics[split][name]
        assert one.metrics[split]["loss"] == pytest.approx(
            two.metrics[split]["loss"], abs=1e-4
        )
    assert [len(run.history) for run in (one, two)] == [5, 5]


@contextlib.contextmanager
def _launched(words, folder):
    """A command with `--devices 2` once its training goes on: `(process, workers)`."""
    process = _started([*words, "--devices", "2"], folder)
    try:
        for line in process.stdout:
            if ": loss " in line:
                break
        workers = subprocess.check_output(["pgrep", "-P", str(process.pid)], text=True)
        yield process, list(map(int, workers.split()))
    finally:
        process.kill()


@contextlib.contextmanager
def _held(processes):
    """Holds processes, which would take their time from another."""
    for each in processes:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in processes:
            os.kill(each, signal.SIGCONT)


def _last_line(told):
    assert "Traceback" not in told
    *others, line = told.strip().splitlines()
    assert not any(each.startswith("Error: ") for each in others)
    return line


def _training(out):
    settings = {**several_devices.SETTINGS, "training.epochs": 200}
    words = [f"--set={name}={value}" for name, value in settings.items()]
    command = ["-m", "cmvq_keras.cli", "train", "--recipe", "planted"]
    return [*command, *words, "--out", out]


@pytest.mark.slow(reason="two processes are started and one is killed")
@pytest.mark.skipif(BACKEND != "jax", reason="PyTorch's is killed below")
def test_a_lost_jax_process_stops_the_other_with_one_line(tmp_path):
    run = tmp_path / "run"
    first, second = (
        _started(_training(run), tmp_path, **each) for each in _environments()
    )
    for line in first.stdout:
        if ": loss " in line:
            break
    second.send_signal(signal.SIGKILL)
    told, _ = first.communicate(timeout=300)
    assert first.returncode == 1
    line = _last_line(told)
    assert line.startswith("Error: Another process of this training, or the ")
    assert line.endswith(f"cmvq train --resume {run}")


@pytest.mark.slow(reason="processes are started, stopped and killed")
@pytest.mark.skipif(BACKEND != "torch", reason="one process per device")
def test_the_command_for_several_devices_ends_as_that_for_one(tmp_path):
    run = tmp_path / "run"
    recipe = several_devices.recipe()
    several_devices.begin(run, recipe.with_settings({"training.epochs": 200}))
    resume = ["-m", "cmvq_keras.cli", "train", "--resume", run]
    with _launched(resume, tmp_path) as (process, workers):
        taken = ["-m", "cmvq_keras.cli", "train", "--recipe", "planted", "--out", run]
        refused = _started([*taken, "--devices", "2"], tmp_path)
        with _held(workers):
            told, _ = refused.communicate(timeout=300)
        assert refused.returncode == 1
        assert "Another process" in told
        assert told.startswith("Error: ")
        assert told.count("\n") == 1
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert f"by Ctrl-C. Continue with: cmvq train --resume {run}" in _last_line(told)
    with _launched(resume, tmp_path) as (process, workers):
        os.kill(workers[0], signal.SIGKILL)
        told, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    line = _last_line(told)
    assert line.startswith("Error: Another process of this training, or the ")
    assert line.endswith(f"cmvq train --resume {run}")
    begun = len(Run.open(run).history)
    last = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: stop(last))
    assert cmvq.resume(run, callbacks=[last], verbose=False).is_finished
    # An epoch whose checkpoint the kill prevented is trained once more.
    assert len(Run.open(run).history) in (begun, begun + 1)


def stop(callback):
    """Ends a training after the epoch that it is in."""
    callback.model.stop_training = True


class Saved(Backup):
    """A `Backup` that writes nothing."""

    def write(self, model, step=0):
        self.position = Position(self.epoch, step)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_the_next_exchange_that_tells_it_to_all(monkeypatch, signum):
    signals = [signum]

    def total(numbers):
        # It comes when this process has given its part, and the others have theirs.
        if signals:
            os.kill(os.getpid(), signals.pop())
        return np.array(numbers, "float64")

    monkeypatch.setattr(replicas, "all_reduce_sum", total)
    with Interruption("runs/a") as interruption:
        run = types.SimpleNamespace(recipe=None, directory="runs/a")
        saved = Saved(run, None, [], interruption, 1e-9, Position(), {})
        saved.set_params({"steps": 9})
        saved.on_train_begin()
        saved.on_train_batch_end(0)
        assert interruption.requested == signum
        with pytest.raises(
            TrainingInterruptedError, match="after step 2 of epoch 1 by"
        ) as caught:
            saved.on_train_batch_end(1)
    assert caught.value.exit_code == 128 + signum


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_process_reads_its_rows_of_each_batch_alone(index):
    values, labels = np.arange(40.0)[:, None], np.arange(40)
    whole = Batches({"a": values}, labels, 12, shuffle_seed=3)
    own = Batches({"a": values}, labels, 12, shuffle_seed=3, process=(index, 3))
    assert len(own) == len(whole) == 3
    for number in range(3):
        rows = slice(4 * index, 4 * index + 4)
        x, y = own[number]
        assert np.array_equal(y, whole[number][1][rows])
        assert np.array_equal(x["a"], whole[number][0]["a"][rows])


def test_the_parts_of_a_last_batch_are_all_of_it():
    values, labels = np.arange(17.0)[:, None], np.arange(17)
    parts = [Batches({"a": values}, labels, 10, process=(i, 3)) for i in range(3)]
    last = [part[1][1].tolist() for part in parts]
    assert last == [[10, 11], [12, 13], [14, 15, 16]]


class Split:
    """Stands in for a split of so many samples."""

    def __init__(self, count):
        self.x, self.y = {"a": np.zeros((count, 1))}, np.zeros(count)


@pytest.mark.parametrize("count", [8, 9, 17, 24, 31, 64, 65, 100])
def test_evaluation_gives_every_device_a_part_of_every_batch(count, monkeypatch):
    monkeypatch.setattr(replicas, "count", 8)
    recipe = cmvq.recipes.get("planted").with_settings({"training.batch_size": 32})
    batches = scores.shared_batches(recipe, Split(count))
    sizes = [len(batches[index][1]) for index in range(len(batches))]
    assert sum(sizes) == count
    if BACKEND == "jax":
        assert batches.whole == bool(count % 8)
        assert batches.whole or all(size % 8 == 0 for size in sizes)
    elif BACKEND == "tensorflow":
        assert all(size % 8 == 0 for size in (sizes[0], *sizes[:-1]))
    else:
        assert min(sizes) >= 8


@pytest.mark.skipif(BACKEND == "jax", reason="JAX reads such a split whole")
def test_a_split_smaller_than_the_devices_is_refused(monkeypatch):
    monkeypatch.setattr(replicas, "count", 8)
    with pytest.raises(ValueError, match="8 devices cannot divide 7 samples"):
        scores.shared_batches(several_devices.recipe(), Split(7))


@pytest.mark.parametrize("devices", ["0", "-1", "two", "1.5", ""])
def test_a_wrong_number_of_devices_is_told(devices):
    with pytest.raises(ValueError, match="an integer >= 1, or all"):
        number_of_devices(devices)


@pytest.mark.skipif(BACKEND == "torch", reason="--devices starts processes")
def test_more_devices_than_there_are_are_refused(tmp_path):
    out = tmp_path / "run"
    words = ["train", "--recipe", "planted", "--devices", "4096", "--out", out]
    told = error_of(*words, code=1)
    assert "The number of devices must be at most" in told
    assert not out.exists()


def test_a_batch_that_the_devices_do_not_divide_is_refused(monkeypatch):
    monkeypatch.setattr(replicas, "count", 3)
    recipe = cmvq.recipes.get("planted").with_settings({"training.batch_size": 16})
    with pytest.raises(ValueError, match=r"must be a multiple of 3\. Received: 16"):
        api._check_replicas(recipe, None)


@pytest.mark.parametrize("method", ["gradient-blending", "ogm", "ogm-ge", "pmr"])
def test_a_method_for_one_device_is_refused_on_several(method, monkeypatch):
    monkeypatch.setattr(replicas, "count", 2)
    recipe = cmvq.recipes.get("planted").with_method(method)
    with pytest.raises(ValueError, match=f"{method} trains on one device only"):
        api._check_replicas(recipe, None)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="other backends can")
@pytest.mark.parametrize(
    ("name", "value"), [("accumulation_steps", 2), ("precision", "mixed_float16")]
)
def test_what_mirrored_devices_cannot_do_is_refused(name, value, monkeypatch):
    monkeypatch.setattr(replicas, "count", 2)
    recipe = several_devices.recipe().with_settings({f"training.{name}": value})
    with pytest.raises(ValueError, match=f"training.{name} must be .* on 2 devices"):
        api._check_replicas(recipe, None)


@pytest.mark.skipif(BACKEND != "torch", reason="JAX does not divide it, TensorFlow not")
def test_k_means_is_that_of_all_rows(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    rows = keras.ops.convert_to_tensor(rows.astype("float32"))
    layer = VectorQuantizer(4, start="kmeans", seed=0)
    layer.build(rows.shape)
    whole = layer._kmeans(keras.ops.concatenate([rows, rows]), rows[:4])
    # Two devices with the same rows: each sum is twice that of one.
    monkeypatch.setattr(replicas, "count", 2)
    monkeypatch.setattr(replicas, "sums", lambda *own: tuple(2 * each for each in own))
    shared = layer._kmeans(rows, rows[:4])
    start, shared, whole = map(keras.ops.convert_to_numpy, (rows[:4], shared, whole))
    np.testing.assert_allclose(shared, whole, rtol=0, atol=1e-5)
    assert np.abs(shared - start).max() > 0.1


@pytest.mark.skipif(BACKEND == "jax", reason="a step is one program over all devices")
def test_an_optimizer_that_is_compiled_twice_is_prepared_once(monkeypatch):
    monkeypatch.setattr(replicas, "count", 2)
    optimizer = keras.optimizers.SGD(global_clipnorm=4.0)
    replicas.prepare(optimizer)
    limit, apply = optimizer.global_clipnorm, optimizer.apply
    replicas.prepare(optimizer)
    assert optimizer.global_clipnorm == limit
    assert optimizer.apply is apply
    assert limit == (2.0 if BACKEND == "tensorflow" else 4.0)


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's versions")
def test_an_older_jax_is_told_no_more_than_it_takes():
    import jax

    from cmvq_keras.distribution.jax import _patience

    assert _patience(lambda num_processes=None: None) == {}
    assert _patience(lambda heartbeat_timeout_seconds=1: None) == {
        "heartbeat_timeout_seconds": 50
    }
    assert len(_patience(jax.distributed.initialize)) == 2


@pytest.mark.skipif(BACKEND != "torch", reason="it sums by itself")
def test_a_step_sums_what_the_benchmark_counts(monkeypatch):
    from cmvq_keras.distribution import torch

    if not COUNTS.exists():
        pytest.skip("benchmarks/ is not there")
    parts = runpy.run_path(str(COUNTS))["parts"]
    sent = []

    def all_reduce(tensor):
        sent.append(tensor.numel() * tensor.element_size())
        return tensor

    monkeypatch.setattr(replicas, "count", 2)
    monkeypatch.setattr(torch, "_all_reduce", all_reduce)
    recipe = several_devices.recipe().with_settings({"training.limit": 8})
    split = cmvq.recipes.load_split(recipe, "train", None, 8, None)
    model = cmvq.build_model(recipe)
    model.compile(keras.optimizers.SGD(0.001))
    for _ in range(2):
        sent.clear()
        batch = {name: values[:8] for name, values in split.x.items()}, split.y[:8]
        model.train_step(keras.tree.map_structure(keras.ops.convert_to_tensor, batch))
    # The last part is what callbacks tell.
    found = parts(model)[:-1]
    assert len(sent) == sum(part.messages for part in found)
    assert sum(sent) == sum(part.bytes for part in found)
