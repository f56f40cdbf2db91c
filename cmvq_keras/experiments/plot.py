"""A comparison as a picture, with its intervals."""

import numpy as np

from cmvq_keras.experiments import plan, tables
from cmvq_keras.experiments import table_content as rows_module
from cmvq_keras.reporting import canvas

DECADES = 20  # largest over smallest value from which an axis is logarithmic


def draw(study, rows):
    """The picture of a comparison.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        rows: its `cmvq_keras.experiments.table_content.Row`s of what has been trained.

    Returns:
        PNG, bytes.

    Raises:
        ImportError: without matplotlib; it says how to get it.
    """
    return swept(study, rows) if study.over else compared(study, rows)


def compared(study, rows):
    """Score of each method, and its difference to the reference; see `draw`."""
    reference = [row.title for row in rows if row.label == study.reference]
    columns = 2 if reference and len(rows) > 1 else 1
    height = 1.2 + 0.32 * len(rows)
    figure, (panels,) = canvas.axes_grid(columns, height, sharey=True)
    places = np.arange(len(rows))
    for place, row in zip(places, rows, strict=True):
        _seeds(panels[0], row, 100 * np.array(row.scores), place)
        _bar(panels[0], row.score, place)
        if columns == 2:
            _bar(panels[1], row.difference, place)
    panels[0].set_yticks(places, [canvas.plain(row.title) for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    panels[0].set(xlabel=f"{_score_title(study)} (%)")
    if columns == 2:
        panels[1].axvline(0, color="black", linewidth=0.8)
        panels[1].set(xlabel=f"difference to {canvas.plain(reference[0])} (points)")
    for axes in panels:
        axes.grid(axis="x", alpha=0.3)
    return canvas.png(figure)


def _score_title(study):
    score, _ = rows_module.score_names(study)
    return tables.title(score)


def _seeds(axes, row, values, place):
    where = np.full(len(row.scores), place)
    axes.plot(values, where, "|", color="grey", markersize=7, alpha=0.8)


def _bar(axes, number, place):
    if number is None:
        return
    mean = 100 * number.mean
    low, high = (100 * edge for edge in number.interval)
    # A percentile interval need not hold the mean.
    reach = [[max(mean - low, 0)], [max(high - mean, 0)]]
    axes.errorbar(mean, place, xerr=reach, fmt="o", color="C0", capsize=3, ms=4)


def swept(study, rows):
    """Score, compl and zeta against the value of the first setting of a sweep.

    Further settings give a line each; compl and zeta are then those of the first
    such line alone. See `draw`.
    """
    lines = _lines(study, rows)
    figure, panels = canvas.axes_grid(1, 2.6, 3, sharex=True)
    (top,), (middle,), (bottom,) = panels
    values = list(dict.fromkeys(row.values[study.over[0]] for row in rows))
    scale, places = _axis(values)
    for name, line in lines.items():
        label = canvas.plain(name) if name else None
        _line(
            top,
            places,
            study,
            line,
            [r.score for r in line],
            100,
            label,
            scale == "names",
        )
    title, first = next(iter(lines.items()))
    middle.set_title(canvas.plain(title), fontsize=8)
    for key, axes in (("compl", middle), ("zeta", bottom)):
        measured = [{key: getattr(row, key)} for row in first]
        for name in rows_module.names(study, measured, key):
            numbers = [getattr(row, key).get(name) for row in first]
            label = canvas.plain(" ".join([key, name]).strip())
            _line(axes, places, study, first, numbers, 1, label, scale == "names")
    top.set(ylabel=f"{_score_title(study)} (%)")
    middle.set(ylabel="compl (%)")
    bottom.set(
        ylabel="zeta",
        ylim=(-0.05, max(1.05, bottom.get_ylim()[1])),
        xlabel=canvas.plain(study.over[0]),
    )
    _set_scale(bottom, scale, values, places)
    for axes in (top, middle, bottom):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    return canvas.png(figure)


def _lines(study, rows):
    """Rows by the values of all settings but the first, in the first one's order."""
    found = {}
    for row in rows:
        others = [f"{name}={plan.shown(row.values[name])}" for name in study.over[1:]]
        found.setdefault(", ".join(others), []).append(row)
    name = study.over[0]
    return {
        title: sorted(line, key=lambda row: _rank(row.values[name]))
        for title, line in found.items()
    }


def _rank(value):
    number = _is_number(value)
    return not number, value if number else 0


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _axis(values):
    """How an axis of some values is scaled, and each value's place on it."""
    if not all(map(_is_number, values)):
        return "names", {value: place for place, value in enumerate(values)}
    positive = [value for value in values if value > 0]
    places = {value: value for value in values}
    if not positive or max(positive) / min(positive) < DECADES:
        return "linear", places
    if min(values) < 0:
        return "linear", places
    return ("log" if len(positive) == len(values) else "symlog"), places


def _set_scale(axes, scale, values, places):
    if scale == "names":
        axes.set_xticks(list(places.values()), [plan.shown(value) for value in places])
        return
    if scale == "symlog":
        # Zero has a place of its own, a decade below the smallest of the others.
        smallest = min(value for value in values if value > 0)
        axes.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    else:
        axes.set_xscale(scale)
    axes.set_xticks(list(values), [plan.shown(value) for value in values])
    axes.minorticks_off()


def _line(axes, places, study, rows, numbers, factor, label, names):
    kept = [
        (places[row.values[study.over[0]]], number)
        for row, number in zip(rows, numbers, strict=True)
        if number is not None
    ]
    if not kept:
        return
    x = [place for place, _ in kept]
    means = factor * np.array([number.mean for _, number in kept])
    edges = [number.interval or (number.mean, number.mean) for _, number in kept]
    low, high = factor * np.array(edges).T
    if names:
        # Nothing lies between two words.
        reach = np.maximum([means - low, high - means], 0)
        axes.errorbar(x, means, reach, fmt="o", capsize=3, ms=4, label=label)
        return
    (drawn,) = axes.plot(x, means, marker="o", markersize=4, label=label)
    axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.2)
