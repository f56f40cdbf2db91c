"""Shapes that meet on one grid: oblong pictures, sequences and vectors."""

import numpy as np
import pytest

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.recipe import Modality, ModelSettings, Recipe

SMALL = {
    "hidden_channels": 8,
    "residual_channels": 4,
    "residual_layers": 1,
    "embedding_dim": 4,
    "num_embeddings": 4,
    "head": "pooled",
}


def _recipe(modalities, **settings):
    model = ModelSettings(**{**SMALL, "grid": "auto", **settings})
    inputs = {name: Modality(*about) for name, about in modalities.items()}
    return Recipe("mixed", "mixed", inputs, ("a", "b"), model)


@pytest.mark.once
@pytest.mark.parametrize(
    ("modalities", "backbone", "grid"),
    [
        ({"a": ((30,), "vector"), "b": ((5,), "vector")}, "vqvae", 1),
        ({"a": ((30,), "vector"), "b": ((32, 32, 3), "image")}, "vqvae", 16),
        ({"a": ((64, 6), "sequence"), "b": ((32, 48, 3), "image")}, "conv", 4),
        ({"a": ((64, 128, 1), "audio"), "b": ((48, 48, 3), "image")}, "vqvae", 16),
        ({"a": ((28, 28, 1), "image")}, "vqvae", 14),
        ({"a": ((128, 128, 1), "image"), "b": ((100, 13, 3), "pose")}, "resnet18", 32),
    ],
)
def test_the_automatic_grid_is_the_largest_usual_one_in_common(
    modalities, backbone, grid
):
    found = recipes.resolve(_recipe(modalities, backbone=backbone))
    assert found.model.grid == grid
    assert found.asked.model.grid == "auto"


@pytest.mark.once
def test_modalities_without_a_grid_in_common_are_told():
    modalities = {"a": ((100, 3), "sequence"), "b": ((100, 13, 3), "pose")}
    with pytest.raises(ValueError, match=r"No model.grid fits all.*from 25 to 128"):
        recipes.resolve(_recipe(modalities))


@pytest.mark.parametrize("backbone", ["vqvae", "conv"])
def test_a_picture_of_any_proportions_meets_other_kinds_and_comes_back(backbone):
    recipe = _recipe(
        {
            "wide": ((12, 20, 3), "image"),
            "tall": ((24, 4, 1), "audio"),
            "sensor": ((24, 3), "sequence"),
            "columns": ((7,), "vector"),
        },
        backbone=backbone,
    )
    model = cmvq.build_model(recipe)
    generator = np.random.default_rng(0)
    x = {
        name: generator.normal(size=(2, *modality.shape)).astype(np.float32)
        for name, modality in recipe.modalities.items()
    }
    rebuilt = model(x)["reconstruction"]
    assert {name: value.shape for name, value in rebuilt.items()} == {
        name: (2, *modality.shape) for name, modality in recipe.modalities.items()
    }


@pytest.mark.once
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"grid": 3}, r"must be one of 4, 2, 1 for a \(4, 8, 1\) with .* Received: 3"),
        (
            {"grid": 4, "backbone": "resnet18"},
            r"resnet18 cannot take a \(4, 8, 1\) of kind image, .*square pictures",
        ),
        ({"grid": "all"}, "model.grid must be an integer >= 1, or auto"),
    ],
)
def test_a_grid_that_does_not_fit_is_told_when_the_recipe_is_resolved(
    settings, message
):
    with pytest.raises(ValueError, match=message):
        recipes.resolve(_recipe({"a": ((4, 8, 1), "image")}, **settings))


@pytest.mark.once
def test_a_grid_that_resnet18_makes_smaller_is_told_as_it_was_asked_for():
    shapes = {"photo": ((32, 32, 1), "image"), "motion": ((16, 2), "sequence")}
    said = r"one of 4, 2, 1 for motion .* Received: 16, which is 8 with resnet18"
    with pytest.raises(ValueError, match=said):
        recipes.resolve(_recipe(shapes, grid=16, backbone="resnet18"))
    said = r"resnet18 cannot take motion \(13, 2\) of kind sequence, .*its shape or the"
    shapes["motion"] = ((13, 2), "sequence")
    with pytest.raises(ValueError, match=said):
        recipes.resolve(_recipe(shapes, grid=8, backbone="resnet18"))
