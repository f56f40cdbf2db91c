"""What a comparison says, question by question: each sentence comes from one rule.

A rule looks at measured numbers with their 95 % intervals (seeds and test samples drawn
anew, see `cmvq_keras.experiments.statistics`) and gives a `Finding`, or None where what
it needs was not trained. The thresholds stand here and in
`cmvq_keras.experiments.paired`, and docs/advise.md lists them.
"""

import dataclasses

from cmvq_keras.experiments import statistics
from cmvq_keras.experiments.evidence import Evidence
from cmvq_keras.experiments.paired import (
    ALIKE,
    BETTER,
    MARGIN,
    UNCLEAR,
    WORSE,
    decided,
)

FLOOR = 0.05  # bits of the label below which a modality adds nothing
FAR = 0.15  # between training and test score: memorized


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one rule says.

    Args:
        question: what it answers.
        answer: one word or two, e.g. "yes", "unclear".
        sentence: the answer with its numbers.
    """

    question: str
    answer: str
    sentence: str


def fusion_overfits(evidence: Evidence) -> Finding | None:
    """Whether plain fusion loses against the best modality alone."""
    found = evidence.fusion and evidence.fusion.against.get("alone")
    if not found:
        return None
    best, say = evidence.best_alone, evidence.words
    amount = say.amount(found.mean)
    answer, sentence = {
        WORSE: ("yes", f"Plain fusion loses {amount} against {best} alone"),
        BETTER: ("no", f"Plain fusion gains {amount} over {best} alone"),
        ALIKE: ("no", f"Plain fusion is within {say.one} of {best} alone"),
        UNCLEAR: (
            UNCLEAR,
            f"It is not clear whether plain fusion beats {best} alone",
        ),
    }[decided(found.interval)]
    is_said = answer != UNCLEAR and "within" not in sentence
    between = say.between(found.interval) if is_said else say.signed(found)
    return Finding("Does fusion overfit?", answer, f"{sentence} ({between}).")


def ours_mends(evidence: Evidence) -> Finding | None:
    """Whether CM-VQVAE gets back what plain fusion loses."""
    found = evidence.ours and evidence.ours.against.get("fusion")
    if not found:
        return None
    outcome, say = decided(found.interval), evidence.words
    if outcome == UNCLEAR:
        sentence = "It is not clear whether ours beats plain fusion"
        return Finding(_MENDS, UNCLEAR, f"{sentence} ({say.signed(found)}).")
    if outcome == ALIKE:
        sentence = f"Ours is within {say.one} of plain fusion"
        return Finding(_MENDS, "no difference", f"{sentence} ({say.signed(found)}).")
    verb = "gains" if outcome == BETTER else "loses"
    sentence = (
        f"Ours {verb} {say.amount(found.mean)} against plain fusion "
        f"({say.between(found.interval)})."
    )
    alone = evidence.ours.against.get("alone")
    if outcome == BETTER and alone and decided(alone.interval) == WORSE:
        best = evidence.best_alone
        sentence += (
            f" It is still {say.amount(alone.mean)} below {best} alone "
            f"({say.between(alone.interval)})."
        )
        return Finding(_MENDS, "in part", sentence)
    return Finding(_MENDS, "yes" if outcome == BETTER else "no", sentence)


_MENDS = "Does ours mend it?"


def bits_added(evidence: Evidence) -> Finding | None:
    """How many bits of the label each modality adds to the others."""
    bits = evidence.ours.bits if evidence.ours else {}
    if not bits:
        return None
    if is_unlearnt(evidence, evidence.ours):
        sentence = "Ours is not above chance, so its bits say nothing."
        return Finding(_ADDED, "unknown", sentence)
    parts, none = [], silent(evidence)
    for name, number in bits.items():
        text = f"{name} adds {number.mean:.2f} bits of the label"
        if number.interval:
            text += f" ({_spread(number.interval)} over seeds)"
        parts.append(text + (", which is nothing" if name in none else ""))
    most = max(bits, key=lambda name: bits[name].mean)
    sentence = f"Modality {'; '.join(parts)}."
    if _misses_what_is_there(evidence):
        sentence += (
            " Ours uses less than plain fusion finds, so these are the bits of ours, "
            "not of the data."
        )
        return Finding(_ADDED, f"of what ours uses, {most} the most", sentence)
    answer = "none" if len(none) == len(bits) else f"{most} the most"
    return Finding(_ADDED, answer, sentence)


_ADDED = "Which modality adds how much?"


def silent(evidence: Evidence) -> list[str]:
    """The modalities that add fewer than `FLOOR` bits, the whole interval; none where
    ours has not learned, or is worse than plain fusion."""
    if evidence.ours is None or is_unlearnt(evidence, evidence.ours):
        return []
    if _misses_what_is_there(evidence):
        return []
    bits = evidence.ours.bits
    return [
        name
        for name, number in bits.items()
        if (number.interval or (0, number.mean))[1] < FLOOR
    ]


def _misses_what_is_there(evidence):
    """Whether ours is worse than plain fusion: its mask or its training then leaves
    out bits that the data hold."""
    found = evidence.ours.against.get("fusion")
    return found is not None and decided(found.interval) == WORSE


def missing(evidence: Evidence) -> Finding | None:
    """What is left where a modality is missing."""
    if evidence.ours is None or not evidence.ours.without:
        return None
    question = "What happens when one is missing?"
    if is_unlearnt(evidence, evidence.ours):
        sentence = "Ours is not above chance, so nothing can be lost."
        return Finding(question, "unknown", sentence)
    whole, say = evidence.ours.score.mean, evidence.words
    parts, losses = [], {}
    for name, number in evidence.ours.without.items():
        losses[name] = whole - number.mean
        text = (
            f"Without {name} ours has {say.value(number.mean)} in place of "
            f"{say.value(whole)}"
        )
        others = [other for other in evidence.alone if other != name]
        if len(others) == 1:
            alone = evidence.alone[others[0]].score.mean
            text += f"; a network of {others[0]} alone has {say.value(alone)}"
        parts.append(f"{text}.")
    worst = max(losses, key=losses.__getitem__)
    answer = f"{worst} matters most" if losses[worst] > MARGIN else "little is lost"
    return Finding(question, answer, " ".join(parts))


def shallow_suffices(evidence: Evidence) -> Finding | None:
    """Whether kernel ridge is as good as the best network."""
    found = evidence.shallow_difference()
    if found is None or found.interval is None:
        return None
    best, say = evidence.networks[0].title, evidence.words
    answer, sentence = {
        BETTER: ("yes", f"Kernel ridge beats the best network ({best})"),
        ALIKE: (
            "yes",
            f"Kernel ridge is within {say.one} of the best network ({best})",
        ),
        WORSE: ("no", f"The best network ({best}) beats kernel ridge"),
        UNCLEAR: (
            UNCLEAR,
            f"It is not clear whether kernel ridge reaches the best network ({best})",
        ),
    }[decided(found.interval)]
    sentence = f"{sentence} ({say.signed(found)})."
    return Finding("Is a shallow model as good?", answer, sentence)


def unlearnt(evidence: Evidence) -> list[str]:
    """Titles of the networks whose interval does not lie above chance."""
    return [row.title for row in evidence.networks if is_unlearnt(evidence, row)]


def is_unlearnt(evidence: Evidence, row) -> bool:
    """Whether the interval of a row's score does not lie above chance."""
    chance = evidence.chance
    return chance is not None and row.score.interval[0] <= chance


