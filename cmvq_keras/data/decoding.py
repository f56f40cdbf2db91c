"""Decodes what a listing names: on all cores, in order, checked, a bit at a time."""

# pyright: reportCallIssue=false, reportArgumentType=false

import dataclasses
import logging
import pathlib

import numpy as np

from cmvq_keras import fileio, old_names, tasks
from cmvq_keras.data import faults, kinds
from cmvq_keras.data.formats import npy
from cmvq_keras.data.listing import LABELS, Listing, SkippedSample
from cmvq_keras.data.split import Split, normalize_stored

MAX_WORKERS = 12  # a worker takes about 100 MB
_PORTION = 8  # units that a worker decodes at a time
_WAVE = 8  # portions a worker before their rows are handed on: bounds the memory


def decode(group, recipe, units, workers=None):
    """Decodes units of a group, in order.

    Args:
        group: a `cmvq_keras.data.listing.Group`.
        recipe: the `Recipe`: the modalities that are wanted, and their shapes.
        units: sequence of positions in `group.items`.
        workers: processes; None for one a core (12 at most), and none for groups
            that are not costly. What comes out does not depend on it.

    Yields:
        `(unit, rows)`: arrays by modality as `group.read` gives them, checked; or
        `(unit, error)`, a ValueError or OSError, for a unit that is damaged.
    """
    portions = [
        units[start : start + _PORTION] for start in range(0, len(units), _PORTION)
    ]
    workers = min(workers or worker_count(), len(portions)) if group.costly else 1
    if workers <= 1:
        for unit in units:
            yield unit, _attempt(group.read, group.items[unit], recipe)
        return
    # joblib's processes need no `if __name__ == "__main__"` in a user's script.
    from joblib import Parallel, delayed

    with Parallel(n_jobs=workers, max_nbytes=None) as pool:
        wave = workers * _WAVE
        for start in range(0, len(portions), wave):
            now = portions[start : start + wave]
            decoded = pool(
                delayed(_portion)(group.read, [group.items[u] for u in some], recipe)
                for some in now
            )
            for some, results in zip(now, decoded, strict=True):
                yield from zip(some, results, strict=True)


def worker_count():
    """The processes that `decode` starts by itself."""
    from joblib import cpu_count

    return min(cpu_count(), MAX_WORKERS)


def load(listing, recipe, workers=None):
    """A whole split in memory, normalized; of several views the first.

    Args:
        listing: a `cmvq_keras.data.listing.Listing`.
        recipe: the `Recipe`.
        workers: as in `decode`.

    Returns:
        `cmvq_keras.data.split.Split`, without what was skipped.

    Raises:
        ValueError, OSError: for damaged files, see `DamagedSamples`.
    """
    damaged = DamagedSamples(listing)
    keep = np.ones(len(listing), bool)
    columns, rows = {}, {}
    for group in listing.groups:
        units = positions(group, len(listing))
        needed, inverse = np.unique(units, return_inverse=True)
        good = np.ones(len(needed), bool)
        found = {}
        for place, (unit, result) in enumerate(
            decode(group, recipe, needed.tolist(), workers)
        ):
            if isinstance(result, Exception):
                damaged.add(group, unit, result)
                good[place] = False
                continue
            for name, values in result.items():
                found.setdefault(name, []).append(first_view(recipe, name, values))
        keep &= good[inverse]
        columns |= {name: np.stack(values) for name, values in found.items()}
        rows |= dict.fromkeys(found, np.cumsum(good)[inverse] - 1)
    damaged.report()
    columns = {name: columns[name][rows[name][keep]] for name in columns}
    labels = columns.pop(LABELS, listing.labels)
    if listing.labels is not None:
        labels = np.asarray(listing.labels)[keep]
    x = {
        name: normalize_stored(columns[name], modality)
        for name, modality in recipe.modalities.items()
    }
    labels = labels.astype(tasks.get(recipe.task).dtype)
    return Split(x, labels, np.asarray(listing.names)[keep])


def positions(group, count):
    """`(count,)` the unit of each sample."""
    return np.arange(count) if group.units is None else np.asarray(group.units)


def first_view(recipe, name, values):
    """One picture of a sample: `(views, *shape)` gives the first."""
    shape = recipe.modalities[name].shape if name in recipe.modalities else None
    return values[0] if shape and values.ndim > len(shape) else values


@dataclasses.dataclass
class DamagedSamples:
    """The damaged units of one split: tolerated up to a share of the samples.

    Args:
        listing: the split's `Listing`.
        skipped: `SkippedSample`s, those of `add` after the listing's own.
    """

    listing: Listing
    skipped: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.skipped = [*self.listing.skipped, *self.skipped]
        self._check()

    def add(self, group, unit, error):
        """Notes a damaged unit.

        Raises:
            ValueError, OSError: the error itself, unless the listing is tolerant; and
                when more samples are damaged than the listing says (at least 1), beside
                those that the data set is known for.
        """
        units = positions(group, len(self.listing))
        if not self.listing.tolerant:
            row = int(np.argmax(units == unit))
            raise _named(error, self.listing, row, group.items[unit]) from error
        for row in np.flatnonzero(units == unit):
            self.skipped.append(
                SkippedSample(str(self.listing.names[row]), reason_of(error))
            )
        self._check()

    def report(self):
        """Says on the log what was skipped, where no store's manifest lists it."""
        if self.skipped:
            some = "; ".join(f"{each.name}: {each.reason}" for each in self.skipped[:3])
            more = "; ..." if len(self.skipped) > 3 else ""
            logging.getLogger(__name__).warning(
                "%d files or samples were skipped (%s%s)",
                len(self.skipped),
                some,
                more,
            )

    def _check(self):
        counted = [each for each in self.skipped if not each.expected]
        samples = len(self.listing) + len(self.listing.skipped)
        share = self.listing.tolerated
        if len(counted) > max(1, int(share * samples)):
            some = "; ".join(f"{each.name}: {each.reason}" for each in counted[:3])
            raise ValueError(
                f"More than {share:.0%} of {samples} samples cannot be used "
                f"({some}; ...). {_remedy(counted, self.listing)}".strip()
            )


