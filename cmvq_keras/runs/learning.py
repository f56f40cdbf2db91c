"""What a training's history says about it: too short, or far from validation."""

import math
import statistics

from cmvq_keras import tasks

END = 10  # percent of the epochs: the end, and as many before it
LEAST = 1.0  # points that are worth a line
FAR = 15.0  # points between training and validation


def advice(run):
    """Lines on how a training could be better; none where nothing stands out.

    Args:
        run: a finished `cmvq_keras.runs.run.Run`.
    """
    history, metrics = run.history, run.metrics
    name = tasks.get(run.recipe.task).score
    asked = run.recipe.training.epochs
    if gain := rise_at_end(run):
        epochs = _span(history, f"val_{name}")
        span = "epoch" if epochs == 1 else f"{epochs} epochs"
        points = _points(name)
        yield (
            f"Too short: validation {_word(name)} rose by {gain:.1f} {points} over the "
            f"last {span}. Try more, for example --epochs {2 * asked}."
        )
    kept = history[metrics["best_epoch"] - 1]
    gap = 100 * (kept[name] - kept[f"val_{name}"])
    if gap > FAR:
        yield (
            f"Overfitting: at the kept epoch training {_word(name)} is {gap:.1f} "
            f"{_points(name)} above validation. docs/training.md says what may help."
        )


def rise_at_end(run):
    """How far the validation score of a training rose over its last tenth, in points.

    Args:
        run: a finished `cmvq_keras.runs.run.Run`.

    Returns:
        A number > 0 for a training that was too short; 0 for what may be chance, and
        for one that stopped early.
    """
    history = run.history
    if len(history) < 3 or len(history) != run.recipe.training.epochs:
        return 0.0
    n = run.metrics["validation"]["n"]
    return rise(history, f"val_{tasks.get(run.recipe.task).score}", n)


def mean_rise_at_end(runs):
    """How far the mean validation score of several trainings rose over the last tenth,
    in points.

    Args:
        runs: finished `cmvq_keras.runs.run.Run`s of one recipe but for the seed. One
            that stopped early stays at its last score.

    Returns:
        As `rise_at_end`.
    """
    histories = [each for run in runs if (each := run.history)]
    if max(map(len, histories), default=0) < 3:
        return 0.0
    recipe = runs[0].recipe
    epochs, column = recipe.training.epochs, f"val_{tasks.get(recipe.task).score}"
    if not any(len(each) == epochs for each in histories):
        return 0.0
    scores = [_held(history, column, epochs) for history in histories]
    validated = {i for history in histories for i in _validated(history, column)}
    history = [
        {column: statistics.fmean(each[index] for each in scores)}
        for index in sorted(validated)
        if all(each[index] is not None for each in scores)
    ]
    return rise(history, column, runs[0].metrics["validation"]["n"])


def _validated(history, column):
    """The indices of the epochs whose score was measured."""
    return [i for i, line in enumerate(history) if line[column] is not None]


def _held(history, column, epochs):
    """An epoch's score, or the last one before it; None before the first."""
    found = [None]
    for line in history:
        score = line[column]
        found.append(found[-1] if score is None else score)
    return found[1:] + found[-1:] * (epochs - len(history))


def _span(history, column):
    """How many epochs `rise` takes for the end."""
    validated = _validated(history, column)
    return validated[-1] - validated[-1 - _width(validated)]


def _width(values):
    return max(1, len(values) * END // 100)


def _word(name):
    return name.replace("_", " ").replace("iou", "IoU").replace("r2", "R2")


def _points(name):
    return "hundredths" if name == "r2" else "points"


def rise(history, column, n):
    """How far a score rose at the end of a training, in points; 0 for what may be
    chance.

    The mean of the last tenth of the validated epochs is compared with that of the
    tenth before, and with the best epoch before.
    Both are small parts of a schedule that decays: a score that has converged is flat
    there.

    Args:
        history: dictionaries of numbers, one an epoch.
        column: the score's name in them, 1 at most; None where it was not measured.
        n: samples that it was measured on.
    """
    values = [history[index][column] for index in _validated(history, column)]
    width = _width(values)
    if len(values) < 3:
        return 0.0
    before = statistics.fmean(values[-2 * width : -width])
    last = statistics.fmean(values[-width:])
    # The same samples in all epochs: of one epoch's score, an upper bound.
    error = math.sqrt(max(0.0, last * (1 - last)) / n)
    # A dip that is made good is no rise.
    gain = 100 * (last - max(before, *values[: -2 * width]))
    return gain if gain > max(LEAST, 200 * error) else 0.0
