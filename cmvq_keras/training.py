"""Train and evaluate: what the command line calls and a script can call."""

import contextlib
import pathlib

import keras

from cmvq_keras import (
    information,
    measuring,
    methods,
    missing,
    optimizing,
    preparing,
    recipe_file,
    recipes,
    shared_classes,
)
from cmvq_keras.building import build_model, effective
from cmvq_keras.callbacks import (
    BestWeights,
    BriefProgress,
    ComplementarityLog,
    HistoryFile,
)
from cmvq_keras.data.augment import Mirrored
from cmvq_keras.data.pipeline import Batches
from cmvq_keras.data.split import SPLITS
from cmvq_keras.distribution import check_precision
from cmvq_keras.origin import Origin, noted_classes
from cmvq_keras.run import Run
from cmvq_keras.transfer import transfer


def train(
    recipe,
    data_dir=None,
    out=None,
    callbacks=(),
    verbose=True,
    store=None,
    init_from=None,
    keep_solver=False,
    keep_mask=False,
    told=None,
):
    """Trains a recipe and leaves a run folder.

    The best epoch is chosen on validation data; its weights are kept and measured
    on validation and test data.

    Args:
        recipe: a `Recipe`, or a recipe's name.
        data_dir: root folder of the raw data; None for CMVQ_DATA_DIR, else the
            user's data folder.
        out: the run folder itself; None for `runs/<recipe>-<backend>-<time>`.
        callbacks: further Keras callbacks.
        verbose: whether to show a progress bar.
        store: a prepared store (its folder, or a `cmvq_keras.data.Store`) to train
            from. Without it the raw files are prepared once, in the user's cache
            folder (see `cmvq_keras.preparing.cached`).
        init_from: the folder of a run (of any backend) whose encoders, decoders and
            codebooks the model starts with; see `cmvq_keras.transfer`.
        keep_solver: whether it starts with that run's task solver too, but for its
            last layer.
        keep_mask: whether it starts with that run's mask too.
        told: function `(split, samples done, samples in all)` of that preparation.

    Returns:
        The `Run`, its `metrics` complete.

    Raises:
        FileNotFoundError: when raw data is missing; it says how to get it. Also when
            `init_from` is no run.
        FileExistsError: when `out` already holds a run.
        ValueError: for settings and data that do not fit, and for a precision that
            the backend cannot train in on this machine.
    """
    recipe = effective(recipes.get(recipe) if isinstance(recipe, str) else recipe)
    Run.check_free(out)
    check_precision(recipe.training.precision)
    origin = Origin.open(init_from, recipe, keep_solver, keep_mask)
    others = origin.run.recipe.classes if origin else None
    shared = shared_classes.between(recipe.classes, others)
    # Before any data is read: a recipe may not say how it is mirrored.
    mirrors = recipes.mirrors(recipe) if recipe.training.mirror else None
    store = preparing.find_store(recipe, data_dir, store, told)
    splits = {name: _load(recipe, name, data_dir, store) for name in SPLITS}
    batches = training_batches(recipe.training, splits["train"], mirrors)
    with _precision(recipe.training.precision):
        model = _started_model(recipe, origin)
        method = methods.get(recipe.method)
        optimizer = optimizing.optimizer(recipe.training, len(batches))
        optimizer = method.optimizer(optimizer, model)
        model.compile(optimizer, metrics=measuring.scores(recipe, shared))
        # Not before all that can be wrong with the settings has been told.
        notes = recipe_file.notes(recipe.name)
        notes |= method.prepare(model, recipe, splits)
        if origin:
            notes["init_from"] = origin.note()
        if store:
            notes["store"] = preparing.describe(store, data_dir)
        run = Run.create(out, recipe, keras.config.backend(), notes)
        shown = [BriefProgress()] if verbose else []
        of_method = method.callbacks(model, recipe, splits)
        callbacks = [*shown, *of_method, *callbacks]
        best_epoch = _fit(model, run, batches, splits, callbacks)
        results = {
            "best_epoch": best_epoch,
            "complementarity": model.complementarity(),
            "parameters": model.count_params(),
        }
        for name in ("validation", "test"):
            results[name] = {
                **_measured(model, recipe, splits[name], shared),
                **_left_out(store, name),
            }
    results["codes_used"] = results["test"]["codes_used"]
    run.write_metrics(results)
    return run


def training_batches(settings, split, mirrors=None):
    """A training split as batches that are shuffled anew in every epoch.

    Args:
        settings: `TrainingSettings`.
        split: a `cmvq_keras.data.split.Split`.
        mirrors: see `cmvq_keras.recipes.mirrors`; None where nothing is mirrored.
    """
    batches = Batches(split.x, split.y, settings.batch_size, settings.seed)
    if mirrors:
        return Mirrored(batches, settings.mirror, mirrors, settings.seed)
    return batches


