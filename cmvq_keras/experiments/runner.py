"""All trainings of a comparison: in turn in this process, or several at a time."""

import dataclasses
import gc

import keras
import numpy as np

from cmvq_keras.experiments import plan, sample_check, tables, trial
from cmvq_keras.experiments.progress import ProgressReporter
from cmvq_keras.experiments.workers import Workers
from cmvq_keras.runs.run import Run


def train(study, variants, seeds, source, reporter=None, jobs=1):
    """Trains what is missing.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        variants: `plan.Variant`s, rows of it.
        seeds: of the trainings.
        source: a `cmvq_keras.runs.data_source.DataSource`; the reporter shows how far
            a preparation is.
        reporter: a `cmvq_keras.experiments.progress.ProgressReporter`, or None.
        jobs: how many at a time; more than one have a process each.

    Returns:
        The `trial.Result`s of these variants and seeds.

    Raises:
        ValueError: when a finished trial has other settings, or the test samples are
            others than before.
        FileNotFoundError: when raw data is missing; it says how to get it.
        FileExistsError: when another process trains into the same folder.
    """
    reporter = reporter or ProgressReporter()
    planned = plan.order(variants, seeds)
    source = dataclasses.replace(source, on_progress=reporter.preparing)
    test = _Tests(study, source)
    with study.lock():
        found = {each: _finished(each, study.out) for each in planned}
        study.write()
        missing = [each for each in planned if found[each] is None]
        if jobs > 1 and len(missing) > 1:
            ended = _at_a_time(jobs, study, missing, source, test)
        else:
            ended = _in_turn(study.out, missing, source, test, reporter, planned)
        for each, result in ended:
            found[each] = result
            tables.write_trials(study)
            if jobs > 1:
                reporter.starts(each, planned.index(each) + 1, len(planned))
            left = seconds_left(planned, found)
            reporter.ends(result, left and left / min(jobs, len(missing)))
    return [found[each] for each in planned]


def _in_turn(out, missing, source, test, reporter, planned):
    for each in missing:
        reporter.starts(each, planned.index(each) + 1, len(planned))
        yield each, trial.do(each, out, source, test, reporter)
        keras.backend.clear_session()
        gc.collect()


def _at_a_time(jobs, study, missing, source, test):
    for first in {each.variant.label: each for each in missing}.values():
        # Prepared and checked once, before any process asks for it.
        source.for_recipe(first.recipe)
        test(first)
    # No function goes to another process.
    source = dataclasses.replace(source, on_progress=None)
    with Workers(min(jobs, len(missing)), study.recipe) as workers:
        yield from workers.results(missing, study.out, source)


def _finished(planned, out):
    """A trial's `Result` if it has ended; its settings are those that are planned.

    Raises:
        ValueError: when they are others.
    """
    folder = planned.folder(out)
    result = trial.read(planned.variant.label, planned.seed, folder)
    if result is None or result.failure:
        return result
    if Run.open(folder).recipe != planned.recipe:
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
