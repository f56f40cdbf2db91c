"""Two made-up modalities, of which plain fusion may lose against the better one.

Each modality shows the whole label or nothing (an erasure). One of them also carries a
fingerprint: pixels that mark a sample and say nothing about its label. With few
training samples a network learns the fingerprints by heart, and fusion gets worse than
the other modality alone. What is best, and how many bits each modality gives, is known
exactly (docs/erasure.md).

A picture of 32 x 32 pixels is a 4 x 4 grid of cells, 8 x 8 pixels each, as in
`cmvq_keras.data.datasets.planted`. The label has three bits. The first six cells of a
modality that is not erased show them twice, as the direction of their stripes. The
fingerprint fills the other ten.
"""

import itertools
import math

import numpy as np

from cmvq_keras.data.datasets import planted

BITS, CLASSES = 3, 8
SHOWING = 6  # cells


def generate(erasures, fingerprints, count, generator):
    """Draws samples.

    Args:
        erasures: by modality, the probability that it shows nothing, in [0, 1].
        fingerprints: by modality, the standard deviation of its fingerprint.
        count: number of samples.
        generator: `numpy.random.Generator`.

    Returns:
        `(x, y)`: by modality `(count, 32, 32, 1)` float32, and `(count,)` int32
        labels in 0 to 7, bit 0 + 2 * bit 1 + 4 * bit 2.
    """
    y = generator.integers(CLASSES, size=count).astype(np.int32)
    bits = y[:, None] >> (np.arange(SHOWING) % BITS) & 1
    x = {}
    for name, erasure in erasures.items():
        cells = np.zeros((count, planted.CELLS, planted.CELL, planted.CELL), np.float32)
        shown = generator.random(count) >= erasure
        cells[:, :SHOWING] = planted.STRIPES[bits] * shown[:, None, None, None]
        marks = generator.standard_normal(cells[:, SHOWING:].shape, np.float32)
        cells[:, SHOWING:] += np.float32(fingerprints[name]) * marks
        x[name] = planted.draw(cells, generator)
    return x, y


def best_accuracy(erasures):
    """The accuracy that no classifier can beat.

    Args:
        erasures: the probabilities of the modalities that it sees.
    """
    return 1 - (1 - 1 / CLASSES) * math.prod(erasures)


def bits(erasures):
    """Bits of the label that some modalities hold together, in [0, 3].

    Args:
        erasures: as in `best_accuracy`.
    """
    return BITS * (1 - math.prod(erasures))


def bits_added(erasures):
    """By modality, the bits that it adds to all others, I(y; m | others).

    Args:
        erasures: by modality, the probability that it shows nothing.
    """
    whole = bits(erasures.values())
    return {name: whole - bits(_without(erasures, name)) for name in erasures}


def shapley_bits(erasures):
    """By modality, the mean of the bits that it adds, over the orders of all.

    Args:
        erasures: as in `bits_added`.
    """
    found = dict.fromkeys(erasures, 0.0)
    orders = list(itertools.permutations(erasures))
    for order in orders:
        for place, name in enumerate(order):
            before = [erasures[each] for each in order[:place]]
            gain = bits([*before, erasures[name]]) - bits(before)
            found[name] += gain / len(orders)
    return found


def decomposition(erasures):
    """The partial information decomposition of two modalities, in bits.

    Of two independent erasures the one with fewer tells all that the other one does:
    the other one has no unique bits (Bertschinger et al., Quantifying unique
    information, Entropy 2014).

    Args:
        erasures: as in `bits_added`, of two modalities.

    Returns:
        "redundant", "synergistic", and "unique" by modality.
    """
    alone = {name: bits([each]) for name, each in erasures.items()}
    redundant = min(alone.values())
    return {
        "redundant": redundant,
        "unique": {name: each - redundant for name, each in alone.items()},
        "synergistic": bits(erasures.values()) - max(alone.values()),
    }


def _without(erasures, name):
    return [each for other, each in erasures.items() if other != name]
