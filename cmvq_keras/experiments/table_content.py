"""A comparison's rows: each variant's numbers over its seeds."""

import dataclasses

import numpy as np

from cmvq_keras import recipes
from cmvq_keras.experiments import outcomes, paired, plan, score_words, statistics


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
        label, title: see `cmvq_keras.experiments.plan.Variant`.
        values: what a sweep gives it, by setting.
        seeds: of its finished trials; without any, all below is empty.
        n: test samples.
        score: a `Number`, 1 at most: accuracy; mean IoU under segmentation, R2 under
            regression.
        scores: of each seed.
        second: a `Number`: macro-F1, the accuracy of pixels, or the mean absolute error
            in the targets' units.
        difference: a `Number`: score minus that of the reference, over the seeds and
            samples that both have; None where there are none.
        compl: `Number`s in percent by modality; None where the method has none.
        zeta: the same; one for all modalities together is named "".
        without: `Number`s by modality: the score without it.
        bits: `Number`s by modality: bits of the label that it adds to the others.
        parameters: how many are trained.
        seconds: a `Number`: of a training.
        inference_parameters: how many numbers the model has that answers.
        nll: a `Number`: mean negative log-likelihood in nats.
        train: a `Number`: the score on the training samples.
        gap: a `Number`: that minus the score.
        last: a `Number`: the score of the last epoch's weights.
        bits_error: a `Number`: mean distance of the bits from the true ones, where the
            recipe knows these.
        against: `cmvq_keras.experiments.paired.Difference`s: "alone" to the best
            modality alone, "fusion" to plain fusion.
        chosen: values that tuning chose, by setting.
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
    without: dict = dataclasses.field(default_factory=dict)
    bits: dict = dataclasses.field(default_factory=dict)
    parameters: int | None = None
    seconds: Number | None = None
    inference_parameters: int | None = None
    nll: Number | None = None
    train: Number | None = None
    gap: Number | None = None
    last: Number | None = None
    bits_error: Number | None = None
    against: dict = dataclasses.field(default_factory=dict)
    chosen: dict = dataclasses.field(default_factory=dict)


def of_study(study, results=None):
    """The rows of a comparison.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        results: its `trial.Result`s, where they have been read before.

    Returns:
        A list of `Row`s, in the table's order.
    """
    results = study.results() if results is None else results
    finished = [each for each in results if not each.failure]
    drawn = _drawn(study, finished)
    against = paired.of_study(study, finished, drawn)
    return [_row(study, entry, finished, drawn, against) for entry in study.rows]


def score_names(study):
    """What score and second are called in a comparison."""
    kind = outcomes.kind(study.recipe)
    return kind.score_name, kind.second_name


def names(study, measured, key):
    """The names that such numbers have: modalities in the recipe's order, then others.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        measured: dictionaries that hold such names under `key`.
        key: "compl", "zeta", "without" or "bits".
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


def _row(study, entry, finished, drawn, against):
    label = entry["label"]
    own = [each for each in finished if each.label == label]
    row = Row(label, entry["title"], entry["values"], tuple(e.seed for e in own))
    row = dataclasses.replace(row, chosen=entry.get("chosen", {}))
    if not own:
        return row
    measured = [each.measured for each in own]
    scores = [each["score"] for each in measured]
    of_draws = np.stack([drawn[label, each.seed] for each in own])
    masked = study.has_mask(label)
    return dataclasses.replace(
        row,
        n=measured[0]["n"],
        score=_number(scores, statistics.interval(of_draws)),
        scores=tuple(scores),
        second=_number([each["second"] for each in measured]),
        difference=_difference(study, own, finished, drawn),
        compl=_by_name(study, measured, "compl") if masked else {},
        zeta=_by_name(study, measured, "zeta") if masked else {},
        without=_by_name(study, measured, "without"),
        bits=_by_name(study, measured, "bits"),
        parameters=measured[0]["parameters"],
        seconds=_number([each["seconds"] for each in measured]),
        inference_parameters=measured[0]["inference_parameters"],
        nll=_of_key(measured, "nll"),
        train=_of_key(measured, "train_score"),
        gap=_gap(measured),
        last=_of_key(measured, "last_score"),
        bits_error=_bits_error(study, label, measured),
        against=against[label],
    )


def _difference(study, own, finished, drawn):
    others = [each for each in finished if each.label == study.reference]
    found = paired.difference(own, others, drawn) if others else None
    return found and Number(found.mean, found.deviation, found.interval)


def _of_key(measured, key):
    """A `Number` over seeds; None where a seed has none, as those of 0.1.0."""
    values = [each[key] for each in measured]
    return None if None in values else _number(values)


def _gap(measured):
    if any(each["train_score"] is None for each in measured):
        return None
    return _number([each["train_score"] - each["score"] for each in measured])


def _bits_error(study, label, measured):
    """Mean distance of a method's bits from the true ones."""
    recipe = study.recipe_of(label)
    if not recipes.is_known(recipe.name):
        return None
    truth = getattr(recipes.module(recipe.name), "truth", None)
    if truth is None:
        return None
    true = truth(recipe)["added"]
    if any(each["bits"].keys() != true.keys() for each in measured):
        return None
    errors = [
        np.mean([abs(each["bits"][name] - true[name]) for name in true])
        for each in measured
    ]
    return _number(errors)


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


