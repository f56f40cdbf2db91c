"""A few vectors with labels of each task."""

import numpy as np

import cmvq_keras as cmvq
from cmvq_keras.recipe import ModelSettings, Recipe, Target, TrainingSettings

TARGETS = ("age", "weight")
CLASSES = ("red", "green", "blue")
COUNTS = {"train": 96, "validation": 24, "test": 32}


def vectors(task, count=152):
    """`(x, y)`: two modalities of three numbers, and what the task is to learn."""
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(count, 3)).astype("float32") for name in "ab"}
    age = 40 + 10 * x["a"][:, 0]
    if task == "regression":
        return x, np.stack([age, 70 - 5 * x["b"][:, 1]], 1).astype("float32")
    first = x["a"][:, 0] > 0
    return x, np.stack([first, x["b"][:, 1] > 0, ~first], 1).astype("int32")


def recipe(task, **training):
    """A small recipe for `vectors`."""
    names = {"classes": CLASSES}
    if task == "regression":
        names = {"targets": {name: Target() for name in TARGETS}}
    settings = {
        "select_by": "r2" if task == "regression" else "macro_f1",
        "batch_size": 32,
        "epochs": 3,
        "learning_rate": 0.01,
        **training,
    }
    kind = ("vector", "auto", "auto")
    return Recipe(
        f"tiny-{task}",
        "vectors",
        {name: cmvq.Modality((3,), *kind) for name in "ab"},
        task=task,
        model=ModelSettings(
            hidden_channels=16,
            embedding_dim=8,
            num_embeddings=8,
            head="pooled",
            dropout=0.0,
            modality_dropout=0.2,
            grid="auto",
        ),
        training=TrainingSettings(**settings),
        **names,
    )


def store(root, task):
    """A prepared store of `vectors`."""
    x, y = vectors(task)
    splits, first = {}, 0
    for split, count in COUNTS.items():
        part = slice(first, first + count)
        splits[split] = {name: values[part] for name, values in x.items()}, y[part]
        first += count
    return cmvq.data.Store.create(root, recipe(task), splits)
