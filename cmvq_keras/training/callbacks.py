"""What happens at the end of an epoch.

A callback that keeps something between epochs says so: `state()` gives it, plain values
for JSON, and `restore(state)` takes it back after `on_train_begin`. Then a resumed
training goes on with it.
"""

import math

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


class MaskFreeze(keras.callbacks.Callback):
    """Freezes the mask of a `MaskedClassifier` before an epoch.

    Args:
        epoch: its number, from 0.
        reach: how far the training moves a weight from there on.
    """

    def __init__(self, epoch, reach):
        super().__init__()
        self._epoch, self._reach = epoch, reach

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self._epoch:
            self.model.freeze_mask(self._reach)


class BestWeights(keras.callbacks.Callback):
    """Chooses the best epoch on validation data; `Backup` saves its weights.

    Epochs without a validation are passed over.

    Args:
        run: the `Run` that keeps the weights.
        select_by: "accuracy" or "mean_iou" (the highest; of equal ones the lowest
            task loss), "task_loss" (the lowest), or "last" (the last epoch).

    Attributes:
        best_epoch: number of the kept epoch, from 1; None before the first whose
            loss is finite.
    """

    def __init__(self, run, select_by="accuracy"):
        super().__init__()
        self.run = run
        self.select_by = select_by
        self.best_epoch = None
        self._best = None

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs.get("val_task_loss", math.nan)):
            return
        rank = self._rank(epoch, logs)
        if self._best is not None and rank <= self._best:
            return
        self._best, self.best_epoch = rank, epoch + 1

    def _rank(self, epoch, logs):
        if self.select_by == "last":
            return (epoch,)
        if self.select_by == "task_loss":
            return (-float(logs["val_task_loss"]),)
        return (float(logs[f"val_{self.select_by}"]), -float(logs["val_task_loss"]))

    def save(self, model, epoch):
        """Saves a model's weights if it is that of the best epoch.

        Args:
            model: the model.
            epoch: number of its last epoch, from 1.
        """
        if self.best_epoch == epoch:
            self.run.save_weights(model)

    def state(self):
        """The best rank so far and its epoch."""
        return {"best": self._best, "epoch": self.best_epoch}

    def restore(self, state):
        """Takes `state()` back."""
        self._best = None if state["best"] is None else tuple(state["best"])
        self.best_epoch = state["epoch"]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's, which a resumed training goes on with."""

    def state(self):
        """How long it waits, and what for."""
        best = None if self.best is None else float(self.best)
        return {"wait": self.wait, "best": best}

    def restore(self, state):
        """Takes `state()` back."""
        self.wait, self.best = state["wait"], state["best"]


class HistoryFile(keras.callbacks.Callback):
    """Appends each epoch's logs to the run's history.csv, at its end."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        self.run.append_history({"epoch": epoch + 1, **(logs or {})})


class RecordedEpochs(keras.callbacks.Callback):
    """Hands each epoch's logs on to the records that `training.log` names.

    Args:
        record: the `cmvq_keras.tracking.record.Record`.
    """

    def __init__(self, record):
        super().__init__()
        self.record = record

    def on_epoch_end(self, epoch, logs=None):
        self.record.log(logs or {}, epoch + 1)


def early_stopping(settings):
    """A list with the callback that stops early, or an empty one."""
    if settings.early_stopping is None:
        return []
    mode = "min" if settings.select_by == "task_loss" else "max"
    return [
        EarlyStopping(
            monitor=f"val_{settings.select_by}",
            mode=mode,
            patience=settings.early_stopping,
        )
    ]