def lines(study, results):
    """Pairs of a name and a text.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        results: its `trial.Result`s.
    """
    recipe, training = study.recipe, study.recipe.training
    modalities = " and ".join(recipe.modalities)
    limit = "none" if training.limit is None else f"{training.limit:,} of each split"
    kept = "the last one is kept"
    if training.select_by != "last":
        by = training.select_by.replace("_", " ")
        kept = f"the best one on validation data, by {by}"
    yield "Recipe", f"{recipe.name} ({modalities}), preset {recipe.preset}"
    yield "Settings that differ from the preset's", ", ".join(study.changed) or "none"
    yield "Limit", limit
    yield "Epochs", f"{training.epochs}; {kept}"
    yield "Backend", f"{study.backend} on {_devices(results)}"
    yield "Seeds", _seeds(study, results)
    if study.tune:
        first = plan.FIRST_TUNING_SEED
        yield (
            "Tuning",
            f"each method's one number, from four values, by "
            f"{score_words.title(score_names(study)[0])} "
            f"on validation data, seeds {first} to {first + study.tune - 1}",
        )
    yield from _tests(study)
    yield _data(study, results)
    yield (
        "Numbers",
        "mean ± standard deviation over seeds; intervals: "
        f"{statistics.LEVEL} %, {statistics.RESAMPLES:,} draws of test samples and of "
        "seeds; differences: of the same seeds and samples",
    )
    if study.kind == "compare" and any(
        row["method"] in (paired.ALONE, paired.FUSION) for row in study.rows
    ):
        yield (
            "p",
            "signs of the seeds' paired differences flipped, two-sided; Holm: "
            "corrected over the methods; the best modality alone is that of the "
            "highest mean score",
        )
    yield (
        "Seconds",
        "wall time of a training with its compilation, validation and test",
    )
    yield "Versions", _versions(results)


def asides(study, results):
    """Lines on what the table does not hold: methods that do not apply, failures."""
    for each in study.left:
        yield f"{each['title']} ({each['method']}) does not apply: {each['reason']}"
    trained = {result.label for result in results}
    missing = [row["title"] for row in study.rows if row["label"] not in trained]
    if missing:
        yield f"Not trained yet: {', '.join(missing)}"
    for result in results:
        if result.failure:
            yield f"{result.label}, seed {result.seed}, failed: {result.failure}"


def _devices(results):
    return _all(", ".join(each.measured["devices"]) for each in _finished(results))


def _versions(results):
    return _all(_version(each.measured) for each in _finished(results))


def _version(measured):
    found = [f"{name} {number}" for name, number in measured["versions"].items()]
    if measured["commit"]:
        found.append(f"commit {measured['commit']}")
    return ", ".join(found)


def _finished(results):
    return [each for each in results if not each.failure]


def _all(texts):
    """The different ones of some texts."""
    return "; and ".join(dict.fromkeys(texts)) or "none yet"


def _seeds(study, results):
    finished = _finished(results)
    seeds = sorted({each.seed for each in finished})
    missing = []
    for row in study.rows:
        own = {each.seed for each in finished if each.label == row["label"]}
        lacking = [str(seed) for seed in seeds if seed not in own]
        if own and lacking:
            missing.append(f"{row['title']} lacks {', '.join(lacking)}")
    return "; ".join([", ".join(map(str, seeds)) or "none yet", *missing])


def _tests(study):
    limit = study.recipe.training.limit
    groups = {}
    for label, about in study.tests.items():
        key = about["checksum"], about["n"]
        groups.setdefault(key, (about, []))[1].append(label)
    for about, labels in groups.values():
        whose = "" if len(groups) == 1 else f" ({', '.join(labels)})"
        yield f"Split{whose}", _split(about, limit)
        yield f"Samples{whose}", f"SHA-256 of names and labels {about['checksum']}"


def _split(about, limit):
    # Earlier notes have the size of a store that was cut at the limit.
    if about["size"] in (None, limit):
        return f"test, n = {about['n']:,}, the first ones (limit)"
    whole = about["size"] + about["left_out"]
    if about["n"] == whole:
        return f"test, n = {about['n']:,}, the whole split"
    parts = [f"test, n = {about['n']:,} of {whole:,}"]
    if about["left_out"]:
        parts.append(f"{about['left_out']:,} could not be read, see the store")
    if about["n"] < about["size"]:
        parts.append("the first ones (limit)")
    return "; ".join(parts)


def _data(study, results):
    # A trial of an earlier version noted none: the folder's note has it then.
    noted = {label: about["store"] for label, about in study.tests.items()}
    stores = [
        each.measured.get("store", noted.get(each.label)) for each in _finished(results)
    ]
    if any(stores):
        return "Store", _all(f"SHA-256 of its manifest {each}" for each in stores)
    settings = " ".join(f"{k}={v}" for k, v in study.recipe.data.items())
    return "Data", f"not from a store; its settings: {settings or 'none'}"
