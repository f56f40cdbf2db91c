"""Schedule, weight decay, label smoothing, augmentation, conv networks, pooled head."""

import numpy as np
import pytest

import cmvq_keras as cmvq
from cmvq_keras import recipes

SETTINGS = {
    "data.cell": "benign",
    "training.limit": 64,
    "training.epochs": 2,
    "training.batch_size": 16,
    "training.optimizer": "adamw",
    "training.weight_decay": 0.01,
    "training.schedule": "one-cycle",
    "training.label_smoothing": 0.1,
    "training.augmentation": True,
    "model.backbone": "conv",
    "model.head": "pooled",
    "model.hidden_channels": 8,
    "model.grid": 8,
}


def _recipe(**settings):
    return recipes.get("erasure").with_settings({**SETTINGS, **settings})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("better") / "run"
    return cmvq.train(_recipe(), out=folder, verbose=False)


def test_a_run_keeps_its_settings_and_is_measured_again_to_the_digit(run):
    assert (
        cmvq.Recipe.from_json((run.directory / "recipe.json").read_text()) == _recipe()
    )
    before = run.metrics["test"]
    after = cmvq.evaluate(run.directory)
    for name in ("accuracy", "task_loss", "loss"):
        assert after[name] == pytest.approx(before[name], rel=1e-6)


def test_the_loss_weighs_reconstructions_and_the_heads_of_each_modality(run):
    model = run.recipe.model
    assert (model.reconstruction_weight, model.modality_loss_weight) == (0.1, 1.0)
    for row in run.history:
        expected = row["task_loss"] + row["mask_penalty"]
        for name in ("image", "audio"):
            expected += row[f"{name}_task_loss"] + row[f"{name}_quantizer_loss"]
            expected += 0.1 * row[f"{name}_reconstruction_loss"]
        assert row["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_published_presets_have_neither():
    for preset in ("paper", "code"):
        model = recipes.get("erasure", preset).model
        assert (model.reconstruction_weight, model.modality_loss_weight) == (1.0, 0.0)


def test_its_model_loads_and_gives_logits(run):
    model = cmvq.load_model(run.directory)
    split = recipes.load_split(_recipe(), "test", limit=8)
    outputs = model.predict(split.x, verbose=0)
    assert outputs["task"].shape == (8, 8)
    assert np.isfinite(outputs["task"]).all()


def test_a_segmentation_recipe_refuses_augmentation():
    recipe = recipes.get("nyuv2").with_settings({"training.augmentation": True})
    with pytest.raises(ValueError, match="augmentation must be false for segmentation"):
        recipes.augmentations(recipe)
