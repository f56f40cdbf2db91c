"""The verdict of a comparison: a recommendation in words, and what it rests on."""

import dataclasses

from cmvq_keras.experiments.evidence import Evidence
from cmvq_keras.experiments.findings import (
    RULES,
    Finding,
    is_beaten_by_shallow,
    silent,
    too_short,
    unlearnt,
)
from cmvq_keras.experiments.paired import BETTER, MARGIN, UNCLEAR, decided

TRAIN_LONGER, KEEP, DROP, MORE_DATA = "train-longer", "keep", "drop", "more-data"
RECOMMENDATIONS = (TRAIN_LONGER, KEEP, DROP, MORE_DATA)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a comparison says as a whole.

    Args:
        recommendation: one of `RECOMMENDATIONS`.
        sentence: the recommendation in words.
        findings: what it rests on, `Finding`s.
    """

    recommendation: str
    sentence: str
    findings: list[Finding]

    def __str__(self) -> str:
        """The findings, and the recommendation at the end."""
        lines = [
            f"{each.question} {each.answer}\n  {each.sentence}"
            for each in self.findings
        ]
        return "\n".join([*lines, "", self.sentence])


def of_evidence(evidence: Evidence) -> Verdict | None:
    """The `Verdict`; None for a comparison that has not trained a modality alone and
    all of them together.

    Args:
        evidence: what was measured.
    """
    if not evidence.alone or not evidence.joint:
        return None
    found = [rule(evidence) for rule in RULES]
    recommendation, sentence = recommend(evidence)
    return Verdict(recommendation, sentence, [each for each in found if each])


def recommend(evidence: Evidence) -> tuple[str, str]:
    """The recommendation and its sentence; the first of these that holds.

    1. The best network still rises (or any, where none is above chance), or kernel
       ridge beats it: train longer. None is above chance: more data.
    2. A joint network beats the best modality alone: keep all modalities.
    3. All other modalities add no bits, or are not above chance alone and no fusion is
       a point better, or no joint network is better or unclear: drop them.
    4. A joint network is not above chance where others are: train longer. Else the
       numbers do not decide: more data.
    """
    best, a_point = evidence.networks[0], evidence.words.one
    names = " and ".join(evidence.alone)
    is_chance = len(unlearnt(evidence)) == len(evidence.networks)
    if is_chance and too_short(evidence):
        return TRAIN_LONGER, (
            "Train longer: no network is above chance, and some still rise."
        )
    if evidence.rises.get(best.label, 0) > 0:
        return TRAIN_LONGER, (
            f"Train longer, for example {2 * evidence.epochs} epochs: the best "
            f"network, {best.title}, still rises. Until then the other answers are "
            "provisional."
        )
    if is_beaten_by_shallow(evidence):
        return TRAIN_LONGER, (
            "Kernel ridge beats every network: they have not learned what is there. "
            f"Train longer than {evidence.epochs} epochs, or take kernel ridge."
        )
    if is_chance:
        return MORE_DATA, (
            f"No network is above chance after {evidence.epochs} epochs. Train longer, "
            "check labels and pairs, then collect more data."
        )
    outcomes = {
        row.title: decided(row.against["alone"].interval)
        for row in evidence.joint
        if "alone" in row.against
    }
    winners = [title for title, outcome in outcomes.items() if outcome == BETTER]
    if winners:
        return KEEP, f"Keep {names}, with {winners[0]}."
    alone = evidence.best_alone
    others = [name for name in evidence.alone if name != alone]
    dropped = " and ".join(others)
    if others and set(others) <= set(silent(evidence)):
        return DROP, f"Drop {dropped}: {alone} alone is enough, the rest adds no bits."
    hopeless = set(unlearnt(evidence))
    if others and {evidence.alone[name].title for name in others} <= hopeless:
        best = evidence.alone[alone]  # pyright: ignore
        gain = evidence.joint[0].score.mean - best.score.mean
        if gain <= MARGIN:
            they_are = "it is" if len(others) == 1 else "they are"
            return DROP, (
                f"Drop {dropped}: alone {they_are} not above chance, and no fusion "
                f"gains more than {a_point} over {alone} alone."
            )
    if outcomes and UNCLEAR not in outcomes.values():
        return DROP, (
            f"Drop {dropped}: no fusion beats {alone} alone by more than {a_point}."
        )
    lost = [row.title for row in evidence.joint if row.title in hopeless]
    if lost and len(hopeless) < len(evidence.networks):
        return TRAIN_LONGER, (
            f"Train longer than {evidence.epochs} epochs: {lost[0]} is not above "
            "chance where others are, so it has not learned what is there."
        )
    return MORE_DATA, (
        f"The numbers do not decide whether {names} together beat {alone} alone. "
        "Collect more data, or train more seeds."
    )
