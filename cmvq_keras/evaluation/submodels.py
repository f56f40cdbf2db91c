"""The inference models of a model, each made and compiled once.

JAX and TensorFlow compile a program for each model that predicts. Whoever measures one
model several times, on other splits or for other numbers, takes it from here.
"""

import weakref
from collections.abc import Sequence

import keras

from cmvq_keras.models.multimodal import MultimodalClassifier

_made = weakref.WeakKeyDictionary()


def submodel(model: MultimodalClassifier, without: Sequence[str] = ()) -> keras.Model:
    """`model.inference_model(without)`, the same one at every call.

    It shares the model's weights, so it follows them. It is not to be compiled: others
    may use it.

    Args:
        model: a `MultimodalClassifier`.
        without: modalities that it does not take, in any order.

    Raises:
        ValueError: as `inference_model` does.
    """
    made = _made.setdefault(model, {})
    key = frozenset(without)
    if key not in made:
        made[key] = model.inference_model(without=tuple(without))
    return made[key]