def is_beaten_by_shallow(evidence: Evidence) -> bool:
    """Whether kernel ridge is better than the best network."""
    found = evidence.shallow_difference()
    return bool(found and found.interval and decided(found.interval) == BETTER)


def too_short(evidence: Evidence) -> list[str]:
    """Titles of the networks whose validation score still rose at the end."""
    return [
        row.title for row in evidence.networks if evidence.rises.get(row.label, 0) > 0
    ]


def learnt(evidence: Evidence) -> Finding:
    """Whether the networks have learned, and still rose at the end."""
    chance, short = unlearnt(evidence), too_short(evidence)
    question = "Have the networks learned?"
    parts = []
    if chance and evidence.chance is not None:
        share = evidence.words.value(evidence.chance)
        parts.append(f"Not above chance ({share}): {', '.join(chance)}.")
    if short:
        parts.append(
            f"Still rising after {evidence.epochs} epochs: {', '.join(short)}."
        )
    if not parts:
        after = f"still rose after {evidence.epochs} epochs."
        sentence = f"All networks are above chance, and none {after}"
        if evidence.chance is None:
            sentence = f"No network {after}"
        return Finding(question, "yes", sentence)
    answer = "not all" if len(chance) < len(evidence.networks) else "no"
    return Finding(question, answer if chance else "too short", " ".join(parts))


def memorized(evidence: Evidence) -> Finding | None:
    """Whether the best network is far better on its training samples."""
    best = evidence.networks[0]
    if best.gap is None:
        return None
    gap = best.gap.mean
    text = (
        f"The best network ({best.title}) has {evidence.words.amount(gap)} "
        f"{'more' if gap >= 0 else 'less'} on its training samples than on the test "
        "samples."
    )
    if gap > FAR:
        text += " More training samples should help."
    return Finding("Does it memorize?", "yes" if gap > FAR else "no", text)


def what_would_decide(evidence: Evidence) -> Finding | None:
    """How many seeds and samples would find the least difference that counts."""
    open_ones = undecided(evidence)
    if not open_ones:
        return None
    parts = [f"{title}: {_needed(evidence, each)}" for title, each in open_ones.items()]
    return Finding("What would decide?", "more", " ".join(parts))


def _needed(evidence, found):
    """What would find the least difference that counts."""
    if found.deviation is None:
        return "one seed cannot say how seeds differ. Train three or more."
    seeds = statistics.seeds_needed(found.deviation, MARGIN)
    error = found.samples_error or 0.0
    samples = statistics.samples_needed(evidence.n, error, MARGIN)
    parts = []
    if seeds > evidence.seeds:
        parts.append(f"{seeds} seeds in place of {evidence.seeds}")
    if samples > evidence.n:
        parts.append(f"{samples:,} test samples in place of {evidence.n:,}")
    if not parts:
        return "a few more seeds."
    return f"{' and '.join(parts)} would find a difference of {evidence.words.one}."


def undecided(evidence: Evidence) -> dict:
    """The unclear differences to the best alone and to plain fusion, by what they
    compare."""
    found = {}
    for row, name, to in (
        (evidence.fusion, "alone", f"{evidence.best_alone} alone"),
        (evidence.ours, "fusion", "plain fusion"),
        (evidence.ours, "alone", f"{evidence.best_alone} alone"),
    ):
        difference = row.against.get(name) if row else None
        if difference and decided(difference.interval) == UNCLEAR:
            title = "Plain fusion" if row is evidence.fusion else "Ours"
            found[f"{title} and {to}"] = difference
    return found


RULES = (
    fusion_overfits,
    ours_mends,
    bits_added,
    missing,
    shallow_suffices,
    learnt,
    memorized,
    what_would_decide,
)


def _spread(interval):
    low, high = interval
    return f"95 %: {low:.2f} to {high:.2f}"
