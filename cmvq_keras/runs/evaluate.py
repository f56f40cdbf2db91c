"""Measures the kept weights of a run."""

from cmvq_keras import recipe_file, recipes
from cmvq_keras.backend.runtime import deterministic
from cmvq_keras.evaluation import (
    conditional_information,
    missing_modality,
    scores,
    shared_classes,
)
from cmvq_keras.runs import locking, stores
from cmvq_keras.runs.load import load_model, precision_policy
from cmvq_keras.runs.run import Run
from cmvq_keras.runs.warm_start import noted_classes


def evaluate(
    run, split="test", data_dir=None, store=None, on_progress=None, without=()
):
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
    run = run if isinstance(run, Run) else Run.open(run)
    with locking.alone(run.directory), deterministic():
        return _evaluate(run, split, data_dir, store, on_progress, without)


def _evaluate(run, split, data_dir, store, on_progress, without):
    recipe = run.recipe
    missing_modality.check(recipe, without)
    store = stores.store_of_run(run, data_dir, store, on_progress)
    if store is None:
        recipe_file.check_run(run)
    data = load_split(recipe, split, data_dir, store)
    shared = shared_classes.between(recipe.classes, noted_classes(run))
    model = load_model(run)
    with precision_policy(recipe.training.precision):
        model.compile(metrics=scores.scores(recipe, shared))
        results = measured(model, recipe, data, shared) | omitted_samples(store, split)
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


def omitted_samples(store, split):
    count = len(store.left_out(split)) if store else 0
    return {"left_out": count} if count else {}


def load_split(recipe, split, data_dir, store):
    return recipes.load_split(recipe, split, data_dir, recipe.training.limit, store)
