"""Vectors and texts from arrays to a verdict.

tests/runs/test_every_kind.py trains every kind on each backend.
"""

import keras
import numpy as np
import pytest

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.data.kinds import tokens
from cmvq_keras.data.store import contact_sheet, reader
from cmvq_keras.runs.run import Run

LENGTH = (32,)
SMALL = {
    "model.hidden_channels": 8,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.head": "pooled",
    # The exported model keeps every modality: nothing closes one in a few steps.
    "model.penalty_weight": 0.0,
    "training.batch_size": 32,
    "training.learning_rate": 3e-3,
    "training.epochs": 2,
    "training.augmentation": True,
}


def _breast_cancer():
    """The data set's columns in two groups: means, and what is worst."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    values = found.data.astype(np.float32)
    # What somebody could have noted of each.
    notes = [
        f"{('a larger', 'a smaller')[label]} one: {row % 97}"
        for row, label in enumerate(found.target)
    ]
    note = np.stack([tokens.of_text(text, LENGTH) for text in notes])
    x = {"mean": values[:, :10], "worst": values[:, 20:], "note": note}
    return x, found.target


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    x, labels = _breast_cancer()
    parts = {"train": slice(0, 320), "validation": slice(320, 400)}
    parts["test"] = slice(400, None)
    splits = {
        split: ({name: values[part] for name, values in x.items()}, labels[part])
        for split, part in parts.items()
    }
    shapes = {"mean": (10,), "worst": (10,), "note": cmvq.Modality(LENGTH, "tokens")}
    classes = ("malignant", "benign")
    root = tmp_path_factory.mktemp("store")
    return cmvq.data.Store.create(root, (shapes, classes), splits)


@pytest.fixture(scope="module")
def run(store, tmp_path_factory):
    recipe = store.recipe.with_settings(SMALL)
    out = tmp_path_factory.mktemp("runs") / "run"
    return cmvq.train(recipe, store=store, out=out, verbose=False)


@pytest.mark.once
def test_vectors_are_standardized_by_the_training_data_of_the_store(store):
    x, _ = _breast_cancer()
    train = x["mean"][:320].astype(np.float64)
    about = store.recipe.modalities["mean"]
    np.testing.assert_allclose(about.offset, train.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(about.scale, train.std(axis=0), rtol=1e-5)
    found = reader.load(store.recipe, "test", store).x["mean"][:]
    expected = (x["mean"][400:] - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.once
def test_a_store_of_vectors_and_texts_has_a_grid_and_a_sheet(store):
    assert store.recipe.model.grid == "auto"
    assert recipes.resolve(store.recipe, modality="mean").model.grid == 1
    assert recipes.resolve(store.recipe).model.grid == 4
    parts = {"test": store.split("test")}
    assert contact_sheet.draw(store, parts).width > 100


@pytest.mark.once
def test_a_run_on_vectors_is_measured_again(run):
    assert run.metrics["test"]["accuracy"] > 0.6
    assert len(run.history) == 2
    again = cmvq.evaluate(run)
    assert again["accuracy"] == run.metrics["test"]["accuracy"]


@pytest.mark.once
def test_a_vector_in_a_file_is_predicted_as_in_the_store(run, store, tmp_path):
    x, _ = _breast_cancer()
    files = {}
    for name in ("mean", "worst"):
        files[name] = tmp_path / f"{name}.csv"
        files[name].write_text(";".join(map(repr, x[name][400].tolist())))
    files["note"] = tmp_path / "note.txt"
    files["note"].write_text(tokens.to_text(x["note"][400]))
    read = {
        name: recipes.read_sample(run.recipe, name, path)[None]
        for name, path in files.items()
    }
    stored = reader.load(run.recipe, "test", store).x
    expected = cmvq.predict(run, {name: stored[name][:1] for name in stored})
    np.testing.assert_allclose(cmvq.predict(run, read), expected, atol=1e-4)


@pytest.mark.once
def test_a_run_on_vectors_is_drawn(run):
    pytest.importorskip("matplotlib")
    cmvq.report(run)
    assert (run.directory / "report.html").stat().st_size > 10_000


@pytest.mark.once
def test_a_run_on_vectors_is_exported(run, tmp_path):
    exported = cmvq.export(run, tmp_path / "model.keras")
    assert exported.differing == 0
    inputs = exported.facts["inputs"]
    assert {about["kind"] for about in inputs.values()} == {"vector", "tokens"}
    assert "normalization" in " ".join(
        layer.name for layer in keras.saving.load_model(exported.path).layers
    )


@pytest.mark.once
def test_onnx_takes_vectors(run, tmp_path):
    pytest.importorskip("onnxruntime")
    if keras.config.backend() != "torch":
        pytest.skip("PyTorch writes ONNX")
    assert cmvq.export(run, tmp_path / "model.onnx", format="onnx").differing == 0


@pytest.mark.once
def test_an_unmeasured_offset_is_told():
    modality = cmvq.Modality((3,), "vector", "auto", "auto")
    from cmvq_keras.data.split import normalize

    with pytest.raises(ValueError, match="not measured yet"):
        normalize(np.zeros((2, 3)), modality)


@pytest.mark.once
def test_opened_runs_know_their_numbers(run):
    found = Run.open(run.directory).recipe.modalities["mean"]
    assert found == run.recipe.modalities["mean"]
    assert isinstance(found.offset, tuple)


@pytest.mark.once
def test_texts_are_decoded_to_bytes(run, store):
    model = cmvq.load_model(run)
    x = reader.load(run.recipe, "test", store).x
    found = model.reconstruct({name: values[:4] for name, values in x.items()})
    assert found["note"].shape == (4, *LENGTH)
    assert np.array_equal(found["note"], np.clip(np.round(found["note"]), 0, 255))


def test_the_cross_entropy_of_bytes_is_numpys():
    decoder = cmvq.networks.TokenDecoder(4)
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 4, 256))
    labels = np.array([[65, 200, 0, 0], [1, 0, 0, 0]])
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    rows, places = np.nonzero(labels)
    expected = -np.log(shares[rows, places, labels[rows, places]]).mean() / np.log(256)
    found = decoder.reconstruction_loss(
        labels.astype(np.float32), logits.astype(np.float32)
    )
    np.testing.assert_allclose(float(found), expected, rtol=1e-5)
    same = decoder.to_values(logits.astype(np.float32))
    assert np.array_equal(np.asarray(same), logits.argmax(axis=-1))


@pytest.mark.once
def test_a_text_is_its_utf8_cut_and_filled():
    found = tokens.of_text("Grüße", (8,))
    assert tokens.to_text(found) == "Grüße"
    assert found[-1] == 0
    assert tokens.to_text(tokens.of_text("abcdefghij", (4,))) == "abcd"
    assert tokens.shape_of(["a" * 17, "b"]) == (32,)
    with pytest.raises(ValueError, match="empty"):
        tokens.of_text("  ", (8,))
