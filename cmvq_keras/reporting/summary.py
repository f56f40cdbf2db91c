"""What a run has learnt, in words.

Counts of channels are stated and not judged. What a modality gives is said from bits
and from scores without it, and only as far as their intervals allow.
"""


def channels(complementarity, mask_mode="binary"):
    """Sentences on the channels that the task sees, and on zeta.

    Args:
        complementarity: see `cmvq_keras.metrics.complementarity`.
        mask_mode: the setting `model.mask_mode`.
    """
    counts, total = complementarity["counts"], complementarity["channels"]
    if mask_mode == "none":
        yield "The model has no mask: the task sees all channels."
        return
    order = sorted(counts, key=counts.get, reverse=True)
    if not any(counts.values()):
        yield "No channel is complementary: the task solver sees nothing."
        return
    listed = ", ".join(f"{name} {counts[name]:g}" for name in order)
    yield f"The task sees {sum(counts.values()):g} of {total} channels: {listed}."
    if len(counts) == 1:
        yield "There is one modality, so zeta is 0."
        return
    zeta = complementarity["zeta"]
    if isinstance(zeta, dict):
        text = ", ".join(f"{name} {zeta[name]:.2f}" for name in order)
        equal = 1 / (len(counts) - 1)
        yield (
            f"Zeta by modality is {text}: its channels divided by all other ones. "
            f"{equal:.2f} is an equal share."
        )
    else:
        yield f"Zeta is {zeta:.2f}: the smaller count divided by the larger."


def information(measured):
    """Sentences on how many bits of the label each modality adds.

    Args:
        measured: see `cmvq_keras.evaluation.conditional_information.measure`; None
            where it was not.
    """
    if measured is None:
        return
    for name, bits in measured["bits"].items():
        low, high = measured["interval"][name]
        between = f"95 %: {low:.2f} to {high:.2f}"
        if low > 0:
            yield f"Modality {name} adds {bits:.2f} bits of the label ({between})."
        else:
            yield f"Modality {name} adds no measurable bits of the label ({between})."
    yield from _compared(measured["interval"], "adds more", "adds the most")
    zeta = measured["zeta"]
    if zeta is None:
        yield "The bits are too few for a zeta."
    elif not isinstance(zeta, dict):
        yield f"Zeta of these bits is {zeta:.2f}."


def missing(measured, score="accuracy"):
    """Sentences on the accuracy, or R2, that is lost without each modality.

    Args:
        measured: see `cmvq_keras.evaluation.missing_modality.measure`; None where it
            was not.
        score: what is lost: "accuracy", or "R2".
    """
    if not measured:
        return
    # Points of a share in percent; R2 is none.
    factor, digits, unit = (1, 3, "") if score == "R2" else (100, 1, " points")
    what = f"the {score}" if score == "accuracy" else score
    for name, found in measured.items():
        low, high = (factor * end for end in found["drop_interval"])
        drop = factor * found["drop"]
        between = f"95 %: {low:.{digits}f} to {high:.{digits}f}"
        if low > 0:
            yield f"Without {name} {what} falls by {drop:.{digits}f}{unit} ({between})."
        elif high < 0:
            yield (
                f"Without {name} {what} rises by {-drop:.{digits}f}{unit} (95 %: "
                f"{-high:.{digits}f} to {-low:.{digits}f})."
            )
        else:
            yield f"Without {name} {what} loses nothing measurable ({between})."
    intervals = {name: found["drop_interval"] for name, found in measured.items()}
    yield from _compared(
        intervals, "matters more to the task", "matters most to the task"
    )


def _compared(intervals, more, most):
    """Which of the modalities leads, where the intervals show it."""
    leader = leading(intervals)
    names = list(intervals)
    if len(names) < 2 or not any(low > 0 for low, _ in intervals.values()):
        return
    if leader is None:
        yield f"The samples do not show which of {' and '.join(names)} {more}."
    elif len(names) == 2:
        (other,) = set(names) - {leader}
        yield f"Modality {leader} {more} than {other}."
    else:
        yield f"Modality {leader} {most}."


def leading(intervals):
    """The modality whose interval lies above 0 and above all others; None without."""
    for name, (low, _) in intervals.items():
        others = [high for other, (_, high) in intervals.items() if other != name]
        if low > 0 and others and low > max(others):
            return name
    return None


def disagreement(complementarity, metrics):
    """A sentence where the measured worth contradicts the counts of channels.

    Args:
        complementarity: as in `channels`.
        metrics: of a split, see `cmvq_keras.evaluate`.
    """
    counts = complementarity["counts"]
    if not counts:
        return
    by_count = max(counts, key=counts.get)
    without = metrics.get("without") or {}
    measured = (
        (metrics.get("information") or {}).get("interval", {}),
        {name: found["drop_interval"] for name, found in without.items()},
    )
    leaders = {leading(intervals) for intervals in measured} - {None}
    if any(counts[leader] < counts[by_count] for leader in leaders):
        yield (
            f"Modality {by_count} has the most channels but does not matter most. "
            "Trust the measured loss, not the count."
        )
