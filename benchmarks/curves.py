"""Curves of training and validation of a comparison's trainings, as a PNG.

    python -m benchmarks.curves OUT -o curves.png

OUT is the folder of a comparison. One panel has the task's loss, one its accuracy; a
color is a method. The thick lines are means over the seeds, dashed on the training
samples as they were learned from (augmented, with dropout), solid on the validation
samples; the thin ones are the seeds' own on validation samples.
"""

import argparse
import collections
import pathlib

import numpy as np

PANELS = {"task_loss": "loss of the task", "accuracy": "accuracy"}
WIDTH, HEIGHT = 9.0, 3.6  # inches


def main(arguments=None):
    """Reads the folder and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    options = parser.parse_args(arguments)
    histories = read(options.out)
    if not histories:
        parser.error(f"{options.out} has no finished training of a comparison")
    options.output.write_bytes(draw(histories))


def read(out):
    """What each training noted of each epoch.

    Args:
        out: folder of a comparison.

    Returns:
        By label, a list with one item a seed: by the name of a number its values over
        the epochs, `(epochs,)` float64, NaN for epochs that were not validated.
    """
    from cmvq_keras.runs.run import Run

    found = collections.defaultdict(list)
    for path in sorted(out.glob("*/seed-*/history.csv")):
        run = Run.open(path.parent)
        if run.is_finished:
            found[path.parts[-3]].append(curves(run.history))
    return dict(found)


def curves(history):
    """A run's history as arrays; see `read`."""
    names = [prefix + name for name in PANELS for prefix in ("", "val_")]
    return {
        name: np.array([epoch.get(name) for epoch in history], float) for name in names
    }


def draw(histories):
    """The picture, PNG bytes; see `read`."""
    from cmvq_keras.reporting import canvas

    figure, (panels,) = canvas.axes_grid(len(PANELS), HEIGHT, width=WIDTH)
    for number, (label, seeds) in enumerate(histories.items()):
        color = canvas.COLORS[number % len(canvas.COLORS)]
        for axes, name in zip(panels, PANELS, strict=True):
            for seed in seeds:
                _line(axes, seed[f"val_{name}"], color, linewidth=0.6, alpha=0.4)
            for prefix, style in (("", "--"), ("val_", "-")):
                title = canvas.plain(label) if prefix else None
                mean = _mean([seed[prefix + name] for seed in seeds])
                _line(axes, mean, color, linestyle=style, label=title)
    for axes, title in zip(panels, PANELS.values(), strict=True):
        axes.set(xlabel="epoch", ylabel=title)
        axes.set_ylim(bottom=0)
    panels[0].legend(frameon=False)
    return canvas.png(figure)


def _mean(seeds):
    """Over seeds, `(epochs,)`; of those that did not end early."""
    length = max(map(len, seeds))
    filled = np.full((len(seeds), length), np.nan)
    for row, values in zip(filled, seeds, strict=True):
        row[: len(values)] = values
    counted = np.isfinite(filled).sum(axis=0)
    return np.where(counted, np.nansum(filled, axis=0) / np.maximum(counted, 1), np.nan)


def _line(axes, values, color, **style):
    epochs = np.flatnonzero(np.isfinite(values))
    axes.plot(epochs + 1, values[epochs], color=color, **style)


if __name__ == "__main__":
    main()
