"""A comparison's rows: each variant's numbers over its seeds."""

import dataclasses

import numpy as np

from cmvq_keras.comparing import outcomes, statistics


@dataclasses.dataclass(frozen=True)
class Number:
    """A number over seeds: its mean, its standard deviation (None for one seed) and
    its interval (None where there is none)."""

    mean: float
    deviation: float | None = None
    interval: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """A variant in the table.

    Args:
        label, title: see `cmvq_keras.comparing.plan.Variant`.
        values: what a sweep gives it, by setting.
        seeds: of its finished trials; without any, all below is empty.
        n: test samples.
        score: a `Number` in [0, 1]: accuracy, or mean IoU under segmentation.
        scores: of each seed.
        second: a `Number`: macro-F1, or the accuracy of pixels.
        difference: a `Number`: score minus that of the reference, over the seeds and
            samples that both have; None where there are none.
        compl: `Number`s in percent by modality; None where the method has none.
        zeta: the same; one for all modalities together is named "".
        parameters: how many are trained.
        seconds: a `Number`: of a training.
    """

    label: str
    title: str
    values: dict
    seeds: tuple
    n: int | None = None
    score: Number | None = None
    scores: tuple = ()
    second: Number | None = None
    difference: Number | None = None
    compl: dict = dataclasses.field(default_factory=dict)
    zeta: dict = dataclasses.field(default_factory=dict)
    parameters: int | None = None
    seconds: Number | None = None


def of_study(study, results=None):
    """The rows of a comparison.

    Args:
        study: a `cmvq_keras.comparing.studies.Study`.
        results: its `trial.Result`s, where they have been read before.

    Returns:
        A list of `Row`s, in the table's order.
    """
    results = study.results() if results is None else results
    finished = [each for each in results if not each.failure]
    drawn = _drawn(study, finished)
    return [_row(study, entry, finished, drawn) for entry in study.rows]


def score_names(study):
    """What score and second are called in a comparison."""
    kind = outcomes.kind(study.recipe)
    return kind.score_name, kind.second_name


def names(study, measured, key):
    """The names that compl or zeta has: modalities in the recipe's order, then others.

    Args:
        study: a `cmvq_keras.comparing.studies.Study`.
        measured: dictionaries that hold such names under `key`.
        key: "compl" or "zeta".
    """
    found = dict.fromkeys(name for each in measured for name in each.get(key, ()))
    first = [name for name in study.recipe.modalities if name in found]
    return [*first, *(name for name in found if name not in first)]


def _drawn(study, finished):
    """Each trial's scores on the same draws of samples, `(draws,)` by label and seed.

    Trials on other samples are drawn by themselves.
    """
    groups = {}
    for each in finished:
        key = each.measured["samples"]
        recipe = study.recipe_of(each.label)
        groups.setdefault(key, {})[each.label, each.seed] = each.outcomes(recipe)
    found = {}
    for group in groups.values():
        found |= statistics.drawn_scores(group)
    return found


def _row(study, entry, finished, drawn):
    label = entry["label"]
    own = [each for each in finished if each.label == label]
    row = Row(label, entry["title"], entry["values"], tuple(e.seed for e in own))
    if not own:
        return row
    measured = [each.measured for each in own]
    scores = [each["score"] for each in measured]
    of_draws = np.stack([drawn[label, each.seed] for each in own])
    return dataclasses.replace(
        row,
        n=measured[0]["n"],
        score=_number(scores, statistics.interval(of_draws)),
        scores=tuple(scores),
        second=_number([each["second"] for each in measured]),
        difference=_difference(study, own, finished, drawn),
        compl=_by_name(study, measured, "compl"),
        zeta=_by_name(study, measured, "zeta"),
        parameters=measured[0]["parameters"],
        seconds=_number([each["seconds"] for each in measured]),
    )


def _difference(study, own, finished, drawn):
    others = {each.seed: each for each in finished if each.label == study.reference}
    pairs = [(each, others[each.seed]) for each in own if each.seed in others]
    if not pairs or own[0].label == study.reference:
        return None
    if len({each.measured["samples"] for pair in pairs for each in pair}) > 1:
        return None
    scores = [a.measured["score"] - b.measured["score"] for a, b in pairs]
    of_draws = [drawn[a.label, a.seed] - drawn[b.label, b.seed] for a, b in pairs]
    return _number(scores, statistics.interval(of_draws))


def _by_name(study, measured, key):
    """A `Number` over seeds by name, where every seed has one."""
    found = {}
    for name in names(study, measured, key):
        values = [each[key].get(name) for each in measured]
        if None not in values:
            found[name] = _number(values, statistics.interval_over_seeds(values))
    return found


def _number(values, interval=None):
    return Number(*statistics.mean_and_deviation(values), interval)
