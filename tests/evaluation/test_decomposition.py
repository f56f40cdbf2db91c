"""Redundant, unique and synergistic bits of distributions with a known answer."""

import fractions
import math
import sys
import warnings

import numpy as np
import pytest

from cmvq_keras.data.datasets import erasure, planted
from cmvq_keras.evaluation import batch_decomposition, decomposition

pytestmark = pytest.mark.once


@pytest.fixture
def _solver():
    pytest.importorskip("cvxpy", reason="the extra decomposition is not installed")


def _gate(function):
    counts = np.zeros((2, 2, 2))
    for a, b in np.ndindex(2, 2):
        counts[a, b, function(a, b)] += 1
    return counts


def _noisy(name):
    """The arrays that pliang279/PID was given."""
    generator = np.random.default_rng(7)
    a, b = generator.integers(0, 3, 2000), generator.integers(0, 4, 2000)
    wrong = (generator.random(2000) < 0.2) * generator.integers(0, 5, 2000)
    mixed = decomposition.joint_counts(a, b, (a * 2 + b + wrong) % 5)
    a = generator.integers(0, 4, 2000)
    b = np.where(generator.random(2000) < 0.6, a, generator.integers(0, 4, 2000))
    y = np.where(generator.random(2000) < 0.7, a, generator.integers(0, 4, 2000))
    copies = decomposition.joint_counts(a, b, y)
    drawn = np.random.default_rng(3).dirichlet(np.ones(24)).reshape(2, 3, 4)
    return {"mixed": mixed, "copies": copies, "drawn": drawn}[name]


def _parts(found):
    return (found.redundant, *found.unique, found.synergistic)


def erasures(first, second, classes=8):
    """Two independent erasures of a label of so many classes, exactly."""
    joint = np.zeros((classes + 1, classes + 1, classes))
    for y in range(classes):
        for a, p in ((y, 1 - first), (classes, first)):
            for b, q in ((y, 1 - second), (classes, second)):
                joint[a, b, y] = p * q / classes
    return joint


@pytest.mark.usefixtures("_solver")
@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        (_gate(lambda a, b: a ^ b), (0, 0, 0, 1)),
        (_gate(lambda a, b: a), (0, 1, 0, 0)),
        (_gate(lambda a, b: b), (0, 0, 1, 0)),
        (np.einsum("ay,by->aby", np.eye(4), np.eye(4)), (2, 0, 0, 0)),
        # The label is a pair of bits, of which each modality shows one.
        (np.eye(4).reshape(2, 2, 4), (0, 1, 1, 0)),
        # 3 / 4 log2(4 / 3) bits are redundant, as pliang279/PID finds too.
        (_gate(lambda a, b: a & b), (0.311278, 0, 0, 0.5)),
    ],
    ids=["xor", "first", "second", "copies", "independent bits", "and"],
)
def test_known_distributions(joint, expected):
    found = decomposition.decompose(joint)
    assert _parts(found) == pytest.approx(expected, abs=1e-5)


@pytest.mark.usefixtures("_solver")
@pytest.mark.parametrize(
    "pair",
    [
        *((0.25, 0.5), (0.5, 0.25), (0.25, 1.0), (0.0, 0.5), (0.1, 0.1), (0.9, 0.8)),
        *((0.5, 0.5), (0.1, 0.7)),
    ],
)
def test_the_erasure_pair_has_the_parts_that_are_known(pair):
    found = decomposition.decompose(erasures(*pair))
    truth = erasure.decomposition(dict(zip("ab", pair, strict=True)))
    expected = (truth["redundant"], *truth["unique"].values(), truth["synergistic"])
    assert _parts(found) == pytest.approx(expected, abs=1e-3)


def _bits_of_erasures(first, second, bits):
    """Redundant, unique and synergistic bits of two independent erasures of a label of
    so many fair bits, by counting: each shows all of them or nothing, so what both
    tell is what the one that is shown less often tells."""
    rare = min(1 - first, 1 - second) * bits
    both = (1 - first * second) * bits
    unique = (1 - first) * bits - rare, (1 - second) * bits - rare
    return rare, *unique, both - rare - sum(unique)


@pytest.mark.usefixtures("_solver")
@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("pair", [(0.25, 0.5), (0.5, 0.5), (0.1, 0.7)])
def test_erasures_of_more_or_fewer_bits(pair, bits):
    expected = _bits_of_erasures(*pair, bits)
    found = decomposition.decompose(erasures(*pair, classes=2**bits))
    assert _parts(found) == pytest.approx(expected, abs=1e-3)


def _planted(image, audio, bits):
    """Modalities that each show some bits of a label of so many fair ones, exactly."""
    joint = np.zeros((2**bits, 2**bits, 2**bits))
    for y in range(2**bits):
        shown = [sum(y & 1 << bit for bit in each) for each in (image, audio)]
        joint[(*shown, y)] = 1
    return joint


@pytest.mark.usefixtures("_solver")
@pytest.mark.parametrize(
    ("image", "audio"),
    [
        ((0, 1, 2), ()),
        ((0, 1), (2,)),
        ((0, 2), (1, 2)),
        ((0,), (1, 2)),
        ((), (0, 1, 2)),
        ((0, 1), (2, 3)),
        ((0, 1, 2), (3,)),
    ],
    ids=["3-0", "2-1", "1-1", "1-2", "0-3", "2-2", "3-1"],
)
def test_planted_bits_are_unique_or_redundant(image, audio):
    bits = len({*image, *audio})
    found = decomposition.decompose(_planted(image, audio, bits))
    own = planted.unique_bits({"image": image, "audio": audio})
    both = bits - sum(own.values())
    assert _parts(found) == pytest.approx((both, *own.values(), 0), abs=1e-3)


