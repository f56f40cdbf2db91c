"""comparison.html: the verdict of a comparison, why, and its numbers."""

import dataclasses
import math
import shlex
import urllib.parse

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.experiments import (
    curves,
    evidence,
    plan,
    plot,
    score_words,
    table_content,
)
from cmvq_keras.reporting import answer, page
from cmvq_keras.reporting.report import PAGE as REPORT
from cmvq_keras.runs.run import Run

FILE = "comparison.html"
_HEADINGS = ("Scores", "Gains", "Learning", "Modalities", "Network")
STEPS = (1, 2, 5, 10, 20, 25, 50)  # hundredths between two ticks


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of a plot; places are percent of the axis.

    Args:
        title, text: what it is, and its number in words.
        mean, low, high: of the number; no interval where low is None.
        seeds: places of the single seeds.
    """

    title: str
    text: str
    mean: float
    low: float | None
    high: float | None
    seeds: list[float]


@dataclasses.dataclass(frozen=True)
class Plot:
    """Numbers with their intervals on one axis.

    Args:
        title, caption: what it shows, and how to read it.
        rows: its `Line`s.
        ticks, marks: dictionaries with "place" and "text".
    """

    title: str
    caption: str
    rows: list[Line]
    ticks: list[dict]
    marks: list[dict]


def write(study, table, found=None, budget=()):
    """Writes comparison.html into a comparison's folder.

    Args:
        study: a `cmvq_keras.experiments.study.Study`.
        table: its `cmvq_keras.experiments.tables.Table`.
        found: its `cmvq_keras.experiments.verdict.Verdict`, or None.
        budget: further pairs of a name and a text for the end of the page.

    Raises:
        ImportError: without jinja2 or matplotlib; it says how to get them.
    """
    results = study.results()
    text = page.render("comparison", **_content(study, table, found, results, budget))
    fileio.write_atomically(study.out / FILE, text, study.out)


def _content(study, table, found, results, budget):
    score, _ = table_content.score_names(study)
    score, say = score_words.title(score), score_words.of_task(study.recipe.task)
    measured = evidence.of_study(study, table.rows, results)
    best = max(table.rows, key=lambda row: row.score.mean)
    share = f"{say.value(best.score.mean)} ({say.between(best.score.interval, '')})"
    named = f"The best {score} is that of {_named(study, best)}: {share}."
    is_sweep = bool(study.over)
    seeds = max(len(row.seeds) for row in table.rows)
    titles = {row["label"]: row["title"] for row in study.rows}
    first = next(each for each in results if not each.failure)
    return {
        "recipe": study.recipe,
        "heading": "sweep" if is_sweep else "comparison",
        "trained": f"{_counted(study, table.rows)}, {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'} each, n = {measured.n:,} test samples",
        "answer": [found.sentence, named] if found else [named],
        "findings": found.findings if found else [],
        "warnings": [line for line in table.asides if line.startswith("Warning: ")],
        "plots": list(_plots(table.rows, score, measured.chance, say)),
        "figures": list(_figures(study, table.rows, results, measured.chance)),
        "tables": [
            (title, *_turned(group))
            for title, group in zip(_HEADINGS, _groups(table), strict=True)
            if len(group) > 1
        ],
        "first": ", ".join(study.over) or "method",
        "score": f"{score}{say.heading}",
        "runs": [_run(each, titles, study.out, say) for each in results],
        "report_command": _report_command(first),
        "foot": [*_origin(first, results), *budget, *table.foot, *_asides(table)],
    }


def _counted(study, rows):
    """How many rows there are, and of what."""
    what = "combinations" if len(study.over) > 1 else "values"
    return f"{len(rows)} " + (
        f"{what} of {' and '.join(study.over)}" if study.over else "methods"
    )


def _named(study, row):
    """A method's title, or the settings of a row of a sweep."""
    values = [f"{name}={plan.shown(row.values[name])}" for name in study.over]
    return ", ".join(values) or row.title


def _groups(table):
    return table.scores, table.against, table.learnt, table.worth, table.made


def _turned(group):
    header, cells = zip(*group, strict=True)
    return header, list(zip(*cells, strict=True))


