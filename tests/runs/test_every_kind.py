"""Every kind of modality in one run, from the table of docs/examples/every_kind.py:
trained, stopped and resumed, measured, predicted from files, drawn, exported."""

import csv
import importlib.util
import io
import pathlib
import re

import keras
import numpy as np
import pytest
from command_line import invoke

import cmvq_keras as cmvq
from cmvq_keras.data import kinds, tables
from cmvq_keras.data.store import contact_sheet, reader
from cmvq_keras.errors import TrainingInterruptedError
from cmvq_keras.runs import tables as prepared_tables

EXAMPLE = pathlib.Path(__file__).parents[2] / "docs" / "examples" / "every_kind.py"
COUNT = 24
#: Smaller than by default: these are trained on each backend.
SHAPES = {"audio": (8, 16, 1), "sequence": (16, 3)}
SETTINGS = {
    "model.hidden_channels": 8,
    "model.embedding_dim": 4,
    "model.num_embeddings": 4,
    "model.head": "pooled",
    # Nothing closes a modality, which an exported model would do without.
    "model.penalty_weight": 0.0,
    "model.mask_start": 0.1,
    "training.batch_size": 8,
    "training.epochs": 2,
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The example's table, its kinds as its page says."""
    if not EXAMPLE.is_file():
        pytest.skip("docs/ is not there")
    spec = importlib.util.spec_from_file_location("every_kind", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    path = example.write(tmp_path_factory.mktemp("samples"), COUNT)
    return tables.open_table(path, example.TOLD, SHAPES)


def test_no_kind_is_left_out_and_each_column_is_of_its_own(table):
    found = {name: each.kind for name, each in table.recipe.modalities.items()}
    assert found == {kind: kind for kind in kinds.names()}


@pytest.mark.once
def test_the_page_of_the_example_says_its_kinds(table):
    page = (EXAMPLE.parents[1] / "own_data.md").read_text()
    command = page.partition("cmvq train --table samples/samples.csv")[2]
    told = dict(re.findall(r"--kind (\w+)=(\w+)", command.partition("\n\n")[0]))
    assert told == {name: name for name in ("depth", "pose", "padded", "tokens")}
    guessed = tables.open_table(table.path, told).recipe
    assert {name: each.kind for name, each in guessed.modalities.items()} == {
        kind: kind for kind in kinds.names()
    }


@pytest.fixture(scope="module")
def files(table, tmp_path_factory):
    """The files of the first test sample, one of each kind."""
    name = table.listings["test"].names[0]
    with table.path.open(newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["image"] == name)
    found = {key: table.path.parent / cell for key, cell in row.items()}
    found = {kind: found[kind] for kind in kinds.names() if kind in found}
    folder = tmp_path_factory.mktemp("files")
    # In the order of their columns' names, as a table's vectors are.
    numbers = [row[key] for key in sorted(row) if key.startswith("vector_")]
    for kind, name, text in (
        ("tokens", "note.txt", row["tokens"]),
        ("vector", "vector.csv", ",".join(numbers)),
    ):
        found[kind] = folder / name
        found[kind].write_text(text)
    return found


@pytest.fixture(scope="module")
def store(table, tmp_path_factory):
    return prepared_tables.prepare(table, tmp_path_factory.mktemp("store"))


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
    again = cmvq.evaluate(run, without=kinds.names())
    assert again["loss"] == run.metrics["test"]["loss"]
    assert set(again["without"]) == set(kinds.names())
    for kind in kinds.names():
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
    ((expected, _),) = cmvq.predict(run, {kind: x[kind][:1] for kind in kinds.names()})
    np.testing.assert_allclose(float(found["p_calm"]), expected, atol=1e-4)


@pytest.mark.once
def test_a_table_of_all_kinds_is_predicted_as_in_the_store(run, store, table):
    done = invoke("predict", run.directory, "--table", table.path)
    assert done.exit_code == 0, done.output
    found = [float(row["p_calm"]) for row in csv.DictReader(io.StringIO(done.stdout))]
    with table.path.open(newline="") as file:
        names = [row["image"] for row in csv.DictReader(file)]
    rows = [names.index(name) for name in store.split("test").samples]
    expected = cmvq.predict(run, reader.load(run.recipe, "test", store).x)
    np.testing.assert_allclose(np.array(found)[rows], expected[:, 0], atol=1e-4)


@pytest.mark.once
@pytest.mark.filterwarnings("error:constrained_layout")
def test_all_kinds_are_drawn_in_sheet_report_and_pictures(run, store, tmp_path):
    pytest.importorskip("matplotlib")
    sheet = contact_sheet.draw(store, {"test": store.split("test")})
    assert sheet.height > len(kinds.names()) * 20
    page = cmvq.report(run, tmp_path / "report").read_text()
    for kind in kinds.names():
        assert f"{kind}, rebuilt" in page
    done = invoke("reconstruct", run.directory, "-o", tmp_path / "pictures")
    assert done.exit_code == 0, done.output
    made = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert made == {
        f"{kind}_0_{version}.png"
        for kind in kinds.names()
        for version in ("original", "all")
    }


@pytest.mark.slow(reason="exports nine kinds")
def test_all_kinds_are_exported(run, tmp_path):
    found = cmvq.export(run, tmp_path / "model.keras")
    assert found.differing == 0
    read = {name: about["kind"] for name, about in found.facts["inputs"].items()}
    assert read == {kind: kind for kind in kinds.names()}
    if keras.config.backend() == "torch":
        pytest.importorskip("onnxruntime")
        onnx = cmvq.export(run, tmp_path / "model.onnx", format="onnx")
        assert onnx.differing == 0
