"""Recipes: everything that defines a run, as frozen values."""

from cmvq_keras.recipe.checks import PRESETS
from cmvq_keras.recipe.fields import choice, faults, optional, setting
from cmvq_keras.recipe.modality import Modality
from cmvq_keras.recipe.model_settings import ModelSettings
from cmvq_keras.recipe.recipe import Recipe
from cmvq_keras.recipe.target import Target
from cmvq_keras.recipe.training_settings import TrainingSettings

__all__ = [
    "PRESETS",
    "Modality",
    "ModelSettings",
    "Recipe",
    "Target",
    "TrainingSettings",
    "choice",
    "faults",
    "optional",
    "setting",
]
