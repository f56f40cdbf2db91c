"""What happens at the end of an epoch."""

import math
import os

import keras


class ComplementarityLog(keras.callbacks.Callback):
    """Adds compl (percent by modality) and zeta to the epoch's logs."""

    def on_epoch_end(self, epoch, logs=None):
        found = self.model.complementarity()
        logs.update({f"{name}_compl": value for name, value in found["compl"].items()})
        zeta = found["zeta"]
        if isinstance(zeta, dict):
            logs.update({f"{name}_zeta": value for name, value in zeta.items()})
        else:
            logs["zeta"] = zeta


class BestWeights(keras.callbacks.Callback):
    """Saves the weights of the best epoch on validation data.

    Args:
        path: file to write, ending in .weights.h5; never left half written.
        select_by: "accuracy" (the highest; of equal ones the lowest task loss) or
            "task_loss" (the lowest).

    Attributes:
        best_epoch: number of the kept epoch, from 1; None before the first.
    """

    def __init__(self, path, select_by="accuracy"):
        super().__init__()
        self.path = path
        self.select_by = select_by
        self.best_epoch = None
        self._best = None

    def on_epoch_end(self, epoch, logs=None):
        rank = self._rank(logs)
        if self._best is not None and rank <= self._best:
            return
        self._best, self.best_epoch = rank, epoch + 1
        # Keras asks for this ending.
        partial = self.path.with_name("writing." + self.path.name)
        self.model.save_weights(partial)
        os.replace(partial, self.path)

    def _rank(self, logs):
        loss = logs["val_task_loss"]
        loss = math.inf if math.isnan(loss) else loss
        if self.select_by == "accuracy":
            return (logs["val_accuracy"], -loss)
        return (-loss,)


class HistoryFile(keras.callbacks.Callback):
    """Appends each epoch's logs to the run's history.csv, at its end."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        self.run.append_history({"epoch": epoch + 1, **logs})
