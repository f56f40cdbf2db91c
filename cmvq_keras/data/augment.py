"""Training samples in batches, changed at random, anew in every epoch."""

import keras
import numpy as np

from cmvq_keras.data import images
from cmvq_keras.data.pipeline import Batches


class Mirrored(keras.utils.PyDataset):
    """Batches of which some samples are mirrored left to right.

    All modalities of a sample are mirrored together, and its label map with them,
    where it has one. Which samples depends on seed, epoch and place in the epoch
    alone. A bad choice where left and right have a meaning, as in digits.

    Args:
        batches: a `cmvq_keras.data.pipeline.Batches`.
        share: how many of the samples are mirrored, in (0, 1].
        mirrors: by modality a function from a batch to its mirror image, both
            `(n, ...)`.
        seed: integer.
    """

    def __init__(self, batches, share, mirrors, seed):
        super().__init__()
        self.batches = batches
        self.share = share
        self.mirrors = mirrors
        self.seed = seed

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        x, y = self.batches[index]
        generator = np.random.default_rng([self.seed, self.batches.epoch, index])
        own, first = self.batches.own(index), index * self.batches.batch_size
        # Drawn for the batch of all processes.
        rows = generator.random(own.stop - first)[own.start - first :] < self.share
        x = {
            name: _replaced(values, rows, self.mirrors[name])
            for name, values in x.items()
        }
        return x, (y if y.ndim == 1 else _replaced(y, rows, images.mirror))

    def on_epoch_end(self):
        self.batches.on_epoch_end()

    def set_epoch(self, epoch):
        """As that of the batches."""
        self.batches.set_epoch(epoch)


def training_batches(settings, split, mirrors=None, process=(0, 1)):
    """A training split as batches that are shuffled anew in every epoch.

    Args:
        settings: `TrainingSettings`.
        split: a `cmvq_keras.data.split.Split`.
        mirrors: see `cmvq_keras.recipes.mirrors`; None where nothing is mirrored.
        process: as in `Batches`.
    """
    batches = Batches(split.x, split.y, settings.batch_size, settings.seed, process)
    if mirrors:
        return Mirrored(batches, settings.mirror, mirrors, settings.seed)
    return batches


def _replaced(values, rows, mirror):
    changed = np.array(values)
    changed[rows] = mirror(changed[rows])
    return changed
