"""What a run of many small samples takes beside its steps.

    OMP_NUM_THREADS=1 python -m benchmarks.many_samples torch

Makes a store of 100,000 training samples, two modalities of 8 x 8, and trains one epoch
with the settings that the store's recipe has, as `cmvq train --store` does; then makes
the report. The peer is what the same steps take alone: the same model, fitted to arrays
in memory. Processor time; a run's has its imports. Prints a Markdown table.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

CLASSES = "north", "east", "south", "west"
SHAPES = {"left": (8, 8, 1), "right": (8, 8, 1)}
MEASURED, STEPS = 2_000, 50


def main(arguments=None):
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("backend", choices=("jax", "tensorflow", "torch"))
    parser.add_argument("--samples", type=int, default=100_000)
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), options.samples)
    print("| a run | its steps | run / steps | report |\n|---|---|---|---|")
    run, steps, report = (found[name] for name in ("run", "steps", "report"))
    print(f"| {run:.1f} s | {steps:.1f} s | {run / steps:.2f} | {report:.1f} s |")


def measured(folder, count):
    """Processor seconds by what they are for.

    Args:
        folder: a `Path` to write in.
        count: training samples.
    """
    import cmvq_keras as cmvq

    made = {
        "train": drawn(count, 0),
        "validation": drawn(MEASURED, 1),
        "test": drawn(MEASURED, 2),
    }
    store = cmvq.data.Store.create(folder / "store", (SHAPES, CLASSES), made)
    recipe = store.recipe.with_settings({"training.epochs": 1})
    clock = time.process_time
    started = clock()
    run = cmvq.train(recipe, store=store, out=folder / "run", verbose=False)
    trained = clock()
    cmvq.report(run)
    reported = clock()
    return {
        "run": trained - started,
        "steps": of_steps(run.recipe, count),
        "report": reported - trained,
    }


def drawn(count, seed):
    """Pictures that tell their class, in gray levels, and labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, len(CLASSES), count)
    x = {
        name: generator.integers(0, 128, (count, *shape), dtype="uint8")
        for name, shape in SHAPES.items()
    }
    for number in range(len(CLASSES)):
        for values in x.values():
            values[labels == number, 2 * number : 2 * number + 2] += 100
    return x, labels


def of_steps(recipe, count):
    """Processor seconds of an epoch's steps, from those of a few, compiled before.

    Args:
        recipe: of a run, resolved.
        count: samples of the epoch.
    """
    from cmvq_keras.evaluation import scores
    from cmvq_keras.models import optimizers
    from cmvq_keras.models.build import build_model

    batch, model = recipe.training.batch_size, build_model(recipe)
    model.compile(
        optimizers.optimizer(recipe.training, STEPS), metrics=scores.scores(recipe)
    )
    x, labels = drawn(STEPS * batch, 3)
    x = {name: values / np.float32(255) for name, values in x.items()}
    seconds = []
    for _ in range(3):
        started = time.process_time()
        model.fit(x, labels.astype("int32"), batch_size=batch, verbose=0)
        seconds.append(time.process_time() - started)
    return min(seconds) / STEPS * -(-count // batch)


if __name__ == "__main__":
    main()
