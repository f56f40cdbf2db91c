"""A comparison as a picture, with its intervals."""

import numpy as np

from cmvq_keras.experiments import plan, score_words
from cmvq_keras.experiments import table_content as rows_module
from cmvq_keras.reporting import canvas

WIDE = 6.4  # inches
NARROWEST = 10  # hundredths of a score's axis: less would make noise look large
DECADES = 20  # largest over smallest value from which an axis is logarithmic
CROWDED = 0.12  # of an axis: the texts of closer values overlap


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
    return canvas.png(swept(study, rows) if study.over else compared(study, rows))


def svg(study, rows, title):
    """The picture of a sweep for its page; arguments as in `draw`.

    Args:
        title: what it shows, for those who do not see it.
    """
    return canvas.svg(swept(study, rows), "sweep", title)


def compared(study, rows):
    """A figure of each method's score and its difference to the reference; see
    `draw`."""
    reference = [row.title for row in rows if row.label == study.reference]
    columns = 2 if reference and len(rows) > 1 else 1
    say = score_words.of_task(study.recipe.task)
    height = 1.2 + 0.32 * len(rows)
    figure, (panels,) = canvas.axes_grid(columns, height, width=WIDE, sharey=True)
    places = np.arange(len(rows))
    for place, row in zip(places, rows, strict=True):
        _seeds(panels[0], row, say.factor * np.array(row.scores), place)
        _bar(panels[0], row.score, place, say.factor)
        if columns == 2:
            _bar(panels[1], row.difference, place, say.factor)
    panels[0].set_yticks(places, [canvas.plain(row.title) for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    panels[0].set(xlabel=_score_title(study))
    if columns == 2:
        panels[1].axvline(0, color=canvas.INK, linewidth=0.8)
        # On two lines: beside long names of methods little room is left.
        title = f"difference to {canvas.plain(reference[0])}\n({say.points})"
        panels[1].set(xlabel=title)
    for axes in panels:
        axes.grid(axis="x", alpha=0.3)
    return figure


def _score_title(study):
    score, _ = rows_module.score_names(study)
    heading = score_words.of_task(study.recipe.task).heading
    return f"{score_words.title(score)}{heading}"


def _seeds(axes, row, values, place):
    where = np.full(len(row.scores), place)
    axes.plot(values, where, "|", color="grey", markersize=7, alpha=0.8)


def _bar(axes, number, place, factor):
    if number is None:
        return
    mean = factor * number.mean
    low, high = (factor * edge for edge in number.interval)
    # A percentile interval need not hold the mean.
    reach = [[max(mean - low, 0)], [max(high - mean, 0)]]
    axes.errorbar(mean, place, xerr=reach, fmt="o", color="C0", capsize=3, ms=4)


def swept(study, rows):
    """A figure of score, compl and zeta against the value of the first setting of a
    sweep.

    Further settings give a line each; compl and zeta are then those of the first
    such line alone. See `draw`.
    """
    lines = _lines(study, rows)
    words = score_words.of_task(study.recipe.task)
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
            words.factor,
            label,
            scale == "names",
        )
    title, first = next(iter(lines.items()))
    middle.set_title(canvas.plain(title), fontsize=canvas.TEXT)
    for key, axes in (("compl", middle), ("zeta", bottom)):
        measured = [{key: getattr(row, key)} for row in first]
        for name in rows_module.names(study, measured, key):
            numbers = [getattr(row, key).get(name) for row in first]
            label = canvas.plain(" ".join([key, name]).strip())
            _line(axes, places, study, first, numbers, 1, label, scale == "names")
    top.set(ylabel=_score_title(study), ylim=_widened(words, *top.get_ylim()))
    middle.set(ylabel="compl (%)", ylim=(0, max(5, middle.get_ylim()[1])))
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
    return figure


def _widened(words, low, high):
    """Both ends of a score's axis on which noise does not look large."""
    more = max(NARROWEST / 100 * words.factor - (high - low), 0) / 2
    least = low - more if words.least is None else max(low - more, words.least)
    return least, min(high + more, words.most)


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
    if not positive:
        return "linear", places
    if max(positive) / min(positive) < DECADES:
        is_log = len(positive) == len(values) and _is_crowded(values)
        return "log" if is_log else "linear", places
    if min(values) < 0:
        return "linear", places
    return ("log" if len(positive) == len(values) else "symlog"), places


def _is_crowded(values):
    """Whether positive values lie too close on a linear axis, and less so on a
    logarithmic one."""
    linear, log = (_least_gap(each) for each in (values, np.log(values)))
    return linear < min(CROWDED, log)


def _least_gap(values):
    """The least distance of two neighbours, as a share of the axis; 1 for one value."""
    gaps = np.diff(np.sort(np.asarray(values, float)))
    return gaps.min() / gaps.sum() if len(gaps) else 1.0


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
