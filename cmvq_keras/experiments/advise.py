"""The small standard comparison, within some minutes, and its verdict."""

import dataclasses
import os
import pathlib

from cmvq_keras import recipes, validation
from cmvq_keras.data.store.store import Store
from cmvq_keras.data.tables import Table
from cmvq_keras.experiments import api, budget, conclusion, paired, plan, runner
from cmvq_keras.experiments import study as studies
from cmvq_keras.experiments.conclusion import Conclusion
from cmvq_keras.experiments.plan import SHALLOW
from cmvq_keras.experiments.progress import ProgressReporter
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs import tables
from cmvq_keras.runs.data_source import DataSource

DROPOUT = "model.modality_dropout"
MINUTES, SEEDS = 30, 3


def advise(
    recipe: str | Recipe | None = None,
    out: str | os.PathLike = "advice",
    *,
    minutes: float = MINUTES,
    seeds: int = SEEDS,
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    table: str | os.PathLike | Table | None = None,
    reporter: ProgressReporter | None = None,
) -> Conclusion:
    """Says whether to fuse some modalities, after a small comparison.

    It trains each modality alone, the ensemble, plain fusion, CM-VQVAE and, where
    scikit-learn is installed, kernel ridge. CM-VQVAE has modality dropout, as in preset
    "calibrated": bits and scores without a modality need it. See docs/advise.md.

    A second call with the same settings goes on where the first one was stopped.

    Args:
        recipe: a `Recipe`, or a recipe's name; None for that of `store` or `table`.
        out: the folder of the comparison, as `cmvq_keras.compare` makes it.
        minutes: for all trainings, > 0. Epochs and seeds are fewer where they do not
            fit, see `cmvq_keras.experiments.budget`; the first seed is always trained.
        seeds: of each method, at most; from 1 up.
        data_dir, store, table: as in `cmvq_keras.train`.
        reporter: a `cmvq_keras.experiments.progress.ProgressReporter`, or None.

    Returns:
        The `cmvq_keras.experiments.conclusion.Conclusion`: "verdict", "table", "study"
        and what was written.

    Raises:
        ValueError: for a recipe of one modality, for settings out of range, and when
            `out` holds a comparison with other settings.
        FileExistsError: when `out` holds something else.
        FileNotFoundError: when raw data is missing; it says how to get it.
    """
    validation.in_range(minutes, "`minutes`", "(0, inf)")
    validation.in_range(seeds, "`seeds`", "[1, inf)", int)
    reporter = reporter or ProgressReporter()
    source = DataSource(data_dir, _store(store, table, data_dir), reporter.preparing)
    recipe = api.measured(_recipe(recipe, source.store), source)
    if len(recipe.modalities) < 2:
        raise ValueError(
            f"A recipe to advise on must have two modalities or more. {recipe.name} "
            f"has: {', '.join(recipe.modalities)}"
        )
    asked = recipe.training.epochs
    begun = _epochs_begun(out, asked)
    if begun is None:
        variants, _ = _variants(recipe, source)
        trainings = sum(each.method != SHALLOW for each in variants)
        reporter.planned("Timing epochs of ours.")
        cost = budget.measure(_slowest(variants), source)
        begun = budget.epochs_for(
            asked, cost, trainings=trainings, seeds=seeds, seconds=60 * minutes
        )
        seconds = trainings * (cost.fixed + begun * cost.epoch)
        reporter.planned(_planned(begun, asked, seconds, minutes))
    recipe = recipes.resolve(recipe.with_settings({"training.epochs": begun}))
    variants, left = _variants(recipe, source)
    study = api.begun(studies.COMPARE, out, recipe, variants, left)
    done = _train(study, variants, seeds, source, reporter, 60 * minutes)
    notes = _notes(asked, begun, seeds, done, minutes)
    for _, text in notes:
        reporter.planned(text)
    return conclusion.of_study(study, notes)


def _store(store, table, data_dir):
    if table is None:
        return store
    if store is not None or data_dir is not None:
        raise ValueError("Give only one of `table`, `store` and `data_dir`")
    return tables.prepare(table)


def _recipe(recipe, store):
    if recipe is None and store is None:
        raise ValueError("Give one of `recipe`, `store` and `table`")
    if recipe is None:
        opened = store if isinstance(store, Store) else Store.open(store)
        recipe = opened.recipe
    return recipes.resolve(recipe)


def _epochs_begun(out, asked):
    """The epochs of a comparison that was begun before; None for a new folder.

    Raises:
        FileExistsError: when the folder holds something else.
    """
    try:
        before = studies.read(out)
    except FileNotFoundError:
        studies.check_free(pathlib.Path(out))
        return None
    return min(asked, before.recipe.training.epochs)


def _variants(recipe, source):
    """The variants of the standard comparison, ours with modality dropout."""
    variants, left = api.variants_of(recipe, None, source)
    return [_with_dropout(each, recipe) for each in variants], left


def _with_dropout(variant, recipe):
    if variant.method != paired.OURS or recipe.model.modality_dropout > 0:
        return variant
    share = recipes.PRESETS["calibrated"][DROPOUT]
    changed = recipes.resolve(variant.recipe.with_settings({DROPOUT: share}))
    title = f"{variant.title} (modality dropout {plan.shown(share)})"
    return dataclasses.replace(variant, recipe=changed, title=title)


def _slowest(variants):
    """The recipe of ours: no other network has decoders."""
    return next(
        (each.recipe for each in variants if each.method == paired.OURS),
        variants[-1].recipe,
    )


def _train(study, variants, seeds, source, reporter, seconds):
    """Trains a seed of all variants, and further ones while their time fits; returns
    how many."""
    for seed in range(seeds):
        planned = plan.order(variants, range(seed + 1))
        found = {each: runner.finished(each, study.out) for each in planned}
        ended = [each for each in found.values() if each is not None]
        spent = sum(each.measured.get("seconds", 0) for each in ended)
        left = runner.seconds_left(planned, found)
        if seed and spent + (left or 0) > seconds and len(ended) < len(planned):
            return seed
        runner.train(study, variants, [seed], source, reporter)
    return seeds


def _planned(epochs, asked, seconds, minutes):
    """What is going to be trained, in words."""
    text = f"{epochs} epochs"
    if epochs < asked:
        text += f" of the recipe's {asked}, to fit {minutes:g} minutes"
    text += f"; a seed of all methods takes about {seconds / 60:.1f} minutes."
    if seconds > 60 * minutes:
        text += " That is more than there are: the first seed is trained all the same."
    return text


def _notes(asked, epochs, seeds, done, minutes):
    """Pairs of a name and a text on what the budget has cut."""
    parts = []
    if epochs < asked:
        parts.append(f"{epochs} epochs in place of the recipe's {asked}")
    if done < seeds:
        parts.append(f"{done} of {seeds} seeds")
    cut = " and ".join(parts) or "nothing was cut"
    return (("Budget", f"{minutes:g} minutes: {cut}."),)
