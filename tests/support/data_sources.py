"""Every kind of source that goes into `fit`, in batches of 8."""

import keras
import pytest


def as_tf_data(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)


def as_torch_loader(x, y):
    import torch

    samples = [({m: x[m][i] for m in x}, y[i]) for i in range(len(y))]
    return torch.utils.data.DataLoader(samples, batch_size=8)


def as_grain(x, y):
    import grain

    samples = [({m: x[m][i] for m in x}, y[i]) for i in range(len(y))]
    return grain.MapDataset.source(samples).to_iter_dataset().batch(8)


def as_py_dataset(x, y):
    from cmvq_keras.batches import Batches

    return Batches(x, y, 8)


def as_generator(x, y):
    return (
        ({m: x[m][i : i + 8] for m in x}, y[i : i + 8]) for i in range(0, len(y), 8)
    )


def needs(backend, value):
    """A case that needs another framework than the one that runs."""
    other = backend != keras.config.backend()
    return pytest.param(value, marks=pytest.mark.cross if other else ())


#: Functions of inputs and labels.
SOURCES = [
    as_py_dataset,
    as_generator,
    needs("tensorflow", as_tf_data),
    needs("torch", as_torch_loader),
    needs("grain", as_grain),
]
