"""All trainings of a comparison: in turn in this process, or several at a time in other
processes, here or on a cluster."""

import dataclasses
import gc

import keras
import numpy as np

from cmvq_keras.experiments import plan, sample_check, tables, trial
from cmvq_keras.experiments.cluster import Cluster
from cmvq_keras.experiments.progress import ProgressReporter
from cmvq_keras.experiments.workers import Workers, recipe_file_of
from cmvq_keras.runs.run import Run
from cmvq_keras.training import programs


def train(study, variants, seeds, source, reporter=None, jobs=1, cluster=None):
    """Trains what is missing.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        variants: `plan.Variant`s, rows of it.
        seeds: of the trainings.
        source: a `cmvq_keras.runs.data_source.DataSource`; the reporter shows how far
            a preparation is.
        reporter: a `cmvq_keras.experiments.progress.ProgressReporter`, or None.
        jobs: how many at a time; more than one have a process each.
        cluster: in place of `jobs` the address of a Dask scheduler, on whose workers
            all are trained; None for this machine.

    Returns:
        The `trial.Result`s of these variants and seeds.

    Raises:
        ValueError: when a finished trial has other settings, or the test samples are
            others than before.
        FileNotFoundError: when raw data is missing; it says how to get it.
        FileExistsError: when another process trains into the same folder.
        ImportError: for a cluster, without Dask; with what to install.
        OSError: when the scheduler does not answer, and when processes die.
    """
    reporter = reporter or ProgressReporter()
    planned = plan.order(variants, seeds)
    source = dataclasses.replace(source, on_progress=reporter.preparing)
    test = _Tests(study, source)
    with study.lock():
        found = {each: finished(each, study.out) for each in planned}
        study.write()
        missing = [each for each in planned if found[each] is None]
        if cluster and missing:
            workers = Cluster(cluster, study, reporter)
        elif jobs > 1 and len(missing) > 1:
            workers = Workers(min(jobs, len(missing)), recipe_file_of(study.recipe))
        else:
            workers = None
        if workers:
            ended = _at_a_time(workers, study, missing, source, test)
        else:
            ended = _in_turn(study.out, missing, source, test, reporter, planned)
        for each, result in ended:
            found[each] = result
            tables.write_trials(study)
            if workers:
                reporter.starts(each, planned.index(each) + 1, len(planned))
            left = seconds_left(planned, found)
            at_once = max(1, min(workers.size, len(missing))) if workers else 1
            reporter.ends(result, left and left / at_once)
    return [found[each] for each in planned]


def _in_turn(out, missing, source, test, reporter, planned):
    with programs.shared():
        for each in missing:
            reporter.starts(each, planned.index(each) + 1, len(planned))
            yield each, trial.do(each, out, source, test, reporter)
            keras.backend.clear_session()
            gc.collect()


def _at_a_time(workers, study, missing, source, test):
    with workers:
        for first in {each.variant.label: each for each in missing}.values():
            # Prepared and checked once, before any process asks for it.
            source.for_recipe(first.recipe)
            test(first)
        # No function goes to another process.
        source = dataclasses.replace(source, on_progress=None)
        yield from workers.results(missing, study.out, source)


def finished(planned, out):
    """A trial's `Result` if it has ended; its settings are those that are planned.

    Raises:
        ValueError: when they are others.
    """
    folder = planned.folder(out)
    result = trial.read(planned.variant.label, planned.seed, folder)
    if result is None or result.failure:
        return result
    if plan.decisive(Run.open(folder).recipe) != plan.decisive(planned.recipe):
        raise ValueError(
            f"{folder} was trained with other settings than "
            f"{planned.variant.title} has now. Choose another folder, or remove it."
        )
    return result


def seconds_left(planned, found):
    """How long the trials that are missing may take; None before any has ended.

    Args:
        planned: `plan.Trial`s.
        found: by trial its `trial.Result`, or None.
    """
    spent = {}
    for each, result in found.items():
        if result is not None and not result.failure:
            own = spent.setdefault(each.variant.label, [])
            own.append(result.measured["seconds"])
    if not spent:
        return None
    known = {label: np.mean(own) for label, own in spent.items()}
    usual = np.mean(list(known.values()))
    missing = [each for each in planned if found[each] is None]
    return float(sum(known.get(each.variant.label, usual) for each in missing))


class _Tests:
    """The test split of a trial; the last one is kept, as most have the same."""

    def __init__(self, study, source):
        self._study = study
        self._source = source
        self._key = self._found = None

    def __call__(self, planned):
        full, recipe = planned.variant.full, planned.variant.recipe
        modalities = {**full.modalities, **recipe.modalities}
        key = modalities, recipe.data, recipe.training.limit, full.task
        if key != self._key:
            self._found = sample_check.load(full, recipe, self._source)
            self._key = key
        split, about = self._found  # pyright: ignore
        self._study.note_test(planned.variant.label, about)
        return split, about
