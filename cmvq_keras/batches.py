"""Arrays, in memory or in a store, as batches for Keras."""

import math

import keras
import numpy as np

from cmvq_keras.data.formats import images
from cmvq_keras.data.transforms.augmentation import Draws


class Batches(keras.utils.PyDataset):
    """Batches of `(inputs, labels)`; the order depends on seed and epoch alone.

    Args:
        x: dictionary of arrays `(n, ...)`, or of
            `cmvq_keras.data.store.reader.StoredArray`s, which read a batch at a time.
        y: labels `(n, ...)`.
        batch_size: samples a batch.
        shuffle_seed: integer to shuffle every epoch; None keeps the order. Shuffled
            batches leave out the epoch's last, incomplete one: a batch of another
            size costs a compilation on JAX, and the next epoch shuffles anew. Of
            samples with several views (`StoredArray.views`) each epoch draws one.
        process: `(index, count)` of processes that share each batch: only the rows
            of the one with this index are read.

    Attributes:
        whole: whether every device is to read each batch whole, though several train.
    """

    def __init__(self, x, y, batch_size, shuffle_seed=None, process=(0, 1)):
        super().__init__()
        self.process = process
        self.whole = False
        self.x = x
        self.y = y
        self.batch_size = min(batch_size, len(y))
        self.shuffle_seed = shuffle_seed
        self.epoch = 0
        self._order, self._views = self._draw()

    def _draw(self):
        """The epoch's order, and for each sample a number that chooses its view."""
        if self.shuffle_seed is None:
            return None, None
        generator = np.random.default_rng([self.shuffle_seed, self.epoch])
        order = generator.permutation(len(self.y))
        return order, generator.integers(2**31, size=len(self.y))

    def __len__(self):
        full, rest = divmod(len(self.y), self.batch_size)
        return full if self._order is not None else full + bool(rest)

    def __getitem__(self, index):
        part = self.local_shard(index)
        if self._order is not None:
            part = self._order[part]
        x = {name: self._read(array, part) for name, array in self.x.items()}
        y = self.y[part]
        if self._order is None:
            # Copies: TensorFlow's MirroredStrategy adds up a first batch in its place.
            x, y = {name: np.array(values) for name, values in x.items()}, np.array(y)
        return x, y

    def local_shard(self, index):
        """The slice of all rows in their order that this process reads of a batch."""
        first = index * self.batch_size
        size = min(self.batch_size, len(self.y) - first)
        number, count = self.process
        return slice(
            first + number * size // count, first + (number + 1) * size // count
        )

    def _read(self, array, part):
        views = getattr(array, "views", 1)
        if views == 1 or self._views is None:
            return array[part]
        return array.read(part, self._views[part] % views)

    def on_epoch_end(self):
        self.set_epoch(self.epoch + 1)

    def set_epoch(self, epoch):
        """Goes to an epoch: its order and views do not depend on those before."""
        self.epoch = epoch
        self._order, self._views = self._draw()


class Rest(keras.utils.PyDataset):
    """What is left of an epoch.

    Args:
        batches: `Batches`, or `cmvq_keras.batches.Mirrored` ones.
        first: index of the first batch that is left.
    """

    def __init__(self, batches, first):
        super().__init__()
        self.batches = batches
        self.first = first

    def __len__(self):
        return len(self.batches) - self.first

    def __getitem__(self, index):
        return self.batches[self.first + index]

    def on_epoch_end(self):
        self.batches.on_epoch_end()


