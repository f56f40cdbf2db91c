"""What a table's foot says: everything that its numbers depend on."""

from cmvq_keras.comparing import statistics


def lines(study, results):
    """Pairs of a name and a text.

    Args:
        study: a `cmvq_keras.comparing.studies.Study`.
        results: its `trial.Result`s.
    """
    recipe, training = study.recipe, study.recipe.training
    modalities = " and ".join(recipe.modalities)
    limit = "none" if training.limit is None else f"{training.limit:,} of each split"
    by = training.select_by.replace("_", " ")
    yield "Recipe", f"{recipe.name} ({modalities}), preset {recipe.preset}"
    yield "Settings that differ from the preset's", ", ".join(study.changed) or "none"
    yield "Limit", limit
    yield "Epochs", f"{training.epochs}; the best one on validation data, by {by}"
    yield "Backend", f"{study.backend} on {_devices(results)}"
    yield "Seeds", _seeds(study, results)
    yield from _tests(study)
    yield _data(study, results)
    yield (
        "Numbers",
        "mean ± standard deviation over seeds; intervals: "
        f"{statistics.LEVEL} %, {statistics.RESAMPLES:,} draws of test samples and of "
        "seeds; differences: of the same seeds and samples",
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
