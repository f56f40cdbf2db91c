"""What a split holds, known before anything is decoded: what a reader gives.

A reader lists; it does not decode. So a preparation can decode on all cores, show how
much is left, continue where it stopped, and skip what is damaged.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from cmvq_keras import old_names

LABELS = "labels"  # beside a group's modalities: a label map a unit


@dataclasses.dataclass(frozen=True)
class SkippedSample:
    """A sample that could not be read: noted in the manifest, not stored.

    Args:
        name: what it is, e.g. a clip's name.
        reason: why, in a few words.
        expected: whether the data set is known for it, so that it does not count when
            too many are damaged.
    """

    name: str
    reason: str
    expected: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """Files that are decoded together, e.g. a clip's frame and its sound.

    Args:
        items: one a unit: what `read` needs of it, e.g. its path. Worker processes
            get them, so they have to be small and picklable.
        read: takes an item, gives arrays by modality. Each is `shape`, or
            `(views, *shape)` with the same number of views for every unit: a sample
            then has several pictures, of which a training draws one an epoch. Values
            are raw: uint8 in a modality of kind "image" counts as 0 to 255; else
            float16 or float32. Under segmentation "labels" gives `(height, width)`
            int32, -1 being no class. A function of a module, or a frozen dataclass
            with `__call__`, as worker processes import it. Raises ValueError or
            OSError, in one line with the file's name, for a unit that is damaged.
        units: `(n,)` positions in `items`, one a sample; None for one unit a sample in
            the samples' order.
        costly: whether decoding a unit is worth another process.
    """

    items: Sequence
    read: Callable
    units: np.ndarray | None = None
    costly: bool = True

    def first(self, limit):
        """The group of the first `limit` samples, without the items of the others."""
        if self.units is None:
            return dataclasses.replace(self, items=self.items[:limit])
        used, units = np.unique(self.units[:limit], return_inverse=True)
        items = [self.items[unit] for unit in used]
        return dataclasses.replace(self, items=items, units=units)


@old_names.renamed_attribute("left_out", "skipped")
@dataclasses.dataclass(frozen=True)
class Listing:
    """The samples of one split.

    Args:
        names: `(n,)` strings, each unique in all splits.
        groups: what is decoded, by one or several `Group`s; a modality is in one.
        labels: `(n,)` integers, indices into the recipe's classes; `(n, classes)` of
            0 and 1 for several labels a sample, `(n, targets)` numbers under
            regression, None under segmentation.
        attributes: `(n,)` strings by name, further columns of meta.csv.
        disjoint: names of attributes of which no value may be in two splits, e.g.
            "actor".
        skipped: samples that are known to be unusable without decoding.
        tolerant: whether samples that cannot be decoded are skipped, as long as
            they are no more than `tolerated`. Otherwise the first one is an error.
        tolerated: share of all samples, at least one.
        hint: what to do when too many are damaged, one sentence.
        missing_hint: the same for files that are missing.
        root: the raw data's folder, which a store's list of skipped samples does
            not name: the same files give the same store wherever they lie.
        split: "train", "validation" or "test", for messages.
    """

    names: Sequence[str]
    groups: tuple[Group, ...]
    labels: np.ndarray | None = None
    attributes: dict[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    disjoint: tuple[str, ...] = ()
    skipped: tuple[SkippedSample, ...] = ()
    tolerant: bool = False
    tolerated: float = 0.01
    hint: str = ""
    missing_hint: str = ""
    root: str = ""
    split: str = ""

    def __len__(self):
        return len(self.names)

    def first(self, limit):
        """The listing of the first `limit` samples, without the skipped ones.

        None keeps all.
        """
        if limit is None:
            return self
        return dataclasses.replace(
            self,
            names=self.names[:limit],
            groups=tuple(group.first(limit) for group in self.groups),
            labels=None if self.labels is None else self.labels[:limit],
            attributes={key: words[:limit] for key, words in self.attributes.items()},
            skipped=(),
        )


__getattr__ = old_names.getter(__name__)
