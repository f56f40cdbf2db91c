"""Models without quantizers and decoders, through every command (docs/method.md, Table
4)."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import cmvq_keras as cmvq
from cmvq_keras import methods
from cmvq_keras.cli import main
from cmvq_keras.interop import convert
from cmvq_keras.models.weight_transfer import transfer
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.training import api

TINY = {
    "training.limit": 48,
    "training.epochs": 1,
    "training.batch_size": 16,
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.solver_units": 8,
}


def planted(method):
    recipe = cmvq.recipes.get("planted").with_settings(TINY)
    return methods.get(method).variants(recipe)[method]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the mask alone; tests must not train it on."""
    folder = tmp_path_factory.mktemp("without") / "run"
    return api.train(planted("no-reconstruction"), out=folder, verbose=False)


def called(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_the_run_has_no_trace_of_codes_and_reconstructions(run):
    names = set(run.history[0]) | set(run.metrics["test"])
    for kind in ("reconstruction", "quantizer", "perplexity"):
        assert not any(kind in name for name in names)
    assert run.metrics["codes_used"] == run.metrics["test"]["codes_used"] == {}
    assert not run.recipe.model.reconstruction


def test_evaluation_and_prediction_give_the_same_number_again(run):
    assert called("evaluate", run.directory).exit_code == 0
    again = Run.open(run.directory).metrics["test"]
    assert again["accuracy"] == run.metrics["test"]["accuracy"]
    split = cmvq.recipes.load_split(run.recipe, "test", limit=48)
    hits = cmvq.predict(run, split.x).argmax(axis=1) == split.y
    assert hits.mean() == pytest.approx(again["accuracy"])


def test_reconstruct_and_convert_refuse_in_one_line(run, tmp_path):
    found = called("reconstruct", run.directory, "-o", tmp_path / "out")
    assert found.exit_code != 0
    assert "must have decoders to rebuild its inputs" in found.output
    assert "Traceback" not in found.output
    model = load_model(run)
    with pytest.raises(ValueError, match="must have decoders"):
        convert.reference_state(model)
    x = cmvq.recipes.load_split(run.recipe, "test", limit=2).x
    for rebuild in (model.reconstruct, model.mix):
        with pytest.raises(ValueError, match="must have decoders"):
            rebuild(x)


def test_the_report_leaves_the_rebuilt_pictures_out(run, tmp_path):
    for package in ("matplotlib", "sklearn", "jinja2"):
        pytest.importorskip(package)
    found = called("report", run.directory, "-o", tmp_path)
    assert found.exit_code == 0, found.output
    assert not list((tmp_path / "figures").glob("decoded_*"))
    assert (tmp_path / "figures" / "mask.svg").exists()


def test_encoders_are_handed_on_and_a_whole_model_asks_for_more(run, tmp_path):
    source = load_model(run)
    target = cmvq.build_model(planted("all-features"))
    transfer(source, target)
    for name in target.modalities:
        for old, new in zip(
            source.encoders[name].weights, target.encoders[name].weights, strict=True
        ):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new)
            )
    with pytest.raises(ValueError, match="must have decoders and codebooks"):
        transfer(source, cmvq.build_model(planted("no-mask")))
    with pytest.raises(ValueError, match=r"model\.reconstruction is False there"):
        api.train(planted("no-mask"), out=tmp_path / "run", init_from=run.directory)


def test_a_saved_model_comes_back(run, tmp_path):
    model = load_model(run)
    x = cmvq.recipes.load_split(run.recipe, "test", limit=8).x
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert not copy.reconstructions
    out = model.predict(x, verbose=0)
    assert list(out) == ["task"]
    np.testing.assert_array_equal(copy.predict(x, verbose=0)["task"], out["task"])


@pytest.mark.parametrize("name", ["all-features", "no-mask"])
def test_without_a_mask_every_channel_counts(name):
    recipe = planted(name)
    model = cmvq.build_model(recipe)
    assert bool(model.reconstructions) == (name == "no-mask")
    found = model.complementarity()
    assert found["compl"] == {"image": 50.0, "audio": 50.0}
    assert found["zeta"] == 1.0
    paths = [variable.path for variable in model.trainable_variables]
    assert not any("channel_weights" in path for path in paths)


def test_all_features_sees_the_features_themselves():
    recipe = planted("all-features")
    model = cmvq.build_model(recipe)
    x = cmvq.recipes.load_split(recipe, "test", limit=4).x
    grids = [model.encoders[name](x[name]) for name in model.modalities]
    expected = model.solver(keras.ops.concatenate(grids, axis=-1))
    found = model(x)["task"]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected), 1e-5
    )


def test_cm_vq_vae_without_decoders_is_refused():
    with pytest.raises(ValueError, match="take MaskedClassifier"):
        cmvq.CMVQVAE({"image": layers.Dense(4)}, None, layers.Dense(2))


def test_recipes_of_older_runs_are_read():
    content = json.loads(cmvq.recipes.get("planted").to_json())
    del content["model"]["reconstruction"]
    assert Recipe.from_json(json.dumps(content)).model.reconstruction