def _started_model(recipe, origin):
    source = load_model(origin.run) if origin else None
    keras.utils.set_random_seed(recipe.training.seed)
    model = build_model(recipe)
    if source:
        transfer(source, model, origin.keep_solver, origin.keep_mask)
    return model


def _fit(model, run, batches, splits, callbacks):
    """Trains; the model then has the weights of the best epoch, whose number it gives.

    Raises:
        ValueError: when no epoch had a finite loss.
    """
    recipe = run.recipe
    settings = recipe.training
    best = BestWeights(run, settings.select_by)
    model.fit(
        batches,
        validation_data=measuring.batches(recipe, splits["validation"]),
        epochs=settings.epochs,
        shuffle=False,
        class_weight=optimizing.class_weight(recipe, splits["train"].y),
        callbacks=[
            ComplementarityLog(),
            HistoryFile(run),
            best,
            *optimizing.early_stopping(settings),
            *callbacks,
        ],
        verbose=0,
    )
    if best.best_epoch is None:
        raise ValueError(
            "Training diverged: no epoch had a finite loss on validation data. Lower "
            "training.learning_rate, or set training.clip_norm. The epochs are in "
            f"{run.directory}"
        )
    model.load_weights(run.weights_path)
    return best.best_epoch


def evaluate(run, split="test", data_dir=None, store=None, told=None, without=()):
    """Measures a run's kept weights on one split and notes it in its metrics.json.

    Args:
        run: the run folder (or an open `Run`).
        split: "train", "validation" or "test".
        data_dir, told: as in `train`.
        store: as in `train`. Without `data_dir` and `store` the run is measured on
            the store that it was trained from.
        without: modalities to leave out, each by itself: the model then finds zeros
            in its channels.

    Returns:
        A dictionary: "accuracy" and "macro_f1" in [0, 1], "loss", "n", the loss's
        terms, perplexities, "codes_used" by modality, "per_class" (recall by class
        name) and "confusion" (rows: true class). Under segmentation all count pixels,
        those without a class left out, and instead of "macro_f1" there are "mean_iou"
        and "iou" by class name: None for classes that neither occur nor are predicted,
        which "mean_iou" leaves out. "left_out" counts the samples that are missing
        from the store for being damaged, where there are any. For a run that was
        initialised from one with other classes also "shared", see
        `cmvq_keras.shared_classes`. With modality dropout also "information", see
        `cmvq_keras.information`; with `without` also "without", by modality, see
        `cmvq_keras.missing`.

    Raises:
        FileNotFoundError, ValueError: as in `train`, when the folder is no run, and
            for a modality that cannot be left out.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    recipe = run.recipe
    missing.check(recipe, without)
    store = preparing.store_of_run(run, data_dir, store, told)
    if store is None:
        recipe_file.check_run(run)
    data = _load(recipe, split, data_dir, store)
    shared = shared_classes.between(recipe.classes, noted_classes(run))
    model = load_model(run)
    with _precision(recipe.training.precision):
        model.compile(metrics=measuring.scores(recipe, shared))
        results = _measured(model, recipe, data, shared) | _left_out(store, split)
        if without:
            results["without"] = {
                name: missing.measure(model, recipe, data, name) for name in without
            }
    complementarity = model.complementarity()
    run.write_metrics(
        {**run.metrics, "complementarity": complementarity, split: results}
    )
    return results


def _measured(model, recipe, split, shared):
    results = measuring.measure(model, recipe, split, shared)
    if information.is_measured(recipe):
        results["information"] = information.measure(model, recipe, split)
    return results


def _left_out(store, split):
    count = len(store.left_out(split)) if store else 0
    return {"left_out": count} if count else {}


def load_model(run):
    """A model with its weights: of a run folder, or of a .keras file.

    Args:
        run: the run folder (or an open `Run`) of a training, or the path of what
            `model.save` wrote.

    Returns:
        A `CMVQVAE`.

    Raises:
        FileNotFoundError: when there is no such run or file.
        ValueError: when the weights are damaged or of another recipe.
    """
    if not isinstance(run, Run) and pathlib.Path(run).suffix == ".keras":
        return keras.saving.load_model(run)
    run = run if isinstance(run, Run) else Run.open(run)
    with _precision(run.recipe.training.precision):
        model = build_model(run.recipe)
    try:
        model.load_weights(run.weights_path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{run.weights_path} does not hold the weights of recipe "
            f"{run.recipe.name}: {str(error).splitlines()[0]}"
        ) from error
    return model


@contextlib.contextmanager
def _precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _load(recipe, split, data_dir, store):
    return recipes.load_split(recipe, split, data_dir, recipe.training.limit, store)
