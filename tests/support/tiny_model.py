"""A model of a few weights, made of Keras's own layers, that compiles at once."""

import keras
import numpy as np

import cmvq_keras as cmvq

MODALITIES = ("image", "audio")
SHAPE = (4, 4, 1)
CLASSES = 3
#: Pixels a label where there is one a pixel.
SIDE = 4


def tiny_model(encoder=None, built=True, per_pixel=False, **settings):
    """A `CMVQVAE`; the same weights each time.

    Args:
        encoder: a function that makes one; by default a dense layer.
        built: whether it has its weights.
        per_pixel: whether it classifies pixels rather than samples.
        **settings: of `CMVQVAE`.
    """
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    head = [dense(CLASSES)]
    model = cmvq.CMVQVAE(
        {name: (encoder or (lambda: dense(4)))() for name in MODALITIES},
        {name: dense(1) for name in MODALITIES},
        keras.Sequential(head if per_pixel else [keras.layers.Flatten(), *head]),
        quantizers={name: cmvq.VectorQuantizer(4, seed=1) for name in MODALITIES},
        **settings,
    )
    if built:
        model.build(dict.fromkeys(MODALITIES, (None, *SHAPE)))
    return model


def tiny_data(count=16, per_pixel=False):
    """Inputs by modality and integer labels in [0, CLASSES)."""
    rng = np.random.default_rng(0)
    x = {
        name: rng.normal(size=(count, *SHAPE)).astype("float32") for name in MODALITIES
    }
    shape = (count, SIDE, SIDE) if per_pixel else count
    return x, rng.integers(0, CLASSES, shape).astype("int32")
