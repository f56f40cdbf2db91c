"""Train and evaluate: what the command line calls and a script can call."""

import contextlib
import dataclasses
import errno
import os
from collections.abc import Callable, Sequence

import keras

from cmvq_keras import methods, recipe_file, recipes, tracking
from cmvq_keras.backend.runtime import check_precision, deterministic
from cmvq_keras.backend.selection import set_random_seed
from cmvq_keras.batches import training_batches
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.store.store import Store
from cmvq_keras.data.tables import Table
from cmvq_keras.distribution import replicas
from cmvq_keras.errors import PeerLostError
from cmvq_keras.evaluation import (
    scores,
    shared_classes,
)
from cmvq_keras.evaluation.progress import BriefProgress
from cmvq_keras.methods.method import Method
from cmvq_keras.models import optimizers
from cmvq_keras.models.build import build_model
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.models.weight_transfer import transfer
from cmvq_keras.old_names import keyword_only, renamed_argument
from cmvq_keras.recipe import Recipe
from cmvq_keras.recipe.fields import AUTO
from cmvq_keras.resolved_recipe import ResolvedRecipe
from cmvq_keras.runs import checkpoint, environment, tables
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.evaluate import measured
from cmvq_keras.runs.load import load_model, precision_policy
from cmvq_keras.runs.run import ENVIRONMENT, RECIPE, Follower, Run, as_run
from cmvq_keras.runs.warm_start import WarmStart, noted_classes, with_normalization_of
from cmvq_keras.tracking.record import Record
from cmvq_keras.training import loop, programs
from cmvq_keras.training.callbacks import MaskFreeze, RecordedEpochs
from cmvq_keras.training.signals import Interruption

CHECKPOINT_MINUTES = 10


@renamed_argument("told", "on_progress")
@keyword_only
def train(
    recipe: str | Recipe | None = None,
    data_dir: str | os.PathLike | None = None,
    *,
    out: str | os.PathLike | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    store: str | os.PathLike | Store | None = None,
    table: str | os.PathLike | Table | None = None,
    init_from: str | os.PathLike | Run | None = None,
    keep_solver: bool = False,
    keep_mask: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
    checkpoint_minutes: float | None = CHECKPOINT_MINUTES,
    devices: int | str | None = None,
) -> Run:
    """Trains a recipe and leaves a run folder.

    One epoch's weights are kept, the last one's or those that were best on validation
    data (`training.select_by`), and measured on validation and test data.

    Args:
        recipe: a `Recipe`, or a recipe's name; None for that of `store` or `table`.
        data_dir: root folder of the raw data; None for CMVQ_DATA_DIR, else the
            user's data folder.
        out: the run folder itself; None for `runs/<recipe>-<backend>-<time>`.
        callbacks: further Keras callbacks.
        verbose: whether to show a progress bar.
        store: a prepared store (its folder, or a `cmvq_keras.data.Store`) to train
            from. Without it the raw files are prepared once, in the user's cache
            folder (see `cmvq_keras.runs.stores.cached`).
        table: a CSV file, a row a sample, or a `cmvq_keras.data.tables.Table`; see
            docs/own_data.md. It is prepared once, in the user's cache folder.
        init_from: the folder of a run (of any backend) whose encoders, decoders and
            codebooks the model starts with; see `cmvq_keras.models.weight_transfer`.
        keep_solver: whether it starts with that run's task solver too, but for its
            last layer.
        keep_mask: whether it starts with that run's mask too.
        on_progress: function `(split, samples done, samples in all)` of that
            preparation.
        checkpoint_minutes: at most so much work is lost when the process dies; at the
            end of an epoch nothing is. None for no checkpoint within an epoch.
        devices: how many train, each a part of every batch; "all"; None for one, or
            for those of the launcher that started this process. See docs/scaling.md.

    Returns:
        The `Run`, its `metrics` complete.

    Raises:
        FileNotFoundError: when raw data is missing; it says how to get it. Also when
            `init_from` is no run.
        FileExistsError: when `out` already holds a run.
        ImportError: for a package that `training.log` needs, with what to install.
        ValueError: for settings and data that do not fit, and for a precision that
            the backend cannot train in on this machine.
        DivergedError: a ValueError, when the loss is not finite.
        TrainingInterruptedError: a KeyboardInterrupt, after Ctrl-C or SIGTERM: the
            state is saved, and `resume` goes on from there.
    """
    if table is not None:
        if store is not None or data_dir is not None:
            raise ValueError("Give only one of `table`, `store` and `data_dir`")
        store = tables.prepare(table, on_progress=on_progress)
    if recipe is None:
        recipe = _recipe_of(store)
    recipe = recipes.resolve(recipe)
    source = DataSource(data_dir, store, on_progress)
    with replicas.over(devices):
        replicas.broadcast_from_first(lambda: Run.check_free(out) or "")
        _check_replicas(recipe, store)
        check_precision(recipe.training.precision)
        methods.get(recipe.method).values(recipe)
        tracking.need(recipe.training.log)
        if init_from is not None:
            init_from = as_run(init_from)
            recipe = with_normalization_of(init_from.recipe, recipe)
        warm_start = WarmStart.open(init_from, recipe, keep_solver, keep_mask)
        classes = warm_start.run.recipe.classes if warm_start else None
        # Before any data is read: a recipe may not say how it is mirrored.
        mirrors = _mirrors(recipe)
        source = source.for_recipe(recipe)
        recipe = source.measured(recipe)
        with deterministic(), precision_policy(recipe.training.precision):
            job = _Job.set_up(recipe, warm_start, classes, source, mirrors)
            # Not before all that can be wrong with the settings has been reported.
            notes = recipe_file.notes(recipe.name)
            notes |= job.method.prepare(job.model, recipe, job.splits)
            if warm_start:
                notes["init_from"] = warm_start.note()
            notes |= source.describe(recipe)
            with _created(out, recipe, notes) as run:
                job.carry_out(run, callbacks, verbose, checkpoint_minutes)
    return run


