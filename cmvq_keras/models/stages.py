"""The stages of a model at inference, as Keras models: encoders, solver, decoders.

JAX and TensorFlow compile a program for each model that predicts, and for each size of
its batches. Whoever looks at a model takes its stages from here: each is made once, and
what is encoded once serves every question that comes after it.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cmvq_keras.batches import even_batch_size

_made = weakref.WeakKeyDictionary()


def encoder(model: Any, names: Sequence[str] | None = None) -> keras.Model:
    """From inputs by modality to what the task may see of each, see
    `MultimodalClassifier.task_features`.

    Args:
        model: a built `MultimodalClassifier`.
        names: its modalities; None for all.
    """
    names = tuple(names or model.modalities)

    def make():
        model.check_built()
        shapes = model.get_build_config()["input_shape"]
        inputs = {n: keras.Input(tuple(shapes[n])[1:], name=n) for n in names}
        grids = {n: model.task_features(n, inputs[n]) for n in names}
        return keras.Model(inputs, grids, name=f"{model.name}_encoder")

    return _once(model, ("encoder", *names), make)


def solver(model: Any) -> keras.Model:
    """From the grids of the task's modalities to the task's outputs: "" with all of
    them and, where there are several, by its name without each of them.

    Args:
        model: a built `MultimodalClassifier`.
    """
    names = model.task_modalities

    def make():
        grids = _inputs_like(encoder(model, names).output)
        found = {"": model.solve(grids)}
        for missing in names if len(names) > 1 else ():
            left = {name: grids[name] for name in names if name != missing}
            found[missing] = model.solve(left)
        return keras.Model(grids, found, name=f"{model.name}_solver")

    return _once(model, ("solver",), make)


def decoder(model: Any) -> keras.Model:
    """From grids by modality to the values of each.

    Args:
        model: a built `CMVQVAE`.
    """

    def make():
        grids = _inputs_like(encoder(model).output)
        values = {
            name: model.values_of(name, model.decoders[name](grids[name]))
            for name in grids
        }
        return keras.Model(grids, values, name=f"{model.name}_decoder")

    return _once(model, ("decoder",), make)


def _inputs_like(outputs):
    return {
        name: keras.Input(output.shape[1:], dtype=output.dtype, name=name)
        for name, output in outputs.items()
    }


def _once(model, key, make: Callable[[], keras.Model]):
    made = _made.setdefault(model, {})
    if key not in made:
        made[key] = make()
    return made[key]


def predicted(
    stage: keras.Model, arrays: Mapping[str, np.ndarray], batch_size: int
) -> dict[str, np.ndarray]:
    """What a stage gives for samples in memory, float32 by name.

    All batches are of one size: the last is filled up with its last sample.

    Args:
        stage: one of this module's.
        arrays: `(n, ...)` by name, of which it takes its own.
        batch_size: samples at a time, at most.
    """
    arrays = {name: arrays[name] for name in stage.input}
    count = len(next(iter(arrays.values())))
    size = even_batch_size(count, min(batch_size, count))
    parts = [
        on_batch(
            stage, {n: _filled(a[at : at + size], size) for n, a in arrays.items()}
        )
        for at in range(0, count, size)
    ]
    return {
        name: np.concatenate([part[name] for part in parts])[:count]
        for name in stage.output
    }


def on_batch(
    stage: keras.Model, batch: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What a stage gives for one batch, float32 `(batch, ...)` by name."""
    count = len(next(iter(batch.values())))
    # Under MirroredStrategy each device gives the whole of it, one after another.
    return {
        name: ops.convert_to_numpy(values)[:count].astype("float32")
        for name, values in stage.predict_on_batch(dict(batch)).items()
    }


def _filled(batch, size):
    missing = size - len(batch)
    if not missing:
        return batch
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
