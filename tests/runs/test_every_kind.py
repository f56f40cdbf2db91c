"""Every kind of modality in one run: trained, stopped and resumed, measured, predicted
from files, drawn, exported."""

import csv
import io

import keras
import numpy as np
import pytest
import soundfile
from command_line import invoke
from PIL import Image

import cmvq_keras as cmvq
from cmvq_keras.data import kinds
from cmvq_keras.data.kinds import tokens
from cmvq_keras.data.kinds.padded import pad
from cmvq_keras.data.store import contact_sheet, reader
from cmvq_keras.errors import TrainingInterruptedError

#: By kind: the shape, and the ending of its file.
KINDS = {
    "image": ((8, 12, 3), ".png"),
    "audio": ((8, 16, 1), ".wav"),
    "depth": ((8, 8, 1), ".npy"),
    "video": ((3, 8, 8, 1), ".npy"),
    "pose": ((16, 2, 3), ".npy"),
    "sequence": ((16, 3), ".csv"),
    "padded": ((16, 3), ".csv"),
    "tokens": ((16,), ".txt"),
    "vector": ((3,), ".csv"),
}
COUNTS = {"train": 16, "validation": 4, "test": 4}
SETTINGS = {
    "model.hidden_channels": 8,
    "model.embedding_dim": 4,
    "model.num_embeddings": 4,
    "model.head": "pooled",
    # An exported model keeps what the mask has not closed.
    "model.penalty_weight": 0.0,
    "training.batch_size": 8,
    "training.epochs": 2,
}


def test_no_kind_is_left_out():
    assert set(KINDS) == set(kinds.names())


def _values(kind, rng):
    shape, _ = KINDS[kind]
    if kinds.get(kind).counts_bytes:
        return rng.integers(0, 256, shape).astype(np.uint8)
    if kind == "tokens":
        return tokens.of_text(f"clip {rng.integers(1000)}", shape)
    if kind == "padded":
        return pad(rng.normal(size=(rng.integers(3, 17), shape[1] - 1)), shape[0])
    return rng.normal(size=shape).astype(np.float32)


def _write(kind, values, path):
    """A sample as a file of its kind."""
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    elif path.suffix == ".wav":
        soundfile.write(path, np.sin(np.arange(9000) * 0.3) * 0.5, 16_000)
    elif path.suffix == ".txt":
        path.write_text(tokens.to_text(values))
    elif path.suffix == ".csv":
        if kind == "padded":
            values = values[values[:, -1] > 0.5, :-1]
        np.savetxt(path, values, delimiter=",")
    else:
        np.save(path, values)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(9)
    found = {kind: folder / f"one{ending}" for kind, (_, ending) in KINDS.items()}
    found = {kind: path.with_stem(kind) for kind, path in found.items()}
    for kind, path in found.items():
        _write(kind, _values(kind, rng), path)
    return found


@pytest.fixture(scope="module")
def store(files, tmp_path_factory):
    """A store; the first test sample is that of the files."""
    rng, splits = np.random.default_rng(0), {}
    for split, count in COUNTS.items():
        x = {
            kind: np.stack([_values(kind, rng) for _ in range(count)]) for kind in KINDS
        }
        splits[split] = x, np.arange(count) % 2
    for kind, path in files.items():
        shape, ending = KINDS[kind]
        read = {".npy": lambda path, shape: np.load(path)}
        read |= kinds.get(kind).readers({})
        splits["test"][0][kind][0] = read[ending](path, shape)
    shapes = {kind: cmvq.Modality(shape, kind) for kind, (shape, _) in KINDS.items()}
    root = tmp_path_factory.mktemp("store")
    return cmvq.data.Store.create(root, (shapes, ("a", "b")), splits)


class Stop(keras.callbacks.Callback):
    """Ctrl-C in the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt


def train(store, out, **options):
    recipe = store.recipe.with_settings(SETTINGS)
    return cmvq.train(recipe, store=store, out=out, verbose=False, **options)


@pytest.fixture(scope="module")
def run(store, tmp_path_factory):
    """A training that was stopped after an epoch, and resumed."""
    out = tmp_path_factory.mktemp("runs") / "run"
    with pytest.raises((KeyboardInterrupt, TrainingInterruptedError)):
        train(store, out, callbacks=[Stop()])
    return cmvq.resume(out, verbose=False)


@pytest.mark.slow(reason="trains on nine kinds at once")
def test_a_resumed_run_of_all_kinds_is_measured_again(run):
    assert [line["epoch"] for line in run.history] == [1, 2]
    assert run.recipe.model.grid == 4
    again = cmvq.evaluate(run, without=["video", "padded"])
    assert again["loss"] == run.metrics["test"]["loss"]
    assert set(again["without"]) == {"video", "padded"}
    for kind in KINDS:
        assert np.isfinite(run.history[-1][f"val_{kind}_reconstruction_loss"])


@pytest.mark.once
@pytest.mark.slow(reason="trains nine kinds a second time")
def test_a_resumed_run_ends_as_one_that_was_not_stopped(run, store, tmp_path):
    whole = train(store, tmp_path / "whole")
    found = dict(run.metrics["test"])
    found.pop("without", None)  # which a report adds
    assert whole.metrics["test"] == found
    weights = [cmvq.load_model(each).get_weights() for each in (whole, run)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_files_of_all_kinds_are_predicted_as_in_the_store(run, store, files):
    inputs = [f"--input={kind}={path}" for kind, path in files.items()]
    done = invoke("predict", run.directory, *inputs)
    assert done.exit_code == 0, done.output
    (found,) = csv.DictReader(io.StringIO(done.stdout))
    x = reader.load(run.recipe, "test", store).x
    ((expected, _),) = cmvq.predict(run, {kind: x[kind][:1] for kind in KINDS})
    np.testing.assert_allclose(float(found["p_a"]), expected, atol=1e-4)


@pytest.mark.once
def test_all_kinds_are_drawn_in_sheet_report_and_pictures(run, store, tmp_path):
    pytest.importorskip("matplotlib")
    sheet = contact_sheet.draw(store, {"test": store.split("test")})
    assert sheet.height > len(KINDS) * 20
    page = cmvq.report(run, tmp_path / "report").read_text()
    for kind in KINDS:
        assert f"{kind}, rebuilt" in page
    done = invoke("reconstruct", run.directory, "-o", tmp_path / "pictures")
    assert done.exit_code == 0, done.output
    made = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert made == {
        f"{kind}_0_{version}.png" for kind in KINDS for version in ("original", "all")
    }


def test_all_kinds_are_exported(run, tmp_path):
    found = cmvq.export(run, tmp_path / "model.keras")
    assert found.differing == 0
    read = {name: about["kind"] for name, about in found.facts["inputs"].items()}
    # What the mask has closed altogether is no input.
    assert {**read, **{name: name for name in found.facts["dropped"]}} == {
        kind: kind for kind in KINDS
    }
    assert len(read) > len(KINDS) // 2
    if keras.config.backend() == "torch":
        pytest.importorskip("onnxruntime")
        onnx = cmvq.export(run, tmp_path / "model.onnx", format="onnx")
        assert onnx.differing == 0