@renamed_argument("told", "on_progress")
@keyword_only
def resume(
    run: str | os.PathLike | Run,
    data_dir: str | os.PathLike | None = None,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    store: str | os.PathLike | Store | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    checkpoint_minutes: float | None = CHECKPOINT_MINUTES,
    devices: int | str | None = None,
    differs: Callable[[str], None] | None = None,
) -> Run:
    """Goes on with a training that was killed or stopped.

    It ends with the weights, metrics and history of one that was never stopped: on a
    CPU bit for bit, with the same versions and number of threads.

    Args:
        run: the run folder. It says what was trained on what.
        data_dir, store: where the data is now, if it was moved.
        callbacks, verbose, on_progress, checkpoint_minutes, devices: as in `train`.
            Callbacks that keep something between epochs: see
            `cmvq_keras.training.callbacks`. On another number of devices the numbers
            are the same but for rounding and draws.
        differs: function that is called with each line of
            `cmvq_keras.runs.environment.differences`.

    Returns:
        The `Run`, its `metrics` complete; at once when it is finished already.

    Raises:
        FileNotFoundError: when the folder is no run, or data is missing.
        FileExistsError: when another process trains it.
        ValueError: when it cannot be resumed, was trained on another backend, or its
            data is not what it was.
        DivergedError, TrainingInterruptedError: as in `train`.
    """
    source = DataSource(data_dir, store, on_progress)
    with replicas.over(devices), _opened(run) as run:
        if run.is_finished:
            run.check_finished_unchanged()
            return run
        if not run.is_resumable:
            raise ValueError(f"{run.directory} holds no backup to continue from.")
        recipe, noted = run.recipe, run.environment
        check_backend(run)
        _check_unchanged(run)
        _check_replicas(recipe, store or noted.get("store"))
        if differs and replicas.is_first:
            for line in environment.differences(noted, recipe.training):
                differs(line)
        check_precision(recipe.training.precision)
        begun = checkpoint.read(run.directory)
        if begun and verbose and replicas.is_first:
            epochs = recipe.training.epochs
            print(f"Resuming {begun[0]}: epoch {begun[0].epoch + 1} of {epochs}")
        # A checkpoint holds what was taken over.
        warm_start = None if begun else WarmStart.of_run(run)
        source = source.same_as(run)
        recipe_file.check_encoders(run)
        if recipe.training.mirror:
            recipe_file.check_run(run)
        mirrors = _mirrors(recipe)
        with deterministic(), precision_policy(recipe.training.precision):
            classes = noted_classes(run)
            job = _Job.set_up(recipe, warm_start, classes, source, mirrors)
            if not begun:
                job.method.prepare(job.model, recipe, job.splits)
            job.carry_out(run, callbacks, verbose, checkpoint_minutes)
    return run


