"""Pairs of samples with the same label, from sources that were split before.

Every random choice comes from the recipe's `data.seed`, not from the seed of the
training: runs with other training seeds see the same data.
"""

import dataclasses
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from cmvq_keras.data.listing import Group, Listing

PAIR = " + "  # between the names of a pair's parts


@dataclasses.dataclass(frozen=True)
class Samples:
    """One part of one source: what is known before anything is decoded.

    Args:
        labels: `(n,)` integers.
        names: `(n,)` strings.
        items: `(n,)` what `read` needs of each.
        read: takes an item, gives `(height, width, channels)` raw values; see
            `cmvq_keras.data.listing.Group`, and there for `costly`.
        skipped: `cmvq_keras.data.listing.SkippedSample`s: files beside the data.
    """

    labels: np.ndarray
    names: np.ndarray
    items: Sequence | np.ndarray
    read: Callable
    costly: bool = False
    skipped: tuple = ()


def open_split(recipe, openers, split, data_dir=None):
    """One split of a recipe whose sources are paired by label.

    Training and validation come from each source's official train part, test from
    its official test part.

    Args:
        recipe: a `Recipe` with `data.seed` and `data.validation_share`.
        openers: functions `(part, data_dir) -> Samples` by modality, part being
            "train" or "test". Only the recipe's own modalities are opened.
        split: "train", "validation" or "test".
        data_dir: the data root, see `sources.data_root`.

    Returns:
        `cmvq_keras.data.listing.Listing`. A sample that is in several pairs is
        decoded, and stored, once.

    Raises:
        ValueError: for settings out of range and files that are not as expected.
        FileNotFoundError: for files that are not there.
    """
    part = "test" if split == "test" else "train"
    sources = {name: openers[name](part, data_dir) for name in recipe.modalities}
    seed, share = recipe.data["seed"], recipe.data["validation_share"]
    chosen = {
        name: _members(samples.labels, split, share, _generator(seed, name))
        for name, samples in sources.items()
    }
    pairs, y = pair({n: sources[n].labels[c] for n, c in chosen.items()}, seed)
    rows = {name: chosen[name][index] for name, index in pairs.items()}
    names = [sources[name].names[index] for name, index in rows.items()]
    return Listing(
        names=[PAIR.join(row) for row in zip(*names, strict=True)],
        groups=tuple(_group(name, sources[name], rows[name]) for name in rows),
        labels=y,
        skipped=_skipped(sources) if split == "train" else (),
    )


def _skipped(sources):
    return tuple(each for samples in sources.values() for each in samples.skipped)


def raw_samples(names, modalities):
    """Which raw sample each modality of some samples is.

    Args:
        names: of samples, maybe of pairs.
        modalities: in the recipe's order.

    Returns:
        By modality an array of names; those of the whole samples where they are no
        pairs.
    """
    rows = [str(name).split(PAIR) for name in names]
    if any(len(row) != len(modalities) for row in rows):
        rows = [[str(name)] * len(modalities) for name in names]
    columns = zip(*rows, strict=True)
    return {m: np.array(own) for m, own in zip(modalities, columns, strict=True)}


def hold_out(labels, share, generator):
    """Splits indices into (kept, held out), class by class.

    Args:
        labels: `(n,)` integers.
        share: part of every class to hold out, in (0, 1); at least one sample of a
            class that has two or more.
        generator: `numpy.random.Generator`.

    Returns:
        Two sorted index arrays that share no sample and leave none out.
    """
    held = []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        held.append(members[:count])
    held = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), held), held


def pair(labels, seed):
    """Rows of samples with equal labels, one from each source, in seeded order.

    Every sample of the side with more samples of a class is in exactly one pair;
    the other side's samples are drawn again, evenly (their counts differ by 1 at
    most). A single source gives every sample once.

    Args:
        labels: `(n,)` integer arrays by source; every source has the same classes.
        seed: of the pairing and of the order.

    Returns:
        `(indices, y)`: `(n,)` index arrays by source, and `(n,)` int32 labels.

    Raises:
        ValueError: if a source lacks a class that another one has.
    """
    classes = _common_classes(labels)
    counts = [
        max(int(np.sum(side == label)) for side in labels.values()) for label in classes
    ]
    y = np.repeat(classes, counts).astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(y))
    indices = {}
    for name, side in labels.items():
        generator = _generator(seed, name)
        drawn = [
            _draw(np.flatnonzero(side == label), count, generator)
            for label, count in zip(classes, counts, strict=True)
        ]
        indices[name] = np.concatenate(drawn)[order]
    return indices, y[order]


def _draw(members, count, generator):
    rounds = -(-count // len(members))
    return np.concatenate([generator.permutation(members) for _ in range(rounds)])[
        :count
    ]


def _common_classes(labels):
    classes = {name: set(np.unique(side).tolist()) for name, side in labels.items()}
    everything = set().union(*classes.values())
    for name, own in classes.items():
        if own != everything:
            missing = ", ".join(map(str, sorted(everything - own)))
            raise ValueError(f"{name} has no samples of class {missing} to pair.")
    return np.array(sorted(everything))


def _members(labels, split, share, generator):
    if split == "test":
        return np.arange(len(labels))
    kept, held = hold_out(labels, share, generator)
    return kept if split == "train" else held


def _generator(seed, name):
    # One stream a source: leaving another source out changes nothing for this one.
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _group(name, samples, rows):
    """The items that are in a pair, each once, in the order of their first pair."""
    used, first = np.unique(rows, return_index=True)
    used = used[np.argsort(first)]
    place = np.empty(len(samples.names), np.int64)
    place[used] = np.arange(len(used))
    items = [samples.items[row] for row in used]
    return Group(items, _Named(name, samples.read), place[rows], samples.costly)


@dataclasses.dataclass(frozen=True)
class _Named:
    """Puts a source's values under its modality's name."""

    name: str
    read: Callable

    def __call__(self, item):
        return {self.name: self.read(item)}