def even_batch_size(count, batch_size):
    """The largest batch size up to `batch_size` that divides `count`, when it is at
    least half of it; else `batch_size`.

    With batches of one size JAX compiles an evaluation once.
    """
    for size in range(min(batch_size, count), batch_size // 2, -1):
        if count % size == 0:
            return size
    return batch_size


class Mirrored(keras.utils.PyDataset):
    """Batches of which some samples are mirrored left to right.

    All modalities of a sample are mirrored together, and its label map with them,
    where it has one. Which samples depends on seed, epoch and place in the epoch
    alone. A bad choice where left and right have a meaning, as in digits.

    Args:
        batches: a `cmvq_keras.batches.Batches`.
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
        own, first = self.batches.local_shard(index), index * self.batches.batch_size
        # Drawn for the batch of all processes.
        rows = generator.random(own.stop - first)[own.start - first :] < self.share
        x = {
            name: _replaced(values, rows, self.mirrors[name])
            for name, values in x.items()
        }
        return x, (y if y.ndim < 3 else _replaced(y, rows, images.mirror))

    def on_epoch_end(self):
        self.batches.on_epoch_end()

    def set_epoch(self, epoch):
        """As that of the batches."""
        self.batches.set_epoch(epoch)


class Augmented(keras.utils.PyDataset):
    """Batches whose samples are changed at random, each modality by its own kind.

    What is drawn depends on seed, epoch and place in the epoch alone.

    Args:
        batches: a `Batches`, or `Mirrored` ones.
        changes: by modality a `cmvq_keras.data.transforms.augmentation.Change`; others
            stay as they are.
        seed: integer.
    """

    def __init__(self, batches, changes, seed):
        super().__init__()
        self.batches = batches
        self.changes = changes
        self.seed = seed
        self._rows = getattr(batches, "batches", batches)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        x, y = self.batches[index]
        part, size = self._rows.local_shard(index), self._rows.batch_size
        part = slice(part.start - index * size, part.stop - index * size)
        changed, names = dict(x), sorted(self.changes)
        for name, change in self.changes.items():
            # A modality alone is changed as it is beside others of later names.
            place = names.index(change.drawn_as)
            stream = [self.seed, self._rows.epoch, index, place + 1]
            draws = Draws(np.random.default_rng(stream), size, part)
            changed[name] = change.function(x[name], draws)
        return changed, y

    def on_epoch_end(self):
        self.batches.on_epoch_end()

    def set_epoch(self, epoch):
        """As that of the batches."""
        self.batches.set_epoch(epoch)


def training_batches(settings, split, mirrors=None, process=(0, 1), changes=None):
    """A training split as batches that are shuffled anew in every epoch.

    Args:
        settings: `TrainingSettings`.
        split: a `cmvq_keras.data.split.Split`.
        mirrors: see `cmvq_keras.recipes.mirrors`; None where nothing is mirrored.
        process: as in `Batches`.
        changes: as in `Augmented`; None for samples as they are.
    """
    batches = Batches(split.x, split.y, settings.batch_size, settings.seed, process)
    if mirrors:
        batches = Mirrored(batches, settings.mirror, mirrors, settings.seed)
    if changes:
        batches = Augmented(batches, changes, settings.seed)
    return batches


def _replaced(values, rows, mirror):
    changed = np.array(values)
    changed[rows] = mirror(changed[rows])
    return changed


#: Samples of a batch of small samples, and numbers of its inputs at most.
_INFERENCE, _NUMBERS = 128, 2**20


def inference_batches(recipe, split, modalities=None):
    """As `evaluation_batches`, in larger batches where samples are small: there a batch
    costs more than its samples. For what does not depend on how they are divided."""
    x = {name: split.x[name] for name in modalities or split.x}
    numbers = sum(math.prod(array.shape[1:]) for array in x.values())
    size = max(recipe.training.batch_size, min(_INFERENCE, _NUMBERS // max(numbers, 1)))
    return Batches(x, split.y, even_batch_size(len(split.y), size))


def evaluation_batches(recipe, split, modalities=None):
    """A split's samples in their order, in batches of one size where that is near.

    Args:
        recipe: the `Recipe`.
        split: a `cmvq_keras.data.split.Split`.
        modalities: names of those that the batches hold; None for all.
    """
    size = even_batch_size(len(split.y), recipe.training.batch_size)
    x = {name: split.x[name] for name in modalities or split.x}
    return Batches(x, split.y, size)
