"""Models and runs of version 0.1.0 load, and compute what they computed then.

tests/fixtures/models-0.1.0 was written by that version on PyTorch: `.keras` files of
tiny models, run folders of tiny trainings as zip files, and in expected.npz the inputs,
logits and losses.
"""

import json
import pathlib
import zipfile

import keras
import numpy as np
import pytest

import cmvq_keras as cmvq
from cmvq_keras import methods
from cmvq_keras.methods import late_fusion
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.networks import PooledEncoder, ResidualEncoder
from cmvq_keras.runs.load import load_model

FOLDER = pathlib.Path(__file__).parents[1] / "fixtures" / "models-0.1.0"
LABELS = np.array([0, 1, 2, 0, 1, 2], "int32")
MODELS = sorted(path.stem for path in FOLDER.glob("*.keras"))
RUNS = sorted(path.stem.removeprefix("run-") for path in FOLDER.glob("run-*.zip"))


@pytest.fixture(scope="module")
def expected():
    with np.load(FOLDER / "expected.npz") as content:
        return dict(content)


def inputs(expected):
    return {name: expected[name] for name in ("image", "audio")}


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_predicts_what_it_did(name, expected):
    model = load_model(FOLDER / f"{name}.keras")
    found = model.predict(inputs(expected), verbose=0)["task"]
    np.testing.assert_allclose(found, expected[f"{name}/task"], rtol=1e-4, atol=1e-5)
    logs = model.evaluate(inputs(expected), LABELS, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(float(expected[f"{name}/loss"]), rel=1e-4)


@pytest.mark.parametrize("value", [False, True])
def test_a_saved_model_is_read_without_a_removed_argument(value, expected, tmp_path):
    path = tmp_path / "model.keras"
    with (
        zipfile.ZipFile(FOLDER / "default.keras") as old,
        zipfile.ZipFile(path, "w") as new,
    ):
        for name in old.namelist():
            text = old.read(name)
            if name == "config.json":
                content = json.loads(text)
                assert content["config"]["recompute"] is False
                content["config"]["recompute"] = value
                text = json.dumps(content)
            new.writestr(name, text)
    found = load_model(path).predict(inputs(expected), verbose=0)["task"]
    plain = load_model(FOLDER / "default.keras").predict(inputs(expected), verbose=0)
    np.testing.assert_array_equal(found, plain["task"])


def test_a_removed_argument_is_refused():
    dense = keras.layers.Dense
    with pytest.raises(ValueError, match="recompute"):
        cmvq.CMVQVAE({"a": dense(3)}, {"a": dense(3)}, dense(2), recompute=True)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_goes_on_training_and_is_saved_again(name, expected, tmp_path):
    model = load_model(FOLDER / f"{name}.keras")
    model.fit(inputs(expected), LABELS, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = load_model(tmp_path / "model.keras")
    assert type(copy) is type(model)
    for old, new in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new)
        )


def test_a_model_without_decoders_is_a_masked_classifier(expected):
    model = load_model(FOLDER / "no-reconstruction.keras")
    assert type(model) is MaskedClassifier
    found = model.complementarity()
    assert found["counts"] == {"image": 2, "audio": 3}
    assert not model.reconstructions


def small_encoder(recipe, name):
    grid = ResidualEncoder(8, 4, 0, num_stages=2, embedding_dim=4)
    return PooledEncoder(grid, name=f"{name}_encoder")


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_measured_with_the_same_numbers(name, tmp_path, monkeypatch):
    # The fixtures' late fusions have a small encoder in the place of ResNet18.
    monkeypatch.setattr(late_fusion, "encoder", small_encoder)
    with zipfile.ZipFile(FOLDER / f"run-{name}.zip") as content:
        content.extractall(tmp_path)
    noted = json.loads((tmp_path / name / "metrics.json").read_text())
    measured = cmvq.evaluate(tmp_path / name)
    assert measured["confusion"] == noted["test"]["confusion"]
    assert measured["loss"] == pytest.approx(noted["test"]["loss"], rel=1e-4)
    model = load_model(tmp_path / name)
    assert model.complementarity() == noted["complementarity"]


def test_there_is_a_file_of_each_kind():
    assert set(RUNS) <= {*methods.names(), "modality-dropout"}
    assert {"default", "gradient-blending", "ogm", "pmr"} <= set(MODELS)
