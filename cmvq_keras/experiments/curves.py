"""Validation scores over the epochs of a comparison's trainings."""

import numpy as np

from cmvq_keras.experiments import score_words, table_content
from cmvq_keras.reporting import canvas
from cmvq_keras.runs.run import Run


def of_results(results, study):
    """The validation score of each epoch, by label `(seeds, epochs)`, as it is written:
    in percent, but for R2.

    An epoch without a validation is NaN, and so is the end of a training that ended
    early; methods of one epoch have no curve.

    Args:
        results: `cmvq_keras.experiments.trial.Result`s.
        study: their `cmvq_keras.experiments.study.Study`.
    """
    factor = score_words.of_task(study.recipe.task).factor
    column = f"val_{table_content.score_names(study)[0]}"
    found = {}
    for each in results:
        if not each.failure:
            history = Run(each.folder).history
            values = [line.get(column) for line in history]
            line = [np.nan if value is None else factor * value for value in values]
            found.setdefault(each.label, []).append(line)
    return {
        label: _filled(lines)
        for label, lines in found.items()
        if max(map(len, lines)) > 1
    }


def _filled(lines):
    length = max(map(len, lines))
    return np.array([[*line, *[np.nan] * (length - len(line))] for line in lines])


def svg(found, titles, score, chance=None, say=score_words.PERCENT):
    """The curves as SVG: a line a method, the mean over seeds, and a band from the
    lowest to the highest seed.

    Args:
        found: of `of_results`.
        titles: how to name each label.
        score: what the score is called.
        chance: the score of chance, or None.
        say: the `cmvq_keras.experiments.score_words.ScoreWords` of the score.

    Raises:
        ImportError: without matplotlib; it says how to get it.
    """
    figure, ((axes,),) = canvas.axes_grid(height=3.4 + 0.12 * len(found))
    for number, (label, lines) in enumerate(found.items()):
        (validated,) = np.nonzero(~np.isnan(lines).all(axis=0))
        counted, epochs = lines[:, validated], validated + 1
        color = canvas.COLORS[number % len(canvas.COLORS)]
        name = canvas.plain(titles.get(label, label))
        style = ("-", "--", ":")[number // len(canvas.COLORS) % 3]
        axes.plot(epochs, np.nanmean(counted, axis=0), style, color=color, label=name)
        if len(counted) > 1:
            edges = np.nanmin(counted, axis=0), np.nanmax(counted, axis=0)
            axes.fill_between(epochs, *edges, color=color, alpha=0.15, linewidth=0)
    if chance is not None:
        style = {"color": canvas.INK, "linestyle": ":", "linewidth": 1}
        axes.axhline(say.factor * chance, label="chance", **style)
    # A first epoch may be far below what is of interest.
    lowest = min(np.nanmin(lines) for lines in found.values())
    least = max(lowest, -say.most) if say.least is None else say.least
    title = f"validation {score}{say.heading}"
    axes.set(xlabel="epoch", ylabel=title, ylim=(least, say.most))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    return canvas.svg(figure, "curves", f"Validation {score} over the epochs")
