"""How the time of a training step and of a measurement grows with a setup's sizes.

    OMP_NUM_THREADS=1 python -m benchmarks.growth --backend torch

Takes the network of `planted` and makes one size larger at a time: samples, classes,
channels, modalities, codes. A step is one batch of 64 made-up samples in `fit`; of
samples an epoch is timed, which has more steps. A measurement is what `cmvq evaluate`
computes of 256 samples, without each modality too. Processor time, the least of
`--rounds`. Prints a Markdown table: milliseconds, and the exponent b of time = a *
size^b, fitted over all sizes and over the last two. Below 1 is what does not grow.
"""

import argparse
import dataclasses
import os
import time

import numpy as np

SIZES = {
    "samples": (512, 2048, 8192),
    "classes": (8, 64, 256, 1000),
    "channels": (32, 64, 128),
    "modalities": (2, 4, 8, 16),
    "codes": (64, 512, 4096, 16384),
}
BATCH, BATCHES, MEASURED = 64, 4, 256


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--only", choices=SIZES, nargs="+", default=tuple(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    print("| size | values | what | ms | exponent | of the last two |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in options.only:
        found = [times(name, size, options.rounds) for size in SIZES[name]]
        for what in found[0]:
            print(line(name, SIZES[name], what, [each[what] for each in found]))


def line(name, sizes, what, seconds):
    """A row of the table.

    Args:
        name: of what grows.
        sizes: its values.
        what: is timed.
        seconds: of each.
    """
    values = ", ".join(f"{size:,}" for size in sizes)
    shown = ", ".join(f"{1000 * each:,.0f}" for each in seconds)
    whole, last = exponent(sizes, seconds), exponent(sizes[-2:], seconds[-2:])
    return f"| {name} | {values} | {what} | {shown} | {whole:.2f} | {last:.2f} |"


def exponent(sizes, seconds):
    """The b of seconds = a * size^b, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def recipe_of(name, size):
    """planted with one of `SIZES` at a value, resolved."""
    from cmvq_keras import recipes

    settings = {
        "channels": {"model.hidden_channels": size, "model.embedding_dim": size},
        "codes": {"model.num_embeddings": size},
    }
    recipe = recipes.get("planted")
    changed = {
        "classes": {"classes": tuple(f"class {number}" for number in range(size))},
        "modalities": {
            "modalities": {
                f"picture_{number}": recipe.modalities["image"]
                for number in range(size)
            }
        },
    }
    # Under its own name planted has the classes of its data.
    recipe = dataclasses.replace(recipe, name="grown", **changed.get(name, {}))
    return recipes.resolve(recipe.with_settings(settings.get(name, {})))


def times(name, size, rounds):
    """Processor seconds by what they are for.

    Args:
        name, size: as in `recipe_of`.
        rounds: of which the quickest counts.
    """
    from cmvq_keras.data.split import Split
    from cmvq_keras.evaluation import conditional_information, scores
    from cmvq_keras.models import optimizers
    from cmvq_keras.models.build import build_model

    recipe = recipe_of(name, size)
    count = size if name == "samples" else BATCH * BATCHES
    train, test = (_split(Split, recipe, each) for each in (count, MEASURED))
    model = build_model(recipe)
    model.compile(
        optimizers.optimizer(recipe.training, BATCHES), metrics=scores.scores(recipe)
    )

    def fit():
        model.fit(train.x, train.y, batch_size=BATCH, shuffle=False, verbose=0)

    def measure():
        scores.measure(model, recipe, test)
        conditional_information.measure(model, recipe, test)

    if name == "samples":
        return {"an epoch": least(fit, rounds)}
    return {
        "a step": least(fit, rounds) / BATCHES,
        "a measurement": least(measure, rounds),
    }


def _split(kind, recipe, count):
    generator = np.random.default_rng(0)
    x = {
        name: generator.normal(size=(count, *modality.shape)).astype("float32")
        for name, modality in recipe.modalities.items()
    }
    y = generator.integers(0, len(recipe.classes), count).astype("int32")
    return kind(x, y, np.arange(count).astype(str))


def least(work, rounds):
    """Processor seconds of the quickest of some rounds, after one that is not
    counted."""
    work()
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


if __name__ == "__main__":
    main()
