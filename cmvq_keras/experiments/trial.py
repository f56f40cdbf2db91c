"""One training of a comparison: done, measured, and read back."""

import dataclasses
import math
import os
import pathlib
import time

import keras
import numpy as np
from scipy.special import logsumexp

from cmvq_keras import fileio
from cmvq_keras.batches import evaluation_batches
from cmvq_keras.evaluation import missing_modality
from cmvq_keras.experiments import outcomes, sample_check
from cmvq_keras.fileio import to_json
from cmvq_keras.models.labels import IGNORED_LABEL
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
    measured = _measure(run, split, about, last.weights, source)
    measured["seconds"] = seconds
    fileio.write_atomically(folder / FINISHED, to_json(measured), out)
    return read(trial.variant.label, trial.seed, folder)


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
        last: the weights of the last epoch, or None.
        source: a `DataSource`.
    """
    recipe = run.recipe
    model = load_model(run)
    task = model.inference_model()
    answers, nll = _answers(task, recipe, split)
    sample_check.check_count(len(answers), about.n, str(run.directory))
    outcomes.write(run.directory, answers, recipe)
    found = outcomes.kind(recipe)(answers, len(recipe.classes))
    metrics = run.metrics
    environment = run.environment
    measured = {
        "score": _score(answers, recipe),
        "second": found.second(),
        "nll": nll,
        "n": len(found),
        "samples": about.checksum,
        "store": about.store,
        "parameters": trained_parameters(model),
        "inference_parameters": sum(math.prod(w.shape) for w in task.weights),
        "best_epoch": metrics["best_epoch"],
        "validation": metrics["validation"][outcomes.kind(recipe).score_name],
        **_complementarity(metrics.get("complementarity") or {}),
        "bits": (metrics["test"].get("information") or {}).get("bits", {}),
        "without": _without(model, recipe, split),
        "versions": environment["versions"],
        "commit": environment["commit"],
        "devices": environment["devices"],
    }
    train, _ = _answers(task, recipe, source.split(recipe, "train"))
    measured["train_score"] = _score(train, recipe)
    if last is not None:
        # The same model again: on JAX it is compiled then.
        model.set_weights(last)
        answers, _ = _answers(task, recipe, split)
        measured["last_score"] = _score(answers, recipe)
    return measured


def _score(answers, recipe):
    found = outcomes.kind(recipe)(answers, len(recipe.classes))
    return float(found.scores(np.ones((1, len(found)), np.int64))[0])


def _complementarity(measured):
    """compl and zeta, each by modality; one zeta for all is named ""."""
    zeta = measured.get("zeta")
    return {
        "compl": measured.get("compl") or {},
        "zeta": zeta if isinstance(zeta, dict) else {"": zeta},
    }


def _without(model, recipe, split):
    """The score without each modality that the task sees; empty for one alone."""
    names = model.task_modalities
    if len(names) < 2:
        return {}
    found = missing_modality.measure(model, recipe, split, names)
    score = outcomes.kind(recipe).score_name
    return {name: each[score] for name, each in found.items()}


def _answers(task, recipe, split):
    """The answers of a model to a split, and its mean negative log-likelihood in nats
    of the labels that count."""
    batches = evaluation_batches(recipe, split, task.input)
    parts, costs = [], []
    for index in range(len(batches)):
        x, labels = batches[index]
        logits = keras.ops.convert_to_numpy(task.predict_on_batch(x))
        labels = np.asarray(labels)
        parts.append(outcomes.of_batch(labels, logits.argmax(axis=-1), recipe))
        costs.append(_costs(labels, logits))
    return np.concatenate(parts), float(np.concatenate(costs).mean())


def _costs(labels, logits):
    """-log softmax of the true classes, of all labels that count, float64."""
    logits = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    labels = labels.reshape(-1)
    counted = labels != IGNORED_LABEL
    logits, labels = logits[counted], labels[counted]
    return logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]


def trained_parameters(model):
    """How many numbers of a model its optimizer changes."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


class LastWeights(keras.callbacks.Callback):
    """Keeps the weights of the last epoch, before the best ones are loaded.

    Attributes:
        weights: as `Model.get_weights`; None where no epoch was trained.
    """

    weights = None

    def on_train_end(self, logs=None):
        self.weights = self.model.get_weights()


class EpochReporter(keras.callbacks.Callback):
    """Hands each epoch's end on to a `ProgressReporter`."""

    def __init__(self, reporter):
        super().__init__()
        self._reporter = reporter

    def on_epoch_end(self, epoch, logs=None):
        self._reporter.epoch(epoch + 1, self.params["epochs"])
