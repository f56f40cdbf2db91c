"""Rows of a table in three splits, by class and group."""

import numpy as np

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def draw(labels, groups, seed, shares=None):
    """A split for each row: each class in its shares, a group in one split alone.

    Args:
        labels: `(n,)` integers.
        groups: `(n,)` texts, or None.
        seed: of the order in which groups are dealt out.
        shares: by split, 1 in all; None for 70, 15 and 15 %.

    Returns:
        `(n,)` names of splits.

    Raises:
        ValueError: for fewer groups than splits.
    """
    shares = shares or SHARES
    names, wanted = list(shares), np.array(list(shares.values()))
    labels = np.asarray(labels)
    if groups is None:
        return _by_class(labels, shares, np.random.default_rng(seed))
    classes, of_class = np.unique(labels, return_inverse=True)
    _, of_group = np.unique(np.asarray(groups), return_inverse=True)
    count = of_group.max() + 1
    if count < len(names):
        raise ValueError(
            f"it needs {len(names)} groups at least, one a split. Received: {count}"
        )
    sizes = np.zeros((count, len(classes)), np.int64)
    np.add.at(sizes, (of_group, of_class), 1)
    order = np.random.default_rng(seed).permutation(count)
    # Large groups first: small ones fill what is left.
    order = order[np.argsort(-sizes[order].sum(axis=1), kind="stable")]
    left = wanted[:, None] * sizes.sum(axis=0)[None]
    part = np.zeros(count, np.int64)
    for group in order:
        held = sizes[group]
        # Where the classes that it holds lack most.
        lack = left[:, held > 0].sum(axis=1)
        part[group] = int(np.argmax(lack))
        left[part[group]] -= held
    part = _repaired(part, sizes, len(names))
    return np.array(names)[part[of_group]]


def _repaired(part, sizes, splits):
    """Groups moved until no split is empty, nor lacks a class of enough groups.

    Args:
        part: `(groups,)` the split of each, changed in place.
        sizes: `(groups, classes)` rows.
        splits: how many there are.
    """
    held, small = sizes > 0, np.argsort(sizes.sum(axis=1), kind="stable")
    for _ in range(len(part)):
        if not _move(part, held, small, splits):
            break
    return part


def _move(part, held, small, splits):
    """Gives the emptiest split that lacks something a group; False when none does."""
    counts = np.stack([held[part == split].sum(axis=0) for split in range(splits)])
    groups = np.bincount(part, minlength=splits)
    for split in np.argsort(groups, kind="stable"):
        lacking = (counts[split] == 0) & (held.sum(axis=0) >= splits)
        if groups[split] and not lacking.any():
            continue
        # Whose classes stay in the split that loses it.
        spare = {group: (counts[part[group]][held[group]] > 1).all() for group in small}
        able = [
            group
            for group in small
            if part[group] != split
            and groups[part[group]] > 1
            and (held[group][lacking].any() or not lacking.any())
            and (spare[group] or not groups[split])
        ]
        if able:
            part[min(able, key=lambda group: not spare[group])] = split
            return True
    return False


def _by_class(labels, shares, generator):
    """Each class by itself; its remainder goes to the splits in their order."""
    parts = np.empty(len(labels), dtype="<U10")
    ends = np.cumsum(list(shares.values()))
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        places = np.round(ends[:-1] * len(rows)).astype(int)
        if len(rows) >= len(shares):
            # One of each class at least in each split.
            places = np.clip(places, range(1, len(shares)), None)
            places = np.minimum(places, len(rows) - np.arange(len(places), 0, -1))
        for name, some in zip(shares, np.split(rows, places), strict=True):
            parts[some] = name
    return parts
