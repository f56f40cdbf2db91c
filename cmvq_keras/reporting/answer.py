"""The first and the last lines of a run's page: its score, and how it was made."""

import shlex

import numpy as np

from cmvq_keras import tasks
from cmvq_keras.evaluation.intervals import accuracy_interval

OURS = ("cmvq", "cmvq.exe", "__main__.py")  # names of our own program


def sentence(metrics, recipe, split):
    """How well a run does, with what is known of it.

    Args:
        metrics: of the split, see `cmvq_keras.evaluate`.
        recipe: the run's `Recipe`.
        split: the split's name.
    """
    n, task = metrics["n"], tasks.get(recipe.task)
    if task.has_targets:
        r2 = metrics.get("r2")
        score = "not measured" if r2 is None else f"{r2:.3f}"
        return f"R2 is {score} on {n:,} {split} samples."
    share = 100 * metrics["accuracy"]
    if task.has_maps:
        iou = 100 * (metrics.get("mean_iou") or 0)
        return (
            f"Mean IoU {iou:.1f} %, {share:.1f} % of the pixels right, on {n:,} "
            f"{split} pictures."
        )
    if not task.one_class:
        f1 = metrics.get("macro_f1") or 0
        return f"macro-F1 {f1:.3f}, accuracy {share:.1f} %, on {n:,} {split} samples."
    low, high = (100 * edge for edge in accuracy_interval(metrics["accuracy"], n))
    counts = np.sum(metrics["confusion"], axis=1)
    chance = 100 * counts.max() / max(counts.sum(), 1)
    return (
        f"{share:.1f} % of {n:,} {split} samples are right (95 %: {low:.1f} to "
        f"{high:.1f} %). Always naming the commonest class gives {chance:.1f} %."
    )


def command(words):
    """A command line as a person would give it; None where none was noted.

    Args:
        words: of environment.json, from any source.
    """
    if not isinstance(words, list) or not words:
        return None
    name = str(words[0]).replace("\\", "/").rpartition("/")[2]
    program = ["cmvq"] if name in OURS else ["python", name]
    return shlex.join([*program, *map(str, words[1:])])


def origin(run):
    """Pairs of a name and a text: command, date, duration, backend and versions.

    Args:
        run: an open `cmvq_keras.runs.run.Run`.
    """
    noted, metrics = run.environment, run.metrics
    if words := command(noted.get("command_line")):
        yield "Command", words
    yield "Date", str(noted.get("date", "not noted"))
    if "training_seconds" in metrics:
        yield "Duration", f"{metrics['training_seconds'] / 60:.1f} minutes of training"
    if "best_epoch" in metrics:
        asked = run.recipe.training.epochs
        yield "Kept epoch", f"{metrics['best_epoch']:g} of {asked}"
    devices = noted.get("devices")
    where = f" on {', '.join(map(str, devices))}" if isinstance(devices, list) else ""
    yield "Backend", f"{noted.get('backend', 'not noted')}{where}"
    versions = noted.get("versions")
    if isinstance(versions, dict):
        yield "Versions", ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))
    if noted.get("commit"):
        yield "Commit", str(noted["commit"])
