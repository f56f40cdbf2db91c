"""How many epochs and seeds fit into some minutes.

Epochs are chosen once, before the comparison begins: a training of two or three epochs
times one epoch of CM-VQVAE, the slowest network of all. All networks then get

- the recipe's epochs, where all seeds fit;
- else as many as let all seeds fit, but no fewer than a quarter of the recipe's;
- else as many as let one seed fit; and `LEAST` at least.

Further seeds are trained while their time, measured on the seeds before, still fits.
"""

import dataclasses
import itertools
import math
import tempfile
import time

import keras

from cmvq_keras.training import api

LEAST = 3  # epochs
SHARE = 4  # of the recipe's epochs: a quarter at least, if that fits


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a training takes.

    Args:
        fixed: seconds whatever its epochs: compilation, validation and test.
        epoch: seconds an epoch.
    """

    fixed: float
    epoch: float

    def epochs_within(self, seconds: float) -> int:
        """How many epochs fit into some time; 0 for none."""
        return max(math.floor((seconds - self.fixed) / max(self.epoch, 1e-9)), 0)


def epochs_for(
    asked: int, cost: Cost, *, trainings: int, seeds: int, seconds: float
) -> int:
    """The epochs of a comparison, in [1, `asked`].

    Args:
        asked: the recipe's.
        cost: of one training.
        trainings: networks a seed.
        seeds: that are wanted.
        seconds: for all of them.
    """
    for_all = cost.epochs_within(seconds / (trainings * seeds))
    for_one = cost.epochs_within(seconds / trainings)
    return min(asked, max(for_all, min(math.ceil(asked / SHARE), for_one), LEAST))


def measure(recipe, source) -> Cost:
    """Trains a recipe for two epochs, in a folder that goes away; for three where not
    every epoch is validated.

    Args:
        recipe: a `ResolvedRecipe`.
        source: a `cmvq_keras.runs.data_source.DataSource`.
    """
    clock, every = _Clock(), recipe.training.validation_every
    epochs, between = (2, 1) if every == 1 else (3, 3)
    short = recipe.with_settings(
        {
            "training.epochs": epochs,
            "training.validation_every": between,
            "training.seed": 0,
        }
    )
    # Data is prepared for all trainings, and in no training's time.
    source.for_recipe(short)
    with tempfile.TemporaryDirectory(prefix="cmvq-advise-") as folder:
        started = time.perf_counter()
        api.train(
            short,
            out=f"{folder}/run",
            data_dir=source.data_dir,
            store=source.store,
            callbacks=[clock],
            verbose=False,
        )
        whole = time.perf_counter() - started
    # The first compiles. Of three the last is validated, that before is not.
    taken = [later - end for end, later in itertools.pairwise(clock.ends)] or [whole]
    epoch = taken[0] + (taken[-1] - taken[0]) / every
    return Cost(max(whole - taken[-1] - sum(taken), 0.0), epoch)


class _Clock(keras.callbacks.Callback):
    """Notes when each epoch ends."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())