# get_measure of pliang279/PID, synthetic/rus.py (commit a4d9eef) with cvxpy 1.9.3, on
# the same arrays, in bits: redundancy, unique1, unique2, synergy.
AUTHORS = {
    "mixed": (
        0.0737341439739947,
        0.06047546967347309,
        0.30508415057159133,
        0.9290861452060913,
    ),
    "copies": (0.2764841096258536, 0.5373257815463671, 0.0, 0.012676432263432347),
    "drawn": (
        0.029685469591905413,
        0.08103242044278182,
        0.13229091921835054,
        0.09381690448690293,
    ),
}


@pytest.mark.usefixtures("_solver")
@pytest.mark.parametrize("name", AUTHORS)
def test_the_numbers_of_liang_et_al_on_the_same_arrays(name):
    found = decomposition.decompose(_noisy(name))
    assert _parts(found) == pytest.approx(AUTHORS[name], abs=1e-5)


def _exact_batch(joint):
    """Samples with the frequencies of a distribution: the posteriors of the first
    modality, of the second, and of both."""
    joint = joint / joint.sum()
    pairs = joint.sum(axis=2)
    shares = [fractions.Fraction(p).limit_denominator(2000) for p in pairs.flat]
    size = math.lcm(*(each.denominator for each in shares))
    counts = [int(each * size) for each in shares]
    a, b = (np.repeat(each.ravel(), counts) for each in np.indices(pairs.shape))
    found = joint.sum(axis=1)[a], joint.sum(axis=0)[b], joint[a, b]
    return [each / each.sum(axis=1, keepdims=True) for each in found]


@pytest.mark.parametrize(
    "pair", [(0.25, 0.5), (0.5, 0.25), (0.5, 0.5), (0.1, 0.7), (0.25, 1.0), (0.0, 0.5)]
)
def test_a_batch_of_the_erasure_pairs_exact_posteriors(pair):
    found = batch_decomposition.decompose_batch(*_exact_batch(erasures(*pair)))
    assert _parts(found) == pytest.approx(_bits_of_erasures(*pair, 3), abs=1e-3)


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        (_gate(lambda a, b: a ^ b), (0, 0, 0, 1)),
        (np.einsum("ay,by->aby", np.eye(4), np.eye(4)), (2, 0, 0, 0)),
        (np.eye(4).reshape(2, 2, 4), (0, 1, 1, 0)),
        (_gate(lambda a, b: a & b), (0.311278, 0, 0, 0.5)),
    ],
    ids=["xor", "copies", "independent bits", "and"],
)
def test_a_batch_of_known_distributions(joint, expected):
    found = batch_decomposition.decompose_batch(*_exact_batch(joint))
    assert _parts(found) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", ["mixed", "copies"])
def test_a_batch_has_the_numbers_of_liang_et_al_on_the_same_arrays(name):
    found = batch_decomposition.decompose_batch(*_exact_batch(_noisy(name)))
    assert _parts(found) == pytest.approx(AUTHORS[name], abs=1e-3)


def test_batches_hold_all_samples_once():
    first, second, both = np.random.default_rng(0).dirichlet(np.ones(3), (3, 1100))
    found = batch_decomposition.decompose_batches(first, second, both)
    assert [size for size, _ in found] == [275] * 4
    few = batch_decomposition.decompose_batches(first[:3], second[:3], both[:3])
    assert [size for size, _ in few] == [1] * 3


def test_what_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match=r"three axes.*Received: shape \(2, 2\)"):
        decomposition.decompose(np.ones((2, 2)))
    for joint in (np.zeros((2, 2, 2)), -np.ones((2, 2, 2)), np.full((2, 2, 2), np.nan)):
        with pytest.raises(ValueError, match="probabilities or counts"):
            decomposition.decompose(joint)


def test_without_the_solver_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match=r"pip install 'cmvq-keras\[decomposition\]'"):
        decomposition.decompose(np.ones((2, 2, 2)))


def test_the_bias_is_the_information_of_what_is_independent():
    """Over draws of independent arrays: what is measured, and what `bias` says."""
    generator = np.random.default_rng(0)
    measured, told = [], []
    for _ in range(40):
        draws = generator.integers(0, 4, (3, 1000))
        counts = decomposition.joint_counts(*draws)
        measured.append(decomposition.information(counts.reshape(16, 4) / 1000))
        told.append(decomposition.bias(counts))
    assert np.mean(told) == pytest.approx(np.mean(measured), rel=0.1)


def test_posteriors_are_clustered_and_one_cluster_is_for_those_not_sure():
    generator = np.random.default_rng(1)
    sure = np.eye(3)[generator.integers(0, 3, 300)] * 0.9 + 0.1 / 3
    unsure = np.full((100, 3), 1 / 3) + generator.normal(0, 0.01, (100, 3))
    found = decomposition.cells(np.concatenate([sure, unsure]))
    assert len(set(found[300:])) == 1
    assert set(found[300:]).isdisjoint(found[:300])
    expected = sure.argmax(axis=1)
    assert len({*zip(found[:300], expected, strict=True)}) == 3
    classes = decomposition.cells(sure, kind="predictions")
    assert np.array_equal(classes, expected)


def test_posteriors_that_are_all_the_same_are_one_cell():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not decomposition.cells(np.full((50, 4), 0.25)).any()


@pytest.mark.parametrize("most", [1, 21, 2.5])
def test_too_few_or_too_many_clusters_are_refused(most):
    with pytest.raises(ValueError, match=r"`cells` must be an integer in \[2, 20\]"):
        decomposition.cells(np.eye(3), most=most)


def test_an_unknown_kind_of_cells_is_refused():
    with pytest.raises(ValueError, match="Did you mean posteriors"):
        decomposition.cells(np.eye(3), kind="posterior")