def _check_replicas(recipe, store):
    """Raises ValueError where several devices cannot train a recipe."""
    if replicas.count == 1:
        return
    _check_batch(recipe.training.batch_size)
    replicas.check_settings(recipe.training)
    if not methods.get(recipe.method).on_several_devices:
        raise ValueError(f"The method {recipe.method} trains on one device only.")
    if replicas.processes > 1 and not (store or recipes.is_made_up(recipe.name)):
        raise ValueError(
            f"{replicas.processes} processes train from a prepared store. Prepare it "
            f"once: cmvq prepare --recipe {recipe.name} --data-dir DATA --out STORE. "
            "Then: --store STORE"
        )


def _check_batch(size):
    if size % replicas.count:
        raise ValueError(
            f"{replicas.count} devices must get equal parts of each batch: "
            "training.batch_size, or the number of training samples where that is "
            f"smaller, must be a multiple of {replicas.count}. Received: {size}"
        )


def _recipe_of(store):
    """The recipe of a store, where a caller names none."""
    if store is None:
        raise ValueError("`train` needs a recipe, a store or a table. Received: none")
    return (store if isinstance(store, Store) else Store.open(store)).recipe


def _created(out, recipe, notes):
    """The new `Run` as a context, as this process may use it: the first one makes the
    folder."""
    return _shared(Run.created(out, recipe, keras.config.backend(), notes))


def _opened(directory):
    """The `Run` to go on with, as `_created`."""
    return _shared(Run.resumed(directory))


@contextlib.contextmanager
def _shared(opening):
    """What the first process opens, a context of a `Run`, for all processes."""
    with contextlib.ExitStack() as stack:
        directory = replicas.broadcast_from_first(
            lambda: str(stack.enter_context(opening).directory)
        )
        yield (Run if replicas.is_first else Follower)(directory)


def check_backend(run):
    """Raises ValueError when a run was trained on another backend than this one."""
    noted, here = run.environment.get("backend"), keras.config.backend()
    if noted is None:
        raise ValueError(
            f"{run.directory / ENVIRONMENT} does not say which backend {run.directory} "
            "was started on. Restore the file, or train again in another folder."
        )
    if noted != here:
        raise ValueError(
            f"{run.directory} was started on {noted} and can continue only there: "
            f"--backend {noted}. Received: {here}"
        )


def _check_unchanged(run):
    """Raises ValueError when recipe.json or a line of history.csv is not what it was
    when the checkpoint was written."""
    trained = checkpoint.read_recipe(run.directory)
    changed = trained.differences(run.recipe) if trained else []
    if changed:
        lines = "; ".join(f"{name} was {old}, is {new}" for name, old, new in changed)
        raise ValueError(
            f"{run.directory / RECIPE} has changed since the training began: {lines}. "
            "Restore it, or train again in another folder."
        )
    run.check_history_unchanged(checkpoint.read_history(run.directory))


