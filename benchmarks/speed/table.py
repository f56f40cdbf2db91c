"""Medians over rounds, and the Markdown table that they go into.

*peer / it* is the ratio of the times, *processor* that of the processors' seconds, on
which other work on the machine has less influence; *memory* is what the work added.
"""

import statistics

COLUMNS = (
    "part",
    "shape",
    "who",
    "precision",
    "median",
    "quartiles",
    "peer / it",
    "processor",
    "it / floor",
    "memory",
)


def rows(measured):
    """A row for each contestant.

    Args:
        measured: list of dictionaries: "case" (part, shape, who, precision), "rounds"
            (list of dictionaries with "seconds", "growth", "peak" and "floor_seconds"
            or "error").
    """
    found = []
    for each in measured:
        part, shape, who, precision = each["case"]
        row = {"part": part, "shape": shape, "who": who, "precision": precision}
        if "error" in each:
            row["median"] = each["error"]
        elif part == "memory":
            row |= _memory(each, _peer(each, measured))
        else:
            row |= _time(each, _peer(each, measured))
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
    part, shape, who, precision = each["case"]
    peers = {
        "quantizer": [f"one-hot-{who}"],
        "first step": [f"{who}, naive"],
    }.get(part, ["published"])
    for other in measured:
        if other["case"] == (part, shape, peers[0], precision) and who not in peers:
            return other.get("rounds")
    return None


def _time(each, peer):
    seconds = [one["seconds"] for one in each["rounds"]]
    row = {"median": _told(statistics.median(seconds))}
    if len(seconds) > 1:
        low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
        row["quartiles"] = f"{_told(low)} - {_told(high)}"
    if peer:
        row["peer / it"] = _ratio(peer, each["rounds"], "seconds")
    if peer and "processor" in peer[0]:
        row["processor"] = _ratio(peer, each["rounds"], "processor")
    floors = [one["floor"] for one in each["rounds"] if one.get("floor")]
    if floors:
        ratios = [own / least for own, least in zip(seconds, floors, strict=True)]
        row["it / floor"] = f"{statistics.median(ratios):.2f}"
    if "growth" in each["rounds"][-1]:
        row["memory"] = f"{each['rounds'][-1]['growth'] / 1e6:,.0f} MB"
    return row


def _ratio(peer, own, name):
    ratios = [one[name] / two[name] for one, two in zip(peer, own, strict=False)]
    return f"{statistics.median(ratios):.2f}"


def _memory(each, peer):
    peaks = [one["peak"] for one in each["rounds"]]
    growth = [one["growth"] for one in each["rounds"]]
    row = {
        "median": f"{statistics.median(peaks) / 1e6:,.0f} MB",
        "memory": f"{statistics.median(growth) / 1e6:,.0f} MB",
    }
    if peer:
        ratio = statistics.median(one["peak"] for one in peer)
        row["peer / it"] = f"{ratio / statistics.median(peaks):.2f}"
    return row


def _told(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
