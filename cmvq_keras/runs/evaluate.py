"""Measures the kept weights of a run."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from cmvq_keras.backend.runtime import deterministic
from cmvq_keras.data.store.store import Store
from cmvq_keras.evaluation import (
    conditional_information,
    missing_modality,
    scores,
    shared_classes,
)
from cmvq_keras.models import optimizers
from cmvq_keras.old_names import keyword_only, renamed_argument
from cmvq_keras.runs import locking
from cmvq_keras.runs.data_source import DataSource
from cmvq_keras.runs.load import load_model, precision_policy
from cmvq_keras.runs.run import Run, as_run
from cmvq_keras.runs.warm_start import noted_classes


@renamed_argument("told", "on_progress")
@keyword_only
def evaluate(
    run: str | os.PathLike | Run,
    split: str = "test",
    *,
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    without: Sequence[str] = (),
) -> dict[str, Any]:
    """Measures a run's kept weights on one split and notes it in its metrics.json.

    Args:
        run: the run folder (or an open `Run`).
        split: "train", "validation" or "test".
        data_dir, on_progress: as in `train`.
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
        `cmvq_keras.evaluation.shared_classes`. With modality dropout also
        "information", see
        `cmvq_keras.evaluation.conditional_information`; with `without` also
        "without", by modality, see `cmvq_keras.evaluation.missing_modality`.

    Raises:
        FileNotFoundError, ValueError: as in `train`, when the folder is no run, and
            for a modality that cannot be left out.
    """
    source = DataSource(data_dir, store, on_progress)
    return evaluate_from(source, run, split, without)


def evaluate_from(source, run, split="test", without=()):
    """As `evaluate`, on the data of a `DataSource`."""
    run = as_run(run)
    with locking.alone(run.directory), deterministic():
        return _evaluate(run, split, source, without)


def _evaluate(run, split, source, without):
    recipe = run.recipe
    missing_modality.check(recipe, without)
    source = source.for_run(run)
    data = source.split(recipe, split)
    shared = shared_classes.of_run(recipe, noted_classes(run))
    model = load_model(run)
    with precision_policy(recipe.training.precision):
        loss = optimizers.task_loss(recipe)
        model.compile(loss=loss, metrics=scores.scores(recipe, shared))
        results = measured(model, recipe, data, shared) | source.omitted_samples(split)
        if without:
            found = missing_modality.measure(model, recipe, data, without)
            results["without"] = found
    complementarity = model.complementarity()
    run.write_metrics(
        {**run.metrics, "complementarity": complementarity, split: results}
    )
    return results


def measured(model, recipe, split, shared):
    results = scores.measure(model, recipe, split, shared)
    if conditional_information.is_measured(recipe):
        results["information"] = conditional_information.measure(model, recipe, split)
    return results