@dataclasses.dataclass(frozen=True)
class _Job:
    """A training that is ready: a compiled model, and what to train it on."""

    recipe: ResolvedRecipe
    method: Method
    model: keras.Model
    batches: keras.utils.PyDataset
    splits: dict
    shared: tuple | None
    source: DataSource

    @classmethod
    def set_up(cls, recipe, warm_start, classes, source, mirrors):
        shared = shared_classes.of_run(recipe, classes)
        splits = {name: source.split(recipe, name) for name in SPLITS}
        _check_batch(min(recipe.training.batch_size, len(splits["train"].y)))
        process = replicas.index, replicas.processes
        changes = recipes.augmentations(recipe)
        batches = training_batches(
            recipe.training, splits["train"], mirrors, process, changes
        )
        model = _started_model(recipe, warm_start, len(batches))
        replicas.vary_draws()
        method = methods.get(recipe.method)
        optimizer = optimizers.optimizer(recipe.training, len(batches))
        optimizer = method.optimizer(optimizer, model, recipe, len(batches))
        loss = optimizers.task_loss(recipe)
        model.compile(optimizer, loss, metrics=scores.scores(recipe, shared))
        model = programs.with_programs(model, recipe, method, len(batches))
        return cls(recipe, method, model, batches, splits, shared, source)

    def carry_out(self, run, callbacks, verbose, checkpoint_minutes):
        """Trains from where the run is, measures the kept weights, finishes the run."""
        model, recipe, splits = self.model, self.recipe, self.splits
        epochs = recipe.training.epochs
        is_shown = verbose and replicas.is_first
        progress = BriefProgress(epochs) if is_shown else contextlib.nullcontext()
        shown = [progress] if is_shown else []
        of_method = [
            *self.method.callbacks(model, recipe, splits),
            *_mask_freeze(model, recipe, len(self.batches)),
        ]
        text = _full_disk_reported(run), _peer_loss_reported(run)
        interrupted = Interruption(run.directory)
        with text[0], text[1], progress, _record(run) as record, interrupted as watch:
            others = *of_method, *callbacks, RecordedEpochs(record)
            best_epoch, seconds = loop.fit(
                model,
                run,
                self.batches,
                splits,
                [*shown, *others],
                watch,
                checkpoint_minutes,
            )
            results = {
                "best_epoch": best_epoch,
                "complementarity": model.complementarity(),
                "parameters": model.count_params(),
                "training_seconds": seconds,
            }
            for name in ("validation", "test"):
                results[name] = {
                    **measured(model, recipe, splits[name], self.shared),
                    **self.source.omitted_samples(name),
                }
            results["codes_used"] = results["test"]["codes_used"]
            # Before the run is finished: a killed process comes here again.
            record.finish(results)
            run.finish(results)


def _record(run):
    """The records of a run where it stands; the first process keeps them."""
    begun = checkpoint.read(run.directory)
    epoch = begun[0].epoch if begun else 0
    return Record(run, epoch, names=None if replicas.is_first else ())


@contextlib.contextmanager
def _full_disk_reported(run):
    """Says how to go on after a full disk, where that was not said already."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            f"{error}. The previous state is kept. Free some space, then: cmvq train "
            f"--resume {run.directory}"
        ) from error


@contextlib.contextmanager
def _peer_loss_reported(run):
    """Says how to go on after another process of the training died."""
    try:
        with replicas.peer_loss_reported():
            yield
    except PeerLostError as error:
        raise PeerLostError(
            f"{error}. Continue on the remaining devices: cmvq train --resume "
            f"{run.directory}"
        ) from error


def _mirrors(recipe):
    return recipes.mirrors(recipe) if recipe.training.mirror else None


def _started_model(recipe, warm_start, steps):
    source = load_model(warm_start.run) if warm_start else None
    set_random_seed(recipe.training.seed)
    model = build_model(recipe)
    _delay_mask(model, recipe, steps)
    if source:
        transfer(source, model, warm_start.keep_solver, warm_start.keep_mask)
    return model


def _delay_mask(model, recipe, steps):
    """Starts an automatic mask where it closes late."""
    if recipe.model.mask_start == AUTO and _adam_moves_mask(model, recipe, "ternary"):
        model.start_mask(optimizers.reach(recipe.training, steps))


def _mask_freeze(model, recipe, steps):
    """The callback that freezes a mask late, where it holds: a clamp would bring the
    weights back to the threshold."""
    share, clamp = recipe.model.mask_freeze, recipe.model.mask_clamp
    if share is None or clamp is not None or not _adam_moves_mask(model, recipe):
        return
    epoch = optimizers.epoch_after(share, recipe.training, steps)
    if epoch is not None:
        yield MaskFreeze(epoch, optimizers.reach(recipe.training, steps, epoch))


def _adam_moves_mask(model, recipe, *modes):
    """Whether it is known how far weights of a mask move, a binary one or one of other
    modes: SGD moves a weight by its gradient."""
    learns = recipe.model.mask_mode in ("binary", *modes)
    known = learns and recipe.training.optimizer != "sgd"
    return known and isinstance(model, MaskedClassifier)
