"""Settings of a network and its training from the shapes and the number of samples.

Stores of arrays and tables of files have them. They are those that the recipes digits,
av-digits and utd-mhad came to (docs/results.md), with epochs that show about 160,000
samples in all.
"""

import dataclasses

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.data import kinds
from cmvq_keras.recipe import ModelSettings, Recipe, TrainingSettings
from cmvq_keras.recipe.fields import AUTO

SEEN = 160_000  # samples, all epochs together
LEAST_EPOCHS, MOST_EPOCHS = 5, 80
FEW = 2_000  # samples, for which batches are small


def choose_settings(recipe: Recipe, count: int) -> Recipe:
    """A recipe with the settings that suit its modalities and so many samples.

    Args:
        recipe: of which the modalities and the task count.
        count: training samples, >= 0.

    Returns:
        The recipe with other `model` and `training` settings. A grid is kept.
    """
    found = recipe.modalities.values()
    conv = all(
        kinds.get(each.kind).grids(each.shape, "conv")
        for each in found
        if not kinds.get(each.kind).has_own_grid
    )
    model = ModelSettings(
        backbone="conv" if conv else "vqvae",
        head="pooled",
        hidden_channels=64,
        grid=recipe.model.grid,
        embedding_dim=64,
        quantizer="fsq",
        num_embeddings=128,
        dropout=0.3,
        mask_start=AUTO,
        mask_freeze=0.9,
        threshold=0.025,
        penalty_weight=3e-3,
        reconstruction_weight=0.1,
        modality_loss_weight=1.0,
    )
    training = TrainingSettings(
        optimizer="adamw",
        learning_rate=4e-3,
        weight_decay=0.01,
        schedule="one-cycle",
        label_smoothing=0.1 if tasks.get(recipe.task).one_class else 0.0,
        augmentation=all(kinds.get(each.kind).augment for each in found),
        batch_size=32 if count <= FEW else 128,
        epochs=int(np.clip(round(SEEN / max(count, 1)), LEAST_EPOCHS, MOST_EPOCHS)),
        select_by="last",
    )
    return dataclasses.replace(recipe, model=model, training=training)
