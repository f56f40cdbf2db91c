"""Two tiny trainings, on one device or several: run by tests.

    python several_devices.py FOLDER STORE [DEVICES]

One of twenty steps: FOLDER gets a run folder `run` and what the first process ended
with, `run.npz`. And one from a store, whose codes die and are revived: it was begun on
one device and stopped after its first epoch, FOLDER/resumed. It goes on, and ends with
`resumed.npz`. Where it is not there, it is begun first, and kept as FOLDER/begun.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import sys

import keras
import numpy as np

import cmvq_keras as cmvq
from cmvq_keras.distribution import replicas
from cmvq_keras.errors import TrainingInterruptedError

BACKEND = keras.config.backend()
SETTINGS = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.residual_layers": 0,
    "model.embedding_dim": 4,
    # Few vectors, few codes and small steps: a vector that lies as near to two codes
    # would choose by rounding, which differs between devices, and most of all in the
    # gradient of the first convolution.
    "model.grid": 4,
    "model.num_embeddings": 3,
    "model.solver_units": 8,
    "model.dropout": 0,
    # The others would compile three more models, to measure what it is good for.
    "model.modality_dropout": 0.3 if BACKEND == "torch" else 0.0,
    "training.optimizer": "sgd",
    "training.learning_rate": 0.0001,
    "training.momentum": 0.9,
    "training.clip_norm": 5.0,
    "training.class_weight": "balanced",
    "training.batch_size": 16,
    "training.limit": 66,
    "training.epochs": 5,
}
#: Codes that win less than nine tenths of their share are dead, about half in a step.
REVIVAL = {
    "model.num_embeddings": 8,
    "model.codebook_start": "reference",
    "model.revival_threshold": 0.9,
    "training.epochs": 2,
}


def recipe():
    """Four steps an epoch; the last batch of validation data is of another size."""
    return cmvq.recipes.get("planted").with_settings(SETTINGS)


class End(keras.callbacks.Callback):
    """Notes the weights and the logs of the last epoch."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def on_epoch_end(self, epoch, logs=None):
        found = {f"log {name}": float(value) for name, value in logs.items()}
        for variable in self.model.variables:
            name = variable.path.partition("/")[2]
            found[name] = keras.ops.convert_to_numpy(variable)
        if replicas.is_first:
            np.savez(self.place, **found)


class CtrlC(keras.callbacks.Callback):
    """Stops a training after its first epoch."""

    def on_epoch_end(self, epoch, logs=None):
        os.kill(os.getpid(), signal.SIGINT)


def begin(run, recipe, **places):
    """Trains one epoch on one device."""
    with contextlib.suppress(TrainingInterruptedError):
        cmvq.train(recipe, out=run, callbacks=[CtrlC()], verbose=False, **places)


def main(folder, store, devices=None):
    """Trains both."""
    folder = pathlib.Path(folder)
    options = {"devices": devices, "verbose": False}
    callbacks = [End(folder / "run.npz")]
    cmvq.train(recipe(), out=folder / "run", callbacks=callbacks, **options)
    run = folder / "resumed"
    if not run.exists():
        begin(run, recipe().with_settings(REVIVAL), store=store)
        shutil.copytree(run, folder / "begun")
    cmvq.resume(run, callbacks=[End(folder / "resumed.npz")], **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
