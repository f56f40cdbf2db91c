"""What a training's history says about it: too short, or far from validation."""

import math
import statistics

END = 10  # percent of the epochs: the end, and as many before it
LEAST = 1.0  # points that are worth a line
FAR = 15.0  # points between training and validation


def advice(run):
    """Lines on how a training could be better; none where nothing stands out.

    Args:
        run: a finished `cmvq_keras.runs.run.Run`.
    """
    history, metrics = run.history, run.metrics
    name = "mean_iou" if run.recipe.task == "segmentation" else "accuracy"
    n = metrics["validation"]["n"]
    asked = run.recipe.training.epochs
    if len(history) == asked and (gain := rise(history, f"val_{name}", n)):
        epochs = max(1, len(history) * END // 100)
        span = "epoch" if epochs == 1 else f"{epochs} epochs"
        yield (
            f"Too short: validation {_word(name)} rose by {gain:.1f} points over the "
            f"last {span}. Try more, for example --epochs {2 * asked}."
        )
    kept = history[metrics["best_epoch"] - 1]
    gap = 100 * (kept[name] - kept[f"val_{name}"])
    if gap > FAR:
        yield (
            f"Overfitting: at the kept epoch training {_word(name)} is {gap:.1f} "
            "points above validation. docs/training.md tells what may help."
        )


def _word(name):
    return name.replace("_", " ").replace("iou", "IoU")


def rise(history, column, n):
    """How far a score rose at the end of a training, in points; 0 for what may be
    chance.

    The mean of the last tenth of the epochs is compared with that of the tenth before,
    and with the best epoch before.
    Both are small parts of a schedule that decays: a score that has converged is flat
    there.

    Args:
        history: dictionaries of numbers, one an epoch.
        column: the score's name in them, in [0, 1].
        n: samples that it was measured on.
    """
    values = [line[column] for line in history]
    width = max(1, len(values) * END // 100)
    if len(values) < 3:
        return 0.0
    before = statistics.fmean(values[-2 * width : -width])
    last = statistics.fmean(values[-width:])
    # The same samples in all epochs: of one epoch's score, an upper bound.
    error = math.sqrt(last * (1 - last) / n)
    # A dip that is made good is no rise.
    gain = 100 * (last - max(before, *values[: -2 * width]))
    return gain if gain > max(LEAST, 200 * error) else 0.0
