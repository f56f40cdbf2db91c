"""One training of a comparison: done, measured, and read back."""

import dataclasses
import gc
import math
import os
import pathlib
import time

import keras
import numpy as np

from cmvq_keras import fileio
from cmvq_keras.batches import inference_batches
from cmvq_keras.evaluation import left_out, missing_modality
from cmvq_keras.evaluation.submodels import submodel
from cmvq_keras.experiments import outcomes, sample_check
from cmvq_keras.experiments.progress import ProgressReporter
from cmvq_keras.fileio import to_json
from cmvq_keras.runs import checkpoint, environment
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run
from cmvq_keras.training import api
from cmvq_keras.validation import must_be

#: Types of the entries of trial.json that are no number.
_NOTED = {
    "compl": dict,
    "zeta": dict,
    "samples": str,
    "store": str | None,
    "versions": dict,
    "commit": str | None,
    "devices": list,
}
FINISHED, FAILED = "trial.json", "failed.json"
# By version 0.2.0.
_ADDED = ("bits", "without")
_ADDED_NUMBERS = (
    "inference_parameters",
    "nll",
    "train_score",
    "last_score",
    "validation",
)
# These end a comparison: the next training would meet them too.
_OF_THE_MACHINE = (OSError, MemoryError, ImportError)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a trial came to.

    Args:
        label: of its variant.
        seed: of the training.
        folder: its run folder.
        measured: numbers by name; empty for a training that failed.
        failure: why it failed, or None.
    """

    label: str
    seed: int
    folder: pathlib.Path
    measured: dict
    failure: str | None = None

    def outcomes(self, recipe):
        """Its answers to the test samples, see `cmvq_keras.experiments.outcomes`."""
        return outcomes.read(self.folder, recipe, self.measured["n"])


def read(label, seed, folder):
    """A trial's `Result`; None where it has not ended.

    Args:
        label: of its variant.
        seed: of the training.
        folder: its run folder, `OUT/label/seed-N` of a comparison's folder OUT.

    Raises:
        ValueError: for a damaged file.
    """
    for name in (FINISHED, FAILED):
        path = folder / name
        if not os.path.lexists(path):
            continue
        content = fileio.read_json(path, root=_root(folder))
        try:
            if name == FAILED:
                return Result(label, seed, folder, {}, _reason(content))
            _check(content)
        except (ValueError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{path} is not a readable JSON file: {fileio.one_line(error)}"
            ) from None
        return Result(label, seed, folder, content)
    return None


def _root(folder):
    """The comparison's folder that a trial's lies in."""
    return folder.parent.parent


def _reason(content):
    reason = content.get("reason")
    if not isinstance(reason, str):
        raise ValueError(must_be("reason", "a text", reason))
    return fileio.printable(reason)


def _check(content):
    if not isinstance(content, dict):
        raise ValueError("it must hold a JSON object")
    for name, kind in _NOTED.items():
        if name not in content or not isinstance(content[name], kind):
            raise ValueError(f"{name} is missing or of another type")
    for name in ("score", "second", "seconds", "parameters", "n", "best_epoch"):
        value = content.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name} must be a number. Received: {value!r}")
    for name in _ADDED_NUMBERS:
        value = content.setdefault(name, None)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise ValueError(f"{name} must be a number. Received: {value!r}")
    for name in ("compl", "zeta", *_ADDED):
        found = content.setdefault(name, {}) if name in _ADDED else content[name]
        if not isinstance(found, dict):
            raise ValueError(f"{name} must hold numbers. Received: {found!r}")
        for value in found.values():
            if value is not None and not isinstance(value, (int, float)):
                raise ValueError(f"{name} must hold numbers. Received: {value!r}")


def do(trial, out, source, test, reporter):
    """Trains and measures a trial.

    Args:
        trial: a `cmvq_keras.experiments.plan.Trial`.
        out: the folder of the comparison. A training that was cut off goes on from
            its checkpoint; where it has none that fits, what it left goes.
        source: a `cmvq_keras.runs.data_source.DataSource`.
        test: function from the trial's recipe to its test split and
            `sample_check.About`.
        reporter: a `cmvq_keras.experiments.progress.ProgressReporter`.

    Returns:
        Its `Result`. A training that fails is recorded; what is wrong with the
        machine, the disk or the test samples is raised.
    """
    folder = trial.folder(out)
    recipe = trial.recipe
    # What is prepared for many trainings is in no training's time.
    source = source.for_recipe(recipe)
    split, about = test(trial)
    places = {"data_dir": source.data_dir, "store": source.store}
    last = LastWeights()
    callbacks = [EpochReporter(reporter), last]
    options = {"callbacks": callbacks, "verbose": False, **places}
    fileio.make_folder(folder, out)
    before = seconds_before(folder, recipe, source)
    if before is None:
        fileio.remove_folder(folder, out)
    started = time.perf_counter() - (before or 0)
    try:
        if before is None:
            run = api.train(recipe, out=folder, **options)
        else:
            run = api.resume(folder, **options)
    except _OF_THE_MACHINE:
        raise
    except Exception as error:
        return _failed(trial, out, error)
    seconds = time.perf_counter() - started
    measured = _measure(run, split, about, last, source)
    measured["seconds"] = seconds
    fileio.write_atomically(folder / FINISHED, to_json(measured), out)
    return read(trial.variant.label, trial.seed, folder)


def do_alone(trial, out, source):
    """As `do`, in a process that other trainings come after: nothing is reported, and
    at the end the memory is free.

    Args:
        trial, out, source: as in `do`; the source reports no progress.
    """

    def test(planned):
        variant = planned.variant
        return sample_check.load(variant.full, variant.recipe, source)

    try:
        return do(trial, out, source, test, ProgressReporter())
    finally:
        keras.backend.clear_session()
        gc.collect()


def seconds_before(folder, recipe, source):
    """How long a training that was cut off has worked; None unless it can go on here.

    It has to be of the same recipe, data, versions and machine: then it ends as if it
    had never been stopped.

    Args:
        folder: the trial's run folder.
        recipe: what is to be trained, resolved.
        source: a `cmvq_keras.runs.data_source.DataSource`.
    """
    try:
        run = Run.open_begun(folder)
        found = checkpoint.read(folder) if run.is_resumable else None
        source.same_as(run)
    except (OSError, ValueError):
        return None
    if found is None or run.recipe != recipe:
        return None
    if environment.differences(run.environment, recipe.training):
        return None
    return found[0].seconds


def _failed(trial, out, error):
    folder = trial.folder(out)
    reason = " ".join(str(error).split()) or type(error).__name__
    fileio.make_folder(folder, out)
    fileio.write_atomically(folder / FAILED, to_json({"reason": reason}), out)
    return read(trial.variant.label, trial.seed, folder)


def _measure(run, split, about, last, source):
    """The numbers of a run's kept epoch; its answers go into its folder.

    Args:
        run: the finished `Run`.
        split, about: of the test.
        last: the training's `LastWeights`.
        source: a `DataSource`.
    """
    recipe = run.recipe
    # What was trained just now has the kept weights, and its programs are compiled.
    model = load_model(run) if last.weights is None else last.model
    names = model.task_modalities if len(model.task_modalities) > 1 else ()
    scores_without = missing_modality.ScoresWithout(model, recipe, names)
    on_batch = scores_without.update if names else None
    answers, nll = answers_of(model, recipe, split, on_batch)
    sample_check.check_count(len(answers), about.n, str(run.directory))
    outcomes.write(run.directory, answers, recipe)
    found = outcomes.of_recipe(answers, recipe)
    metrics = run.metrics
    environment = run.environment
    measured = {
        "score": found.score(),
        "second": found.second(),
        "nll": nll,
        "n": len(found),
        "samples": about.checksum,
        "store": about.store,
        "parameters": trained_parameters(model),
        "inference_parameters": sum(
            math.prod(w.shape) for w in submodel(model).weights
        ),
        "best_epoch": metrics["best_epoch"],
        "validation": metrics["validation"][found.score_name],
        **_complementarity(metrics.get("complementarity") or {}),
        "bits": (metrics["test"].get("information") or {}).get("bits", {}),
        "without": _without(run, scores_without.results()),
        "versions": environment["versions"],
        "commit": environment["commit"],
        "devices": environment["devices"],
    }
    train, _ = answers_of(model, recipe, source.split(recipe, "train"))
    measured["train_score"] = outcomes.of_recipe(train, recipe).score()
    if last.weights is not None:
        if metrics["best_epoch"] != last.epoch:
            model.set_weights(last.weights)
            answers, _ = answers_of(model, recipe, split)
        measured["last_score"] = outcomes.of_recipe(answers, recipe).score()
    return measured


def _complementarity(measured):
    """compl and zeta, each by modality; one zeta for all is named ""."""
    zeta = measured.get("zeta")
    return {
        "compl": measured.get("compl") or {},
        "zeta": zeta if isinstance(zeta, dict) else {"": zeta},
    }


def _without(run, measured):
    """The score without each modality that the task sees; empty for one alone.

    All that was measured is noted in the run's metrics.json.

    Args:
        run: the `Run`.
        measured: the results of `missing_modality.ScoresWithout`.
    """
    if not measured:
        return {}
    metrics = run.metrics
    test = {**metrics[sample_check.SPLIT], "without": measured}
    run.write_metrics({**metrics, sample_check.SPLIT: test})
    score = outcomes.kind(run.recipe).score_name
    return {name: each[score] for name, each in measured.items()}


def answers_of(model, recipe, split, on_batch=None):
    """The answers of a model to a split.

    Args:
        model: a built `MultimodalClassifier`.
        recipe: its `Recipe`.
        split: a `cmvq_keras.data.split.Split`.
        on_batch: called with each batch of `cmvq_keras.evaluation.left_out.outputs`;
            None where nothing is to be left out.

    Returns:
        The answers, and their mean negative log-likelihood in nats of the labels that
        count; None for a model without probabilities.
    """
    own, parts, costs = outcomes.kind(recipe), [], []
    source = _with_all if on_batch is None else left_out.outputs
    for outputs, labels in source(model, recipe, split):
        if on_batch is not None:
            on_batch(outputs, labels)
        labels = np.asarray(labels)
        parts.append(outcomes.of_batch(labels, own.decided(outputs[""]), recipe))
        costs.append(own.costs(labels, outputs[""]))
    likely = None if costs[0] is None else float(np.concatenate(costs).mean())
    return np.concatenate(parts), likely


def _with_all(model, recipe, split):
    """As `cmvq_keras.evaluation.left_out.outputs`, and leaves nothing out."""
    task = submodel(model)
    batches = inference_batches(recipe, split, task.input)
    for index in range(len(batches)):
        x, labels = batches[index]
        found = keras.ops.convert_to_numpy(task.predict_on_batch(x))
        yield {"": found.astype("float32")}, labels


def trained_parameters(model):
    """How many numbers of a model its optimizer changes."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


class LastWeights(keras.callbacks.Callback):
    """Keeps the weights of the last epoch, before the best ones are loaded.

    Attributes:
        weights: as `Model.get_weights`; None where no epoch was trained.
        epoch: the number of the last epoch, from 1.
    """

    weights = epoch = None

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_end(self, logs=None):
        self.weights = self.model.get_weights()


class EpochReporter(keras.callbacks.Callback):
    """Hands each epoch's end on to a `ProgressReporter`."""

    def __init__(self, reporter):
        super().__init__()
        self._reporter = reporter

    def on_epoch_end(self, epoch, logs=None):
        self._reporter.epoch(epoch + 1, self.params["epochs"])
