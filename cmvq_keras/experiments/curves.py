"""Training and validation over the epochs of a comparison's trainings."""

import typing

import numpy as np

from cmvq_keras.experiments import score_words, table_content
from cmvq_keras.reporting import canvas
from cmvq_keras.runs.run import Run

WIDTH, HEIGHT = 5.0, 3.4  # inches: of a panel
LINE = 0.12  # inches: of what a method adds to the legend
LOSS = "task_loss"


class Curves(typing.NamedTuple):
    """A number over the epochs, `(seeds, epochs)` each: NaN where it is not known, as
    in epochs without a validation, and after the end of a training that ended early.

    Args:
        training: of the samples as they were learned from: augmented, with dropout.
        validation: of the validation samples.
    """

    training: np.ndarray
    validation: np.ndarray


class Panel(typing.NamedTuple):
    """What one picture shows.

    Args:
        title: of the picture.
        axis: of its y axis.
        lines: `Curves` by label.
        bounds: both ends of the y axis, None where the curves decide.
        chance: the number of chance; None where there is none.
    """

    title: str
    axis: str
    lines: dict
    bounds: tuple
    chance: float | None = None


def of_results(results, study, chance=None):
    """The score and the loss of the task, as `Panel`s; none where no method has more
    than one epoch.

    Args:
        results: `cmvq_keras.experiments.trial.Result`s.
        study: their `cmvq_keras.experiments.study.Study`.
        chance: the score of chance; None where there is none.
    """
    say = score_words.of_task(study.recipe.task)
    name = table_content.score_names(study)[0]
    histories = {}
    for each in results:
        if not each.failure:
            histories.setdefault(each.label, []).append(Run(each.folder).history)
    panels = []
    if scores := _curves(histories, name, say.factor):
        title = score_words.title(name)
        title = f"{title[0].upper()}{title[1:]} over the epochs"
        axis = f"{score_words.title(name)}{say.heading}"
        level = None if chance is None else say.factor * chance
        bounds = _lowest(scores, say), say.most
        panels.append(Panel(title, axis, scores, bounds, level))
    if losses := _curves(histories, LOSS):
        title = "Loss of the task over the epochs"
        panels.append(Panel(title, "loss of the task", losses, (0, None)))
    return panels


def _lowest(scores, say):
    """The lower end of an axis: a first epoch may be far below what is of interest."""
    if say.least is not None:
        return say.least
    return max(min(np.nanmin(lines.validation) for lines in scores.values()), -say.most)


def _curves(histories, name, factor=1.0):
    """`Curves` by label, of those that validate in more than one epoch."""
    found = {}
    for label, seeds in histories.items():
        lines = Curves(*(_filled(seeds, p + name, factor) for p in ("", "val_")))
        if np.isfinite(lines.validation).any(axis=0).sum() > 1:
            found[label] = lines
    return found


def _filled(histories, name, factor):
    lines = [[epoch.get(name) for epoch in history] for history in histories]
    filled = np.full((len(lines), max(map(len, lines))), np.nan)
    for row, values in zip(filled, lines, strict=True):
        row[: len(values)] = np.array(values, float)
    return factor * filled


def svg(panel, titles):
    """A panel as SVG: see `_draw`.

    Args:
        panel: a `Panel`.
        titles: how to name each label.

    Raises:
        ImportError: without matplotlib; it says how to get it.
    """
    return canvas.svg(_draw([panel], titles), panel.title.split()[0], panel.title)


def png(panels, titles):
    """Panels side by side, PNG bytes; arguments and errors as of `svg`."""
    return canvas.png(_draw(panels, titles))


def _draw(panels, titles):
    """Panels side by side. A color is a method: a solid line the mean over the seeds on
    validation samples, with a band from the lowest to the highest seed, a dashed one
    the mean on the samples that were learned from."""
    shown = {label: titles.get(label, label) for each in panels for label in each.lines}
    styles = {label: _style(number) for number, label in enumerate(shown)}
    height, width = HEIGHT + LINE * len(shown), WIDTH * len(panels)
    figure, (row,) = canvas.axes_grid(len(panels), height, width=width)
    for axes, panel in zip(row, panels, strict=True):
        _draw_panel(axes, panel, styles)
        axes.set(xlabel="epoch", ylabel=panel.axis, ylim=panel.bounds)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    # Empty lines, as the panels share one legend.
    named = [(shown[label], style) for label, style in styles.items()]
    named += [("validation", (canvas.INK, "-")), ("training", (canvas.INK, "--"))]
    if any(panel.chance is not None for panel in panels):
        named.append(("chance", (canvas.INK, ":")))
    handles = [
        axes.plot([], [], line, color=color, label=canvas.plain(name))[0]
        for name, (color, line) in named
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 * len(panels))
    return figure


def _draw_panel(axes, panel, styles):
    for label, lines in panel.lines.items():
        color, style = styles[label]
        epochs, mean = _mean(lines.training)
        axes.plot(epochs, mean, "--", color=color, linewidth=1)
        epochs, mean = _mean(lines.validation)
        axes.plot(epochs, mean, style, color=color)
        if len(lines.validation) > 1:
            known = lines.validation[:, epochs - 1]
            edges = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
            axes.fill_between(epochs, *edges, color=color, alpha=0.15, linewidth=0)
    if panel.chance is not None:
        axes.axhline(panel.chance, color=canvas.INK, linestyle=":", linewidth=1)


def _style(number):
    """Color and line of a method."""
    count = len(canvas.COLORS)
    return canvas.COLORS[number % count], ("-", "-.", ":")[number // count % 3]


def _mean(lines):
    """The epochs that any seed knows, counted from 1, and the mean of those seeds."""
    (known,) = np.isfinite(lines).any(axis=0).nonzero()
    return known + 1, np.nanmean(lines[:, known], axis=0)
