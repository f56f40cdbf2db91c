"""The study's tables: what was measured against what was planted."""

import numpy as np
from scipy import stats

RESAMPLES, LEVEL = 2000, 95  # percent
THRESHOLD = 0.005  # the recipe's
NEAR = 10  # percent
NEAR_OPTIMUM = 0.01  # of the accuracy
MODALITIES = ("image", "audio")


def table(rows):
    """Markdown: for each choice of settings its cells and its correlations.

    Args:
        rows: dictionaries as `records.read` gives them.
    """
    parts = []
    for settings in dict.fromkeys(row["settings"] for row in rows):
        own = [row for row in rows if row["settings"] == settings]
        title = f"### {settings or 'Default settings'}"
        parts += [title, _cells(own), _agreement(own), _goals(own), _undecided(own)]
    return "\n\n".join(parts)


def _cells(rows):
    lines = [
        "| cell | trainings | accuracy, lowest | optimum | compl image | compl audio "
        "| planted zeta | zeta, range | bits lost without image, audio "
        "| bits that image, audio add | zeta of bits, range |",
        "|" + "---|" * 11,
    ]
    for cell in dict.fromkeys(row["cell"] for row in rows):
        own = [row for row in rows if row["cell"] == cell]
        accuracy, zeta = _values(own, "accuracy"), _values(own, "zeta")
        planted = own[0]["planted_zeta"]
        lost = [_values(own, f"{name}_bits_lost").mean() for name in MODALITIES]
        lines.append(
            f"| {cell} | {len(own)} | {accuracy.mean():.3f}, {accuracy.min():.3f} | "
            f"{own[0]['optimum']:.3g} | {_values(own, 'image_compl').mean():.1f} % | "
            f"{_values(own, 'audio_compl').mean():.1f} % | "
            f"{'-' if planted is None else format(planted, '.2f')} | "
            f"{zeta.mean():.2f}, {zeta.min():.2f} to {zeta.max():.2f} | "
            f"{lost[0]:.2f}, {lost[1]:.2f} | {_information(own)} |"
        )
    return "\n".join(lines)


def _information(rows):
    """The columns of the bits, empty where they were not measured."""
    rows = [row for row in rows if _has_information(row)]
    if not rows:
        return "- | -"
    bits = [_values(rows, f"{name}_information").mean() for name in MODALITIES]
    zeta = _information_zeta(rows)
    return (
        f"{bits[0]:.2f}, {bits[1]:.2f} | "
        f"{zeta.mean():.2f}, {zeta.min():.2f} to {zeta.max():.2f}"
    )


def _agreement(rows):
    rows = [row for row in rows if row["planted_zeta"] is not None]
    lines = [
        f"| Spearman correlation | value | {LEVEL} % interval |",
        "|---|---|---|",
    ]
    for name, pairs in MEASURES.items():
        if "information" in name and not all(map(_has_information, rows)):
            continue
        found = spearman(rows, pairs)
        low, high = interval(rows, pairs)
        lines.append(f"| {name} | {found:.2f} | {low:.2f} to {high:.2f} |")
    return "\n".join(lines)


def _goals(rows):
    """Lopsided and balanced cells, and what is lost to the optimum, by measure."""
    measured = {"zeta": [(row["planted_zeta"], row["zeta"]) for row in rows]}
    text = [row for row in rows if _has_information(row)]
    zeta = _information_zeta(text)
    planted = [row["planted_zeta"] for row in text]
    measured["zeta of information"] = list(zip(planted, zeta, strict=True))
    lines = [
        "| measure | lopsided (planted 0): mean, highest "
        "| balanced (planted 1): mean, lowest |",
        "|---|---|---|",
    ]
    for name, pairs in measured.items():
        lopsided = [value for truth, value in pairs if truth == 0]
        balanced = [value for truth, value in pairs if truth == 1]
        if lopsided and balanced:
            lines.append(
                f"| {name} | {np.mean(lopsided):.2f}, {max(lopsided):.2f} | "
                f"{np.mean(balanced):.2f}, {min(balanced):.2f} |"
            )
    short = _values(rows, "optimum") - _values(rows, "accuracy")
    far = np.sum(short > NEAR_OPTIMUM)
    lines += [
        "",
        f"Below the optimum: {100 * short.mean():.2f} points on average, "
        f"{100 * short.max():.2f} at most; more than {100 * NEAR_OPTIMUM:.0f} point in "
        f"{far} of {len(rows)} trainings.",
    ]
    return "\n".join(lines)