def _asides(table):
    return [("Note", line) for line in table.asides if not line.startswith("Warning: ")]


def _plots(rows, score, chance, say):
    numbers = [(row.title, row.score, row.scores) for row in rows]
    marks = [] if chance is None else [(chance, "chance")]
    caption = "Dots are means over seeds, bars 95 % intervals, ticks single seeds."
    if chance is not None:
        caption += f" Chance is {say.value(chance)}, {say.chance}."
    title = f"{score[:1].upper()}{score[1:]}{say.heading}"
    yield _plot(title, caption, numbers, marks, say)
    for name, to in (("alone", "the best modality alone"), ("fusion", "plain fusion")):
        found = [
            (row.title, row.against[name], ()) for row in rows if name in row.against
        ]
        if found:
            caption = f"Differences of {score} on the same seeds and test samples. The "
            caption += f"line is {to}; right of it is better. Bars are 95 % intervals."
            title = f"Difference to {to} ({say.points})"
            yield _plot(title, caption, found, [(0, "0")], say, "+")


def _plot(title, caption, numbers, marks, say, sign=""):
    """A `Plot` of scores, or with a sign of differences; places are in hundredths."""
    edges = [edge for _, each, seeds in numbers for edge in (*_ends(each), *seeds)]
    if sign:
        edges += [place for place, _ in marks]
    low, high = 100 * min(edges), 100 * max(edges)
    widened = max(plot.NARROWEST - (high - low), 0) / 2
    step = _step(high - low + 2 * widened)
    low = step * math.floor((low - widened) / step)
    high = step * math.ceil((high + widened) / step)
    if say.least is not None:
        low = max(low, -100 if sign else 0)
    if not sign or say.least is not None:
        high = min(high, 100)

    def place(value):
        return round(100 * (100 * value - low) / (high - low), 2)

    lines = [
        Line(
            name,
            say.plain(each.mean, sign),
            place(each.mean),
            place(each.interval[0]) if each.interval else None,
            place(each.interval[1]) if each.interval else None,
            [place(value) for value in seeds],
        )
        for name, each, seeds in numbers
    ]
    ticks = np.arange(low, high + step / 2, step)
    shown = [
        {
            "place": place(t / 100),
            "text": f"{say.factor * t / 100:{sign if t else ''}g}",
        }
        for t in ticks
    ]
    drawn = [
        {"place": place(value), "text": text}
        for value, text in marks
        if low <= 100 * value <= high
    ]
    return Plot(title, caption, lines, shown, drawn)


def _ends(number):
    return number.interval or (number.mean, number.mean)


def _step(width):
    scale = 1
    while width > 6 * scale * STEPS[-1]:
        scale *= 10  # of R2, which has no lowest value
    return next(scale * step for step in STEPS if width / (scale * step) <= 6)


def _figures(study, rows, results, chance):
    titles = {row.label: row.title for row in rows}
    for panel in curves.of_results(results, study, chance):
        yield panel.title, page.drawing(curves.svg(panel, titles))
    if study.over:
        title = "Score, compl and zeta against the value"
        yield title, page.drawing(plot.svg(study, rows, title))


def _run(result, titles, out, say):
    folder = f"{result.label}/seed-{result.seed}"
    found = {"title": titles[result.label], "seed": result.seed}
    if result.failure:
        return {**found, "failure": result.failure}
    measured = result.measured
    report = f"{urllib.parse.quote(folder)}/{REPORT}"
    return {
        **found,
        "failure": None,
        "score": say.plain(measured["score"], more=1),
        "epoch": f"{measured['best_epoch']:g}",
        "seconds": f"{measured['seconds']:.0f}",
        "report": report if (out / folder / REPORT).is_file() else None,
    }


def _report_command(result):
    return f"cmvq report {shlex.quote(str(result.folder))}"


def _origin(first, results):
    """Command, date and duration, from the trainings' notes."""
    noted = Run(first.folder).environment
    seconds = sum(each.measured["seconds"] for each in results if not each.failure)
    if words := answer.command(noted.get("command_line")):
        yield "Command", words
    yield "Date", str(noted.get("date", "not noted"))
    yield "Duration", f"{seconds / 60:.1f} minutes of training"
