"""Compare methods, or the values of settings: what the command line calls."""

import os
from collections.abc import Iterable, Mapping, Sequence

import keras

from cmvq_keras import methods, recipes
from cmvq_keras.data.store import reader
from cmvq_keras.data.store.store import Store
from cmvq_keras.data.transforms import standardization
from cmvq_keras.experiments import plan, runner, tuning
from cmvq_keras.experiments.cluster import check_installed
from cmvq_keras.experiments.progress import ProgressReporter
from cmvq_keras.experiments.study import COMPARE, SWEEP, Study, begin
from cmvq_keras.old_names import keyword_only, renamed_argument
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs.data_source import DataSource


@renamed_argument("told", "reporter")
@keyword_only
def compare(
    recipe: str | Recipe,
    names: Sequence[str] | str | None = None,
    *,
    seeds: Iterable[int] = range(5),
    out: str | os.PathLike = "comparison",
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    reporter: ProgressReporter | None = None,
    jobs: int = 1,
    tune: int = 0,
    cluster: str | None = None,
) -> Study:
    """Trains a recipe by several methods, each with several seeds.

    Without names it is the standard comparison: each modality alone, the ensemble,
    plain fusion, CM-VQVAE and, where scikit-learn is installed, kernel ridge.

    A second call with the same settings goes on where the first one was stopped, and
    may add methods and seeds.

    Args:
        recipe: a `Recipe`, or a recipe's name.
        names: methods in the order of the table; "all" for every one, None for the
            standard comparison. Those that do not apply are left out.
        seeds: of the trainings.
        out: the folder of the comparison.
        data_dir, store: as in `cmvq_keras.train`.
        reporter: a `cmvq_keras.experiments.progress.ProgressReporter`, or None.
        jobs: how many are trained at a time, see `runner.train`.
        tune: with how many seeds of its own each method first chooses its one number
            (`cmvq_keras.methods.method.Method.tuned`) by validation; 0 for none.
        cluster: address of a Dask scheduler on whose workers all are trained, as
            "tcp://HOST:8786"; `out` and the data must lie in folders that they share.

    Returns:
        The `cmvq_keras.experiments.study.Study`.

    Raises:
        ValueError: for unknown methods, when none applies, when `out` holds a
            comparison with other settings, and for seeds that are those of the tuning.
        FileExistsError: when `out` holds something else.
        FileNotFoundError: when raw data is missing; it says how to get it.
        ImportError, OSError: for a cluster, as in `runner.train`.
    """
    check_installed(cluster)
    source = DataSource(data_dir, store)
    recipe, seeds = measured(recipe, source), list(seeds)
    tuning_seeds = tuning.seeds_of(tune, seeds)
    variants, left = variants_of(recipe, names, source)
    study = begun(COMPARE, out, recipe, variants, left, tune)
    if tune:
        variants = tuning.choose(
            variants, tuning_seeds, study, source, reporter, jobs, cluster
        )
    runner.train(study, variants, seeds, source, reporter, jobs, cluster)
    return study


@renamed_argument("told", "reporter")
@keyword_only
def sweep(
    recipe: str | Recipe,
    over: Mapping[str, Sequence],
    *,
    seeds: Iterable[int] = range(5),
    out: str | os.PathLike = "sweep",
    data_dir: str | os.PathLike | None = None,
    store: str | os.PathLike | Store | None = None,
    reporter: ProgressReporter | None = None,
    jobs: int = 1,
    cluster: str | None = None,
) -> Study:
    """Trains a recipe with several values of a setting, each with several seeds.

    Args:
        recipe, seeds, out, data_dir, store, reporter, jobs, cluster: as in `compare`.
        over: lists of values, or of their texts, by setting; every combination of
            them is trained.

    Returns:
        The `cmvq_keras.experiments.study.Study`.

    Raises:
        ValueError, FileExistsError, FileNotFoundError, ImportError, OSError: as in
            `compare`.
    """
    check_installed(cluster)
    source = DataSource(data_dir, store)
    recipe = measured(recipe, source)
    variants = plan.of_settings(recipe, over)
    study = begun(SWEEP, out, recipe, variants, [])
    runner.train(study, variants, seeds, source, reporter, jobs, cluster)
    return study


def variants_of(recipe, names, source):
    """The variants of some methods that can be trained on a source's data.

    Args:
        recipe: a `ResolvedRecipe`.
        names: as in `compare`.
        source: a `cmvq_keras.runs.data_source.DataSource`.

    Returns:
        As `cmvq_keras.experiments.plan.of_methods`.

    Raises:
        ValueError: for unknown methods, and when none applies.
    """
    variants, left = plan.of_methods(recipe, names)
    if source.store is not None:
        source = source.for_recipe(recipe)
        variants, unfit = _fitting(variants, source.store, recipe)
        left += unfit
    if not variants:
        reasons = "; ".join(f"{each['method']}: {each['reason']}" for each in left)
        others = ", ".join(methods.of_task(recipe.task))
        raise ValueError(
            f"No method applies to {recipe.name}: {reasons}. These train "
            f"{recipe.task}: {others}"
        )
    return variants, left


def measured(recipe, source):
    """The recipe as each of its runs will hold it: no offset or scale is "auto"."""
    recipe = recipes.resolve(recipe)
    if standardization.are_measured(recipe):
        return recipe
    return source.for_recipe(recipe).measured(recipe)


def begun(kind, out, recipe, variants, left, tune=0):
    """The `Study` of a folder on this backend; arguments as in
    `cmvq_keras.experiments.study.begin`."""
    return begin(out, kind, recipe, keras.config.backend(), variants, left, tune)


def _fitting(variants, store, recipe):
    """Those that can be trained from a store, and why the others cannot.

    A store of pairs holds no samples of a modality alone.
    """
    samples, _ = store.meta(next(iter(store.manifest["splits"])))
    paired = reader.PAIR in samples[0]
    # What is wrong with the recipe itself is an error, and no method's.
    reader.check_fit(recipe, store, paired)
    fitting, left = [], []
    for variant in variants:
        try:
            reader.check_fit(variant.recipe, store, paired)
        except ValueError as error:
            # A table is shown to others: no path of this machine.
            reason = str(error).removeprefix(f"{store.folder} ")
            if paired and set(variant.recipe.modalities) != set(recipe.modalities):
                reason = "the store holds only pairs: it needs --data-dir"
            entry = {"method": variant.method, "title": variant.title}
            left.append({**entry, "reason": reason})
        else:
            fitting.append(variant)
    return fitting, left