def _undecided(rows):
    """A sentence on the channels that hang at the threshold."""
    share = 100 * near_threshold(rows)
    return f"{share:.0f} % of the mask's weights are within {NEAR} % of the threshold."


def near_threshold(rows):
    """The share of the mask's weights within `NEAR` percent of the threshold.

    Such a channel is in or out by the training's last steps alone.

    Args:
        rows: dictionaries as `records.read` gives them, of the same settings.
    """
    settings = dict(each.split("=", 1) for each in rows[0]["settings"].split())
    threshold = float(settings.get("model.threshold", THRESHOLD))
    texts = [row[f"{name}_weights"] for row in rows for name in MODALITIES]
    weights = np.array(" ".join(texts).split(), np.float64)
    # What is written down is rounded to the fourth digit.
    return float(np.mean(np.abs(weights - threshold) <= NEAR / 100 * threshold + 1e-9))


def spearman(rows, pairs):
    """Spearman's rank correlation of what was planted and what was measured.

    Args:
        rows: dictionaries as `records.read` gives them.
        pairs: function from rows to the planted and the measured values.

    Returns:
        A number in [-1, 1]; NaN where one of them does not vary.
    """
    planted, measured = pairs(rows)
    if len(set(planted)) < 2 or len(set(measured)) < 2:
        return float("nan")
    return float(stats.spearmanr(planted, measured).statistic)


def interval(rows, pairs, resamples=RESAMPLES):
    """Bootstrap interval of `spearman`: seeds are drawn anew within each cell.

    The cells stay: it says nothing about other cells. Draws without any variation
    are left out.

    Returns:
        Two numbers; both NaN where no draw varies.
    """
    generator = np.random.default_rng(0)
    groups = {}
    for row in rows:
        groups.setdefault(row["cell"], []).append(row)
    found = []
    for _ in range(resamples):
        drawn = [
            group[index]
            for group in groups.values()
            for index in generator.integers(len(group), size=len(group))
        ]
        found.append(spearman(drawn, pairs))
    found = [each for each in found if np.isfinite(each)]
    if not found:
        return float("nan"), float("nan")
    tail = (100 - LEVEL) / 2
    return tuple(float(edge) for edge in np.percentile(found, [tail, 100 - tail]))


def _zeta(rows):
    return _values(rows, "planted_zeta"), _values(rows, "zeta")


def _zeta_of_both(rows):
    return _zeta([row for row in rows if row["planted_zeta"]])


def _shuffled_zeta(rows):
    lost = np.stack([_values(rows, f"{name}_bits_lost") for name in MODALITIES])
    most = np.maximum(lost.max(axis=0), 1e-9)
    return _values(rows, "planted_zeta"), lost.min(axis=0) / most


def _has_information(row):
    return row["image_information"] is not None


def _information_zeta(rows):
    """None, where neither modality adds a bit, counts as 0."""
    return np.array([row["information_zeta"] or 0 for row in rows], np.float64)


def _bits_zeta(rows):
    return _values(rows, "planted_zeta"), _information_zeta(rows)


def _bits_zeta_of_both(rows):
    return _bits_zeta([row for row in rows if row["planted_zeta"]])


def _by_modality(measured):
    def pairs(rows):
        planted = [_values(rows, f"{name}_bits") for name in MODALITIES]
        found = [_values(rows, f"{name}_{measured}") for name in MODALITIES]
        return np.concatenate(planted), np.concatenate(found)

    return pairs


def _values(rows, name):
    return np.array([row[name] for row in rows], np.float64)


MEASURES = {
    "zeta, planted zeta": _zeta,
    "the same, where both modalities carry some": _zeta_of_both,
    "compl of a modality, bits that it alone carries": _by_modality("compl"),
    "min / max of the bits lost, planted zeta": _shuffled_zeta,
    "bits lost without a modality, bits that it alone carries": _by_modality(
        "bits_lost"
    ),
    "zeta of information, planted zeta": _bits_zeta,
    "zeta of information, where both modalities carry some": _bits_zeta_of_both,
    "information of a modality, bits that it alone carries": _by_modality(
        "information"
    ),
}
