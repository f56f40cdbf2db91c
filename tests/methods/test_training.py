"""Late fusion and the baselines on it, from recipe to run and back."""

import math

import keras
import numpy as np
import pytest

import cmvq_keras as cmvq
from cmvq_keras import methods, recipes
from cmvq_keras.methods import gradient_blending as blending
from cmvq_keras.methods import late_fusion
from cmvq_keras.networks import PooledEncoder, ResidualEncoder
from cmvq_keras.runs.evaluate import evaluate
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.training import api

BASELINES = (
    "late-fusion",
    "late-fusion-linear",
    "gradient-blending",
    "ogm",
    "ogm-ge",
    "pmr",
)
RESNET18 = late_fusion.encoder  # before any test puts a small one in its place
TINY = {"training.limit": 32, "training.epochs": 2, "training.batch_size": 8}


def small_encoder(recipe, name):
    grid = ResidualEncoder(8, 4, 1, num_stages=2, embedding_dim=16)
    return PooledEncoder(grid, name=f"{name}_encoder")


def variant(name, recipe="planted", settings=TINY):
    changed = cmvq.recipes.get(recipe).with_settings(settings)
    return methods.get(name).variants(changed)[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A tiny run of each method, with small encoders in the place of ResNet18."""
    folder = tmp_path_factory.mktemp("baselines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(late_fusion, "encoder", small_encoder)
        yield {
            name: api.train(variant(name), out=folder / name, verbose=False)
            for name in BASELINES
        }


@pytest.mark.slow(reason="a training of each method")
@pytest.mark.parametrize("name", BASELINES)
def test_a_run_is_measured_again_with_the_same_numbers(name, runs):
    before = runs[name].metrics["test"]
    after = evaluate(runs[name].directory)
    assert after["accuracy"] == before["accuracy"]
    assert after["confusion"] == before["confusion"]
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-5)
    assert runs[name].recipe.method == name
    assert runs[name].metrics["complementarity"]["zeta"] == 1.0
    x = recipes.load_split(runs[name].recipe, "test", limit=32).x
    classes = cmvq.predict(runs[name], x).argmax(axis=1)
    hits = classes == recipes.load_split(runs[name].recipe, "test", limit=32).y
    assert hits.mean() == pytest.approx(after["accuracy"])


def test_ges_noise_is_another_with_another_seed(monkeypatch):
    monkeypatch.setattr(late_fusion, "encoder", small_encoder)
    recipe = variant("ogm-ge")
    model = cmvq.build_model(recipe)
    for seed in (0, 3):
        seeded = recipe.with_settings({"training.seed": seed})
        inner = keras.optimizers.SGD()
        optimizer = methods.get("ogm-ge").optimizer(inner, model, seeded)
        assert optimizer.seed == seed
        assert optimizer.noise


@pytest.mark.slow(reason="a training of each method")
def test_gradient_blending_notes_the_weights_that_its_model_keeps(runs):
    run = runs["gradient-blending"]
    noted = run.environment["gradient_blending"]
    model = load_model(Run.open(run.directory))
    kept = keras.ops.convert_to_numpy(model.blend)
    # The file sorts its keys.
    expected = [noted["weights"][name] for name in (*model.modalities, blending.JOINT)]
    np.testing.assert_allclose(kept, expected, rtol=1e-6)
    assert math.isclose(sum(expected), 1.0)
    again = blending.blend_weights(noted["generalization"], noted["overfitting"])
    assert again == pytest.approx(noted["weights"])
    last = run.history[-1]
    heads = [last[f"{name}_task_loss"] for name in model.modalities]
    total = np.dot(kept, [*heads, last["task_loss"]])
    assert last["loss"] == pytest.approx(total, rel=1e-4)


@pytest.mark.slow(reason="a training of each method")
def test_pmrs_run_keeps_its_prototypes(runs):
    model = load_model(runs["pmr"])
    assert np.all(keras.ops.convert_to_numpy(model.prototypes).any(axis=(0, 2)))


@pytest.mark.slow(reason="a training of each method")
def test_ogm_logs_its_coefficients(runs):
    for name in ("ogm", "ogm-ge"):
        for row in runs[name].history:
            found = [row[f"{m}_coefficient"] for m in ("image", "audio")]
            assert 0 < min(found) <= max(found) <= 1


@pytest.mark.slow(reason="a training of each method")
def test_a_models_configuration_brings_it_back(runs, tmp_path):
    x = recipes.load_split(runs["ogm"].recipe, "test", limit=4).x
    for name in ("gradient-blending", "ogm", "pmr"):
        model = load_model(runs[name])
        model.save(tmp_path / f"{name}.keras")
        copy = keras.saving.load_model(tmp_path / f"{name}.keras")
        assert type(copy) is type(model)
        np.testing.assert_array_equal(
            copy.predict(x, verbose=0)["task"], model.predict(x, verbose=0)["task"]
        )


@pytest.mark.slow(reason="builds two ResNet18")
def test_late_fusion_is_one_resnet18_a_modality_at_its_own_channels(monkeypatch):
    monkeypatch.setattr(late_fusion, "encoder", RESNET18)
    recipe = variant(
        "late-fusion",
        "digits",
        {"model.solver_units": 256, "model.backbone": "resnet18"},
    )
    model = cmvq.build_model(recipe)
    stems = {
        name: model.encoders[name].encoder.part("conv_stem").kernel.shape[2]
        for name in model.modalities
    }
    assert stems == {"mnist": 1, "svhn": 3}
    # KerasCV's network with 3 channels; with 1 its first kernel is 6,272 smaller.
    assert model.encoders["svhn"].count_params() == 11_186_112
    assert model.encoders["mnist"].count_params() == 11_186_112 - 6_272
    assert model.solver.part("dense").kernel.shape == (1024, 256)
    assert model.solver.part("logits").kernel.shape == (256, 10)


def test_poses_get_the_pose_encoder_with_as_many_channels():
    recipe = cmvq.recipes.get("penn-action")
    recipe = recipe.with_settings({"model.backbone": "resnet18"})
    encoder = RESNET18(recipe, "pose")
    assert type(encoder.encoder).__name__ == "PoseEncoder"
    assert encoder.compute_output_shape((None, 100, 13, 3)) == (None, 1, 1, 512)


@pytest.mark.parametrize("name", BASELINES)
def test_a_recipe_that_does_not_fit_is_told_why(name):
    method = methods.get(name)
    assert "one label per sample" in method.reason_against(recipes.get("nyuv2"))
    base = recipes.get("planted")
    assert method.reason_against(base) is None
    three = recipes.resolve(base.with_settings({"data.variant": "three"}))
    takes_three = "late-fusion" in name or name == "gradient-blending"
    assert (method.reason_against(three) is None) == takes_three
    alone = base.with_modality("image")
    assert (method.reason_against(alone) is None) == ("late-fusion" in name)
