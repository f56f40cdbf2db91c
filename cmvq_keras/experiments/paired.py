"""What a fusion has to beat, and by how much each method does: differences of pairs.

Two references stand in every comparison that has them: the best modality alone (the
highest mean score, chosen on the same test samples, which is in its favour) and plain
fusion. A p-value is that of flipped signs over seeds, see
`cmvq_keras.experiments.statistics`; Holm's correction is over all methods that
see all modalities.
"""

import dataclasses

import numpy as np

from cmvq_keras import methods
from cmvq_keras.experiments import score_words, statistics

ALONE, FUSION = "unimodal", "all-features"
OURS = "ours"
POINTS = (1, 2)  # hundredths: differences to plan seeds for
MARGIN = 0.01  # differences inside are no difference for a user: one point, or of R2
BETTER, WORSE, ALIKE, UNCLEAR = "better", "worse", "alike", "unclear"


@dataclasses.dataclass(frozen=True)
class Difference:
    """A method minus a reference, on the same seeds and test samples.

    Args:
        to: the reference's label.
        mean: in [-1, 1].
        deviation: over seeds; None for one seed.
        interval: of the mean, over seeds and samples.
        p: by flipped signs; None for one seed.
        holm: the same, corrected over methods; None where none is counted.
        samples_error: the standard error of the mean that is due to the test samples
            alone; None where it was not measured.
    """

    to: str
    mean: float
    deviation: float | None
    interval: tuple[float, float]
    p: float | None = None
    holm: float | None = None
    samples_error: float | None = None

    @property
    def seeds_needed(self):
        """By points, how many seeds would find a difference of so many; empty for one
        seed."""
        if self.deviation is None:
            return {}
        return {
            points: statistics.seeds_needed(self.deviation, points / 100)
            for points in POINTS
        }


def decided(interval: tuple[float, float]) -> str:
    """What an interval of a difference says: "better", "worse", "alike" (all of it
    within `MARGIN`) or "unclear"."""
    low, high = interval
    if low >= -MARGIN and high <= MARGIN:
        return ALIKE
    if low > 0:
        return BETTER
    return WORSE if high < 0 else UNCLEAR


def difference(own, others, drawn):
    """The `Difference` of a row's trials to a reference's; None where no seed and no
    test samples are the same.

    Args:
        own, others: lists of finished `trial.Result`s of one label each.
        drawn: scores on drawn samples by label and seed, `statistics.drawn_scores`.
    """
    by_seed = {each.seed: each for each in others}
    pairs = [(each, by_seed[each.seed]) for each in own if each.seed in by_seed]
    if not pairs or own[0].label == others[0].label:
        return None
    if len({each.measured["samples"] for pair in pairs for each in pair}) > 1:
        return None
    scores = [a.measured["score"] - b.measured["score"] for a, b in pairs]
    of_draws = [drawn[a.label, a.seed] - drawn[b.label, b.seed] for a, b in pairs]
    mean, deviation = statistics.mean_and_deviation(scores)
    p = statistics.permutation_p(scores) if len(scores) > 1 else None
    interval = statistics.interval(of_draws)
    error = float(np.mean(of_draws, axis=0).std())
    return Difference(
        others[0].label, mean, deviation, interval, p, samples_error=error
    )


def references(study, by_label):
    """The labels to compare with: of the best modality alone as "alone", of plain
    fusion as "fusion", each where it was trained.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        by_label: finished `trial.Result`s by label.
    """
    method = {row["label"]: row["method"] for row in study.rows}
    means = {
        label: np.mean([each.measured["score"] for each in own])
        for label, own in by_label.items()
        if method[label] == ALONE
    }
    found = {"alone": max(means, key=means.__getitem__)} if means else {}
    if FUSION in by_label:
        found["fusion"] = FUSION
    return found


def of_study(study, finished, drawn):
    """By label, its `Difference`s to the references by their name.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        finished: its finished `trial.Result`s.
        drawn: as in `difference`.
    """
    by_label = {}
    for each in finished:
        by_label.setdefault(each.label, []).append(each)
    found = {label: {} for label in by_label}
    counted = {row["label"] for row in study.rows if _sees_all(study, row)}
    for name, reference in references(study, by_label).items():
        for label, own in by_label.items():
            other = difference(own, by_label[reference], drawn)
            if other is not None:
                found[label][name] = other
        _correct(found, name, counted)
    return found


def _sees_all(study, row):
    """Whether a model gets all modalities: one of a part is no rival of fusion."""
    full = study.recipe_of(row["label"])
    own = methods.get(row["method"]).variants(full).get(row["label"], full)
    return len(own.modalities) == len(full.modalities)


def _correct(found, name, counted):
    """Puts Holm's correction over the counted labels into their differences."""
    tested = [
        label
        for label, own in found.items()
        if label in counted and name in own and own[name].p is not None
    ]
    corrected = statistics.holm([found[label][name].p for label in tested])
    for label, p in zip(tested, corrected, strict=True):
        found[label][name] = dataclasses.replace(found[label][name], holm=p)


def warnings(rows, say=score_words.PERCENT):
    """Lines that say where plain fusion beats ours, as the verdict counts it.

    Args:
        rows: `cmvq_keras.experiments.table_content.Row`s.
        say: the `cmvq_keras.experiments.score_words.ScoreWords` of their score.
    """
    for row in rows:
        found = row.against.get("fusion")
        if row.label == OURS and found and decided(found.interval) == WORSE:
            low, high = (say.plain(edge, "+", 1) for edge in found.interval)
            yield (
                f"Warning: plain fusion beats ours by {say.plain(-found.mean, '', 1)} "
                f"{say.of} (ours minus plain fusion, 95 %: {low} to {high})."
            )
