"""One run's `fit`, from its start or its checkpoint to the weights that are kept."""

from cmvq_keras.batches import Rest
from cmvq_keras.distribution import replicas
from cmvq_keras.evaluation import scores
from cmvq_keras.models import optimizers
from cmvq_keras.runs import checkpoint, weights
from cmvq_keras.runs.checkpoint import Position
from cmvq_keras.training.callbacks import (
    BestWeights,
    ComplementarityLog,
    HistoryFile,
    early_stopping,
)
from cmvq_keras.training.checkpointing import Backup, FiniteLoss


def fit(model, run, batches, splits, callbacks, interruption, minutes=None):
    """Trains; the model then has the weights of the epoch that is kept.

    A run with a checkpoint goes on from there: on a CPU bit for bit as one that was
    never stopped.

    Args:
        model: the `CMVQVAE`, compiled.
        run: its `Run`.
        batches: `Batches` to train on, or `Mirrored` ones.
        splits: `cmvq_keras.data.split.Split` by name.
        callbacks: further Keras callbacks.
        interruption: an `Interruption` that was entered.
        minutes: as in `Backup`.

    Returns:
        The number of the epoch that is kept, and the seconds of work, all tries
        together.

    Raises:
        DivergedError: when the loss is not finite, with the step.
        TrainingInterruptedError: when a signal came and everything was saved.
    """
    settings = run.recipe.training
    best = BestWeights(run, settings.select_by)
    callbacks = [
        ComplementarityLog(),
        HistoryFile(run),
        best,
        *early_stopping(settings),
        *callbacks,
    ]
    position, states = checkpoint.read(run.directory) or (Position(), None)
    read = [splits["train"], splits["validation"]]
    backup = Backup(run, best, callbacks, interruption, minutes, position, read)
    options = {
        "validation_data": scores.shared_batches(run.recipe, splits["validation"]),
        "shuffle": False,
        "validation_freq": validated_epochs(settings),
        "class_weight": optimizers.class_weight(run.recipe, splits["train"].y),
        "callbacks": [FiniteLoss(backup), *callbacks, backup],
        "verbose": 0,
    }
    _start(model, run, options["validation_data"], backup, states)
    if position.step:
        batches.set_epoch(position.epoch)
        rest, end = Rest(batches, position.step), position.epoch + 1
        model.fit(rest, initial_epoch=position.epoch, epochs=end, **options)
    if backup.epoch < settings.epochs and not backup.stopped:
        batches.set_epoch(backup.epoch)
        model.fit(
            batches, initial_epoch=backup.epoch, epochs=settings.epochs, **options
        )
    if best.best_epoch is None:
        raise backup.diverged("on validation data: no epoch had a finite loss there")
    # After this exchange the first process has written them.
    replicas.all_reduce_sum(0)
    weights.load(model, run.weights_path, run.directory)
    return best.best_epoch, backup.seconds


def validated_epochs(settings):
    """The numbers of the epochs that are validated, from 1.

    The first one is for the columns of history.csv, and so that a validation that fails
    does it early.

    Args:
        settings: `TrainingSettings`.
    """
    last, every = settings.epochs, settings.validation_every
    return sorted({1, *range(every, last + 1, every), last})


def _start(model, run, validation, backup, states):
    """Brings a model to where its run's checkpoint is; writes the first one."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    run.cut_history(backup.epoch)
    if states is None:
        backup.write(model)
        return
    if backup.first_step:
        # On some backends a metric has no variables before the first batch.
        model.evaluate(validation, steps=1, verbose=0)
    checkpoint.restore(run.directory, model)
    backup.keep(states)
    backup.keep_generators()
    if not backup.first_step:
        backup.best.save(model, backup.epoch)
