"""Medians over rounds, and the Markdown table that they go into.

*peer / it* is the ratio of the times (of memory: of the peaks), *processor* that of the
processors' seconds, on which other work on the machine has less influence; *other / it*
is against vector-quantize-pytorch; *memory* is what the work added at its peak, *memory
/ peer* its ratio to what the peer's added. Where memory is the part, *median* is the
peak and *time* the seconds.
"""

import statistics

COLUMNS = (
    "part",
    "shape",
    "who",
    "precision",
    "median",
    "quartiles",
    "time",
    "peer / it",
    "processor",
    "other / it",
    "it / floor",
    "memory",
    "memory / peer",
)


def rows(measured):
    """A row for each contestant.

    Args:
        measured: list of dictionaries: "case" (part, shape, who, precision), "rounds"
            (list of dictionaries with "seconds", "processor", "growth", "peak" and
            "floor", as far as they are known) and "error" (None, or why no more rounds
            came).
    """
    found = []
    for each in measured:
        part, shape, who, precision = each["case"]
        row = {"part": part, "shape": shape, "who": who, "precision": precision}
        if each["rounds"]:
            summarize = _memory if part == "memory" else _time
            row |= summarize(each["rounds"], _peer(each, measured))
            if other := _other(each, measured):
                row["other / it"] = _ratio(other, each["rounds"], "seconds")
        if each["error"]:
            row["median"] = f"{row.get('median', '')} {each['error']}".strip()
        found.append(row)
    return found


def markdown(found):
    """The rows as text; columns that stay empty are left out."""
    used = [name for name in COLUMNS if any(row.get(name) for row in found)]
    lines = ["| " + " | ".join(used) + " |", "|" + "---|" * len(used)]
    for row in found:
        cells = [str(row.get(name) or "") for name in used]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _peer(each, measured):
    """The rounds that a contestant is compared with; None for the peers themselves."""
    part, _, who, _ = each["case"]
    if part == "quantizer":
        return _rounds_of(f"one-hot-{who}", each, measured)
    if part == "reading":
        return _rounds_of(f"{who.split(',')[0]}, memory into fit", each, measured)
    if part == "first step":
        return _rounds_of(f"{who.split(',')[0]}, naive", each, measured)
    return _rounds_of("published", each, measured)


def _other(each, measured):
    """Those of another library's quantizer, on the backend that it is for."""
    if each["case"][2] != "torch":
        return None
    return _rounds_of("vector-quantize-pytorch", each, measured)


def _rounds_of(peer, each, measured):
    part, shape, who, precision = each["case"]
    for other in measured:
        if who != peer and other["case"] == (part, shape, peer, precision):
            return other["rounds"] or None
    return None


def _time(rounds, peer):
    seconds = [one["seconds"] for one in rounds]
    row = {"median": _in_words(statistics.median(seconds))}
    if len(seconds) > 1:
        low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
        row["quartiles"] = f"{_in_words(low)} - {_in_words(high)}"
    if peer:
        row["peer / it"] = _ratio(peer, rounds, "seconds")
    if peer and "processor" in peer[0]:
        row["processor"] = _ratio(peer, rounds, "processor")
    floors = [one for one in rounds if one.get("floor")]
    if floors:
        ratios = [one["seconds"] / one["floor"] for one in floors]
        row["it / floor"] = f"{statistics.median(ratios):.2f}"
    if "growth" in rounds[-1]:
        row |= _growth(rounds[-1], peer and peer[-1])
    return row


def _ratio(peer, own, name):
    ratios = [one[name] / two[name] for one, two in zip(peer, own, strict=False)]
    return f"{statistics.median(ratios):.2f}"


def _growth(last, peer):
    """Of the last round: a peak only rises."""
    row = {"memory": f"{last['growth'] / 1e6:,.0f} MB"}
    if peer and peer["growth"]:
        row["memory / peer"] = f"{last['growth'] / peer['growth']:.2f}"
    return row


def _memory(rounds, peer):
    last = rounds[-1]
    seconds = statistics.median(one["seconds"] for one in rounds)
    row = {"median": f"{last['peak'] / 1e6:,.0f} MB", "time": _in_words(seconds)}
    row |= _growth(last, peer and peer[-1])
    if last.get("floor"):
        row["it / floor"] = f"{last['growth'] / last['floor']:.2f}"
    if peer:
        row["peer / it"] = f"{peer[-1]['peak'] / last['peak']:.2f}"
    return row


def _in_words(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
