"""Partial information decomposition: what two modalities tell of the label together,
each alone, and only side by side.

The measure is that of Bertschinger et al. (Quantifying unique information, Entropy
2014, definition 1): among all distributions with the same pairs (modality, label), the
one is taken in which the two modalities together tell least of the label. What they
tell beyond it is synergy. As in Liang et al. (Quantifying and modeling multimodal
interactions, NeurIPS 2023, Section 3.1) a convex program finds it, here the one of
Makkeh et al. (BROJA-2PID, Entropy 2018) over the cells that can occur, solved by
cvxpy.
"""

import dataclasses
import warnings
from typing import Any

import numpy as np

from cmvq_keras import validation

CELLS = ("posteriors", "predictions")
BATCHES = "batches"
KINDS = (*CELLS, BATCHES)
MOST_CELLS = 20
_SEED = 0
_STARTS = 4  # of the clustering
_DIGITS = 6  # of probabilities that differ


@dataclasses.dataclass(frozen=True)
class Decomposition:
    """Bits of the label, each >= 0.

    Args:
        redundant: what each of the two tells by itself.
        unique: what the first alone tells, and what the second alone tells.
        synergistic: what only both together tell.
    """

    redundant: float
    unique: tuple[float, float]
    synergistic: float

    def as_dict(self) -> dict[str, Any]:
        """The numbers for JSON."""
        return dataclasses.asdict(self) | {"unique": list(self.unique)}


def decompose(joint: Any) -> Decomposition:
    """Decomposes a distribution of two discrete variables and a label.

    Args:
        joint: `(a, b, classes)` probabilities, or counts, >= 0.

    Raises:
        ImportError: without cvxpy, with what to install.
        ValueError: for another shape, and for numbers that are no counts.
    """
    joint = np.asarray(joint, np.float64)
    if joint.ndim != 3:
        raise ValueError(
            "`joint` must be of three axes: first modality, second modality, label. "
            f"Received: shape {joint.shape}"
        )
    if not (np.isfinite(joint).all() and joint.min() >= 0 and joint.sum() > 0):
        raise ValueError(
            "`joint` must hold probabilities or counts: numbers >= 0, some above 0. "
            f"Received: numbers from {joint.min()} to {joint.max()}"
        )
    joint = joint / joint.sum()
    first = information(joint.sum(axis=1))
    second = information(joint.sum(axis=0))
    least = information(_least_synergistic(joint).reshape(-1, joint.shape[2]))
    whole = information(joint.reshape(-1, joint.shape[2]))
    # The solver's rounding goes below 0.
    return Decomposition(
        redundant=max(0.0, first + second - least),
        unique=(max(0.0, least - second), max(0.0, least - first)),
        synergistic=max(0.0, whole - least),
    )


def information(joint: np.ndarray) -> float:
    """Mutual information in bits of a distribution `(a, classes)`."""
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float(np.sum(joint[there] * np.log2(joint[there] / outer[there])))


def joint_counts(first: np.ndarray, second: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Counts `(a, b, classes)` of three integer arrays `(n,)`."""
    found = np.zeros([int(each.max()) + 1 for each in (first, second, y)])
    np.add.at(found, (first, second, y), 1)
    return found


def bias(counts: np.ndarray) -> float:
    """By how many bits the four parts of counts are too large together, roughly.

    The information of two variables that are independent is not 0 in a sample. This is
    the first order of it (Miller, Note on the bias of information estimates, 1955),
    for both modalities together and the label. Below 0 it is no sign of anything.

    Args:
        counts: as `joint_counts` gives them.
    """
    cells = np.count_nonzero(counts.sum(axis=2))
    classes = np.count_nonzero(counts.sum(axis=(0, 1)))
    extra = np.count_nonzero(counts) - cells - classes + 1
    return float(extra / (2 * counts.sum() * np.log(2)))


def cells(
    probabilities: np.ndarray, *, kind: str = "posteriors", most: int | None = None
) -> np.ndarray:
    """What a modality's own predictions say, as one of a few cells: `(n,)` integers.

    Args:
        probabilities: `(n, classes)`.
        kind: "predictions" for the most probable class, "posteriors" for k-means
            clusters of the probabilities, which also tell how sure they are.
        most: clusters, in [2, 20]; None for one more than there are classes, so that
            one is left for those that are not sure.

    Raises:
        ValueError: for an unknown kind, and for too few or too many clusters.
    """
    validation.one_of(kind, CELLS, "kind of cells")
    if kind == "predictions":
        return probabilities.argmax(axis=1)
    check_cells(most)
    wanted = min(probabilities.shape[1] + 1, MOST_CELLS) if most is None else most
    count = min(wanted, len(np.unique(probabilities.round(_DIGITS), axis=0)))
    starts = [_clustered(probabilities, count, start) for start in range(_STARTS)]
    return min(starts, key=lambda each: each[0])[1]


def _clustered(points, count, start):
    """The squared distances to the centers, summed, and each point's cluster."""
    # Imported here: it takes a third of a second.
    from scipy.cluster.vq import kmeans2

    generator = np.random.default_rng([_SEED, start])
    with warnings.catch_warnings():
        # Of several starts the best one counts: an empty cluster does no harm.
        warnings.filterwarnings("ignore", "One of the clusters is empty", UserWarning)
        centers, labels = kmeans2(points, count, minit="++", rng=generator)
    return np.square(points - centers[labels]).sum(), labels


def check_cells(most: int | None) -> None:
    """Raises ValueError unless a number of clusters is in range, or None."""
    if most is not None:
        validation.in_range(most, "`cells`", f"[2, {MOST_CELLS}]", int)


def solver() -> Any:
    """The module cvxpy; an ImportError with what to install where it is missing."""
    try:
        import cvxpy
    except ImportError as error:
        raise ImportError(
            "The decomposition needs cvxpy, which is not installed. Do: pip install "
            "'cmvq-keras[decomposition]'"
        ) from error
    return cvxpy


def _least_synergistic(joint):
    """Among the distributions with the same pairs (modality, label), the one whose
    modalities together tell least."""
    cvxpy = solver()
    from scipy import sparse

    first, second = joint.sum(axis=1), joint.sum(axis=0)
    # Where a pair has no probability, no triple with it has any.
    places = np.nonzero((first[:, None] > 0) & (second[None] > 0))
    count = len(places[0])

    def summed(*axes):
        """Sums the triples that agree on some axes, as a matrix."""
        shape = [joint.shape[axis] for axis in axes]
        keys = np.ravel_multi_index([places[axis] for axis in axes], shape)
        _, rows = np.unique(keys, return_inverse=True)
        return sparse.csr_array((np.ones(count), (rows, np.arange(count))))

    triples = cvxpy.Variable(count, nonneg=True)
    by_first, by_second, by_both = summed(0, 2), summed(1, 2), summed(0, 1)
    # A variable of its own keeps the program sparse: minutes become a second.
    both = cvxpy.Variable(by_both.shape[0])
    own = [
        by_first @ triples == first[first > 0],
        by_second @ triples == second[second > 0],
        by_both @ triples == both,
    ]
    divergence = cvxpy.rel_entr(triples, by_both.T @ both)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(divergence)), own)
    problem.solve(solver=cvxpy.CLARABEL)
    if triples.value is None:
        raise ValueError(
            f"The solver found no decomposition: {problem.status}. Take fewer cells"
        )
    found = np.zeros(joint.shape)
    found[places] = np.maximum(triples.value, 0)
    return found / found.sum()