def _named(error, listing, row, item):
    """An error of one sample with its split, its name, and its file if known."""
    if isinstance(error, OSError) and error.filename:
        return error  # it names the file
    text = str(error)
    where = f"sample {listing.names[row]}"
    where = f"{listing.split}: {where}" if listing.split else where
    if isinstance(item, (str, pathlib.Path)) and str(item) not in text:
        where += f" ({item})"
    kind = OSError if isinstance(error, OSError) else ValueError
    return kind(f"{where}: {text}")


def _remedy(counted, listing):
    """What to do about samples that cannot be used, by what most of them suffer from.

    Args:
        counted: `SkippedSample`s.
        listing: the `Listing`.
    """
    missing = sum(
        "o such file" in each.reason or " is missing" in each.reason for each in counted
    )
    pointers = sum("git lfs pull" in each.reason for each in counted)
    if 2 * missing > len(counted):
        return listing.missing_hint or listing.hint
    # What is said of a pointer says what to do.
    if 2 * pointers > len(counted):
        return ""
    return listing.hint or "Fetch the damaged files anew."


def reason_of(error):
    """What an exception says, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return fileio.one_line(error)


def _portion(read, items, recipe):
    return [_attempt(read, item, recipe) for item in items]


def _attempt(read, item, recipe):
    try:
        return _checked(read(item), recipe)
    except fileio.UNREADABLE as error:
        return _cause_among(item, isinstance(error, EOFError)) or error


def _cause_among(item, is_cut):
    """The error for what git-lfs has not fetched, or for an empty file where reading
    met its end: a parser calls them something else."""
    if not isinstance(item, (str, pathlib.Path)):
        return None
    path = pathlib.Path(item)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for each in files:
            if each.is_file() and fileio.is_pointer(each):
                return ValueError(
                    f"{each} is a git-lfs pointer, not the file itself. Run "
                    "`git lfs pull` in its repository"
                )
            if is_cut and each.is_file() and not each.stat().st_size:
                return ValueError(f"{each} is empty. Write it again, or remove it")
    except OSError:
        pass
    return None


def check_labels(listing, recipe):
    """Raises ValueError for labels that are no places in the recipe's classes."""
    if listing.labels is None:
        return
    labels, classes = np.asarray(listing.labels), recipe.classes
    where = f"{listing.split}: labels" if listing.split else "labels"
    if not tasks.get(recipe.task).one_class:
        tasks.get(recipe.task).checked(labels, recipe, where)
        return
    if labels.shape != (len(listing),):
        raise ValueError(
            f"{where} must be one per sample, ({len(listing)},). Received: "
            f"{labels.shape}"
        )
    if not len(labels):
        return
    known = labels.dtype.kind in "ui" and (labels >= 0) & (labels < len(classes))
    if not np.all(known):
        row = int(np.argmin(np.broadcast_to(known, labels.shape)))
        shown = fileio.one_line(str(labels[row])[:40])
        raise ValueError(
            f"{where} must be whole numbers from 0 to {len(classes) - 1}, places in "
            f"the classes ({', '.join(classes[:5])}{', ...' * (len(classes) > 5)}). "
            f"Received: {shown} for sample {listing.names[row]}. For a class's name: "
            "recipe.classes.index(name)"
        )


def _checked(rows, recipe):
    """The wanted modalities' arrays.

    Raises:
        ValueError: for another shape or dtype than the recipe's, and for values that
            are not finite.
    """
    checked = {}
    for name, modality in recipe.modalities.items():
        if name not in rows:
            continue  # another group's
        faults.check_unmasked(rows[name], name)
        values, shape = np.asarray(rows[name]), modality.shape
        if values.shape[-len(shape) :] != shape or values.ndim > len(shape) + 1:
            raise ValueError(
                f"{name} must be {shape}. Received: {values.shape}"
                f"{faults.shape_fault(values, shape)}"
            )
        if values.dtype.name not in npy.DTYPES:
            raise ValueError(faults.dtype_message(name, values, npy.DTYPES))
        if fault := faults.finite_fault(name, values):
            raise ValueError(fault)
        about = kinds.get(modality.kind)
        if fault := about.fault(values.reshape(-1, *shape)):
            raise ValueError(f"{name}: {fault}")
        checked[name] = values
    if LABELS in rows:
        checked[LABELS] = _checked_labels(np.asarray(rows[LABELS]), recipe)
    return checked


def _checked_labels(labels, recipe):
    classes = len(recipe.classes)
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise ValueError(
            f"labels must be (height, width) integers. Received: {labels.shape} "
            f"{labels.dtype}"
        )
    if labels.min() < -1 or labels.max() >= classes:
        raise ValueError(
            f"labels must be in [-1, {classes - 1}]. Received: {labels.min()} to "
            f"{labels.max()}"
        )
    return labels.astype(npy.LABELS)


__getattr__ = old_names.getter(__name__)
