"""The network learns two real scenes by heart: the labels, the loss, the scores fit."""

import dataclasses

import numpy as np
import pytest
import reference
from tiny_sources import REAL

import cmvq_keras as cmvq
from cmvq_keras import metrics, recipes
from cmvq_keras.data import decoding
from cmvq_keras.data.datasets.nyuv2 import folder
from cmvq_keras.models.labels import IGNORED_LABEL

SAMPLES = REAL / "nyuv2" / "samples"
# A quarter of the published channels, a grid of half the side as at 64 x 64 labels are
# fine, and a rate that falls from thirty times the published one: 300 steps suffice.
SETTINGS = {
    "model.grid": 32,
    "model.hidden_channels": 32,
    "model.residual_channels": 16,
    "model.embedding_dim": 32,
}
STEPS, RATE = 300, 3e-3


@pytest.mark.long(reason="trains until scenes are known by heart")
@pytest.mark.skipif(not SAMPLES.exists(), reason="the two real scenes are not here")
def test_two_real_scenes_are_learnt_by_heart(record_property):
    import keras

    recipe = recipes.get("nyuv2").with_settings(SETTINGS)
    small = {
        name: dataclasses.replace(modality, shape=(64, 64, modality.shape[-1]))
        for name, modality in recipe.modalities.items()
    }
    recipe = dataclasses.replace(recipe, modalities=small)
    scenes = decoding.load(folder.open_folder(recipe, SAMPLES), recipe)
    keras.utils.set_random_seed(0)
    model = cmvq.build_model(recipe)
    score = metrics.IntersectionOverUnion(recipe.classes, ignore_class=IGNORED_LABEL)
    rate = keras.optimizers.schedules.CosineDecay(RATE, STEPS)
    model.compile(keras.optimizers.Adam(rate), metrics=[score])
    model.fit(scenes.x, scenes.y, batch_size=2, epochs=STEPS, verbose=0)
    logs = model.evaluate(scenes.x, scenes.y, batch_size=2, verbose=0, return_dict=True)
    # The same number from its definition, on the logits themselves.
    predicted = model.inference_model().predict(scenes.x, verbose=0).argmax(axis=-1)
    counted = scenes.y != IGNORED_LABEL
    by_class = reference.iou(scenes.y[counted], predicted[counted], len(recipe.classes))
    assert logs["mean_iou"] == pytest.approx(np.nanmean(by_class), abs=1e-5)
    occur = np.unique(scenes.y[counted])
    record_property("mean_iou", logs["mean_iou"])
    print(f"mean IoU {logs['mean_iou']:.4f}, pixel accuracy {logs['accuracy']:.4f}")
    assert np.nan_to_num(by_class[occur]).mean() > 0.9
