"""One tiny training of twenty steps, on one device or several: run by tests.

    python several_devices.py FOLDER [DEVICES]

FOLDER gets a run folder `run` and what the first process ended with, `end.npz`.
"""

import pathlib
import sys

import keras
import numpy as np

import cmvq_keras as cmvq
from cmvq_keras.distribution import replicas

SETTINGS = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.residual_layers": 0,
    "model.embedding_dim": 4,
    # Few codes and small steps: a vector that lies as near to two codes would choose by
    # rounding, which differs between devices.
    "model.num_embeddings": 3,
    "model.solver_units": 8,
    "model.dropout": 0,
    # The others would compile three more models, to measure what it is good for.
    "model.modality_dropout": 0.3 if keras.config.backend() == "torch" else 0.0,
    "training.optimizer": "sgd",
    "training.learning_rate": 0.001,
    "training.momentum": 0.9,
    "training.clip_norm": 5.0,
    "training.class_weight": "balanced",
    "training.batch_size": 16,
    "training.limit": 66,
    "training.epochs": 5,
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


def main(folder, devices=None):
    """Trains."""
    folder = pathlib.Path(folder)
    cmvq.train(
        recipe(),
        out=folder / "run",
        devices=devices,
        callbacks=[End(folder / "end.npz")],
        verbose=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
