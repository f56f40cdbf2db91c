"""Partial information decomposition of samples' posteriors as they are, in batches.

What is minimized is that of `cmvq_keras.evaluation.decomposition`. Here each sample of
a batch is a cell of its own, and the pairs (modality, label) are the posteriors of each
modality alone. This is the batch estimator of Liang et al. (Quantifying and modeling
multimodal interactions, NeurIPS 2023, Section 3.2) with one change. They train a
network that proposes the coupling of a batch. Here it is solved for, by the alternating
projections of Banerjee et al. (Computing the unique information, ISIT 2018).

What both modalities together tell comes from the classifier's posteriors of both. So
synergy shows even where no modality alone tells anything, as in an XOR.
"""

import numpy as np

from cmvq_keras.evaluation.decomposition import Decomposition, information

SIZE = 256  # samples of a batch
LEAST_BATCHES = 4  # an interval needs several
_ROUNDS = 300
_CLOSE = 1e-6  # probability that a round moves
_TINY = 1e-300
_NOTHING = 1e-30


def decompose_batch(
    first: np.ndarray,
    second: np.ndarray,
    both: np.ndarray,
    shares: np.ndarray | None = None,
) -> Decomposition:
    """Decomposes what two modalities tell of the label of some samples.

    Args:
        first, second: `(n, classes)` probabilities of each modality alone.
        both: the same of both together.
        shares: `(classes,)` how often each class occurs; None for what `both` says.
    """
    shares = both.mean(axis=0) if shares is None else shares
    # The three say the same of how often a class occurs, or no coupling has them all.
    first, second, both = (
        shares * each / np.maximum(each.sum(axis=0), _TINY)
        for each in (first, second, both)
    )
    alone = information(first), information(second)
    least = _least_information(_merged(first).T, _merged(second).T)
    return Decomposition(
        redundant=max(0.0, sum(alone) - least),
        unique=(max(0.0, least - alone[1]), max(0.0, least - alone[0])),
        synergistic=max(0.0, information(both) - least),
    )


def decompose_batches(
    first: np.ndarray, second: np.ndarray, both: np.ndarray, seed: int = 0
) -> list[tuple[int, Decomposition]]:
    """The samples of each batch and their decomposition.

    Args:
        first, second, both: as in `decompose_batch`.
        seed: of the order in which batches are made.
    """
    count = min(len(both), max(LEAST_BATCHES, round(len(both) / SIZE)))
    shares = both.mean(axis=0)  # a batch has more of one class by chance
    order = np.random.default_rng(seed).permutation(len(both))
    return [
        (len(rows), decompose_batch(first[rows], second[rows], both[rows], shares))
        for rows in np.array_split(order, count)
    ]


def _merged(joint):
    """The same distribution with one cell for samples of equal probabilities."""
    found, place = np.unique(joint, axis=0, return_inverse=True)
    return found * np.bincount(place.ravel())[:, None]


def _least_information(first, second):
    """The least information on the label of a coupling with these marginals, bits.

    Args:
        first, second: `(classes, n)` and `(classes, m)` probabilities with the same
            sums over the samples.
    """
    pairs = np.outer(first.sum(axis=0), second.sum(axis=0))
    columns = np.ones_like(second)
    for _ in range(_ROUNDS):
        # The coupling of each class is `pairs` with scaled rows and columns.
        rows = first / np.maximum(columns @ pairs.T, _TINY)
        columns = second / np.maximum(rows @ pairs, _TINY)
        coupling, pairs = pairs, pairs * (rows.T @ columns)
        # Numbers that go on to 0 would take most of the time.
        pairs[pairs < _NOTHING] = 0.0
        if np.abs(pairs - coupling).sum() < _CLOSE:
            break
    found = 0.0
    for row, column, share in zip(rows, columns, second.sum(axis=1), strict=True):
        own = coupling * np.outer(row, column)
        there = (own > 0) & (pairs > 0)
        found += np.sum(own[there] * np.log2(own[there] / (pairs[there] * share)))
    return float(found)
