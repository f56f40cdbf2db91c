"""How far a training, an evaluation or a prediction is."""

import sys

import keras

BRIEF = (
    "loss",
    "accuracy",
    "mean_iou",
    "val_loss",
    "val_accuracy",
    "val_mean_iou",
    "zeta",
)


class BriefProgress(keras.callbacks.Callback):
    """A progress bar an epoch with the few numbers that a person follows.

    Keras's own would show every term of every modality: all of them are in
    history.csv. Into a file goes one line an epoch.

    Args:
        epochs: of the whole training. A resumed epoch has a `fit` of its own.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        print(f"Epoch {epoch + 1}/{self.epochs}", flush=True)
        self._bar = keras.utils.Progbar(
            self.params["steps"],
            stateful_metrics=BRIEF,
            verbose=1 if sys.stdout.isatty() else 2,
            unit_name="step",
        )

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(batch + 1, _brief(logs), finalize=False)

    def on_epoch_end(self, epoch, logs=None):
        self._bar.update(self.params["steps"], _brief(logs), finalize=True)


class StepProgress(keras.callbacks.Callback):
    """Counts the batches of an evaluation or prediction where a person watches: on
    stderr, as stdout may be a CSV file."""

    def on_test_batch_end(self, batch, logs=None):
        self._show(batch + 1)

    def on_predict_batch_end(self, batch, logs=None):
        self._show(batch + 1)

    def _show(self, done):
        if sys.stderr.isatty():
            steps = self.params["steps"]
            end = "\n" if done == steps else ""
            print(f"\rBatch {done}/{steps}", end=end, file=sys.stderr, flush=True)


def _brief(logs):
    return [(name, float(logs[name])) for name in BRIEF if name in logs]
