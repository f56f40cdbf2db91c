"""Made-up modalities with a known truth.

A picture of 32 x 32 pixels is a 4 x 4 grid of cells, 8 x 8 pixels each, and every
cell has stripes, horizontal or vertical. Three fair bits make the label; a modality
that carries bit k shows it as the direction of the stripes in cell k (cells count
row by row). All other directions are drawn anew for every sample and mean nothing.
Each cell has a brightness of its own, so that a mean over the cell says nothing.
"""

import numpy as np

BITS = 3
SIZE, CELL, CELLS = 32, 8, 16
BRIGHTNESS, NOISE = 1.0, 0.3  # standard deviations

_WAVE = np.tile(np.float32([-1, -1, 1, 1]), CELL // 4)
_STRIPES = np.stack([np.tile(_WAVE[:, None], CELL), np.tile(_WAVE, (CELL, 1))])


def generate(carried, count, generator):
    """Draws samples.

    Args:
        carried: by modality, the bits (of 0, 1, 2) that it carries.
        count: number of samples.
        generator: `numpy.random.Generator`.

    Returns:
        `(x, y)`: by modality `(count, 32, 32, 1)` float32, and `(count,)` int32
        labels, bit 0 + 2 * bit 1 + 4 * bit 2.
    """
    bits = generator.integers(0, 2, (count, BITS))
    x = {}
    for name, own in carried.items():
        directions = generator.integers(0, 2, (count, CELLS))
        for bit in own:
            directions[:, bit] = bits[:, bit]
        x[name] = _draw(directions, generator)
    return x, (bits @ 2 ** np.arange(BITS)).astype(np.int32)


def _draw(directions, generator):
    count = len(directions)
    cells = _STRIPES[directions]
    brightness = generator.normal(0, BRIGHTNESS, (count, CELLS, 1, 1))
    cells = (cells + brightness).astype(np.float32)
    side = SIZE // CELL
    pictures = cells.reshape(count, side, side, CELL, CELL).transpose(0, 1, 3, 2, 4)
    pictures = pictures.reshape(count, SIZE, SIZE, 1)
    noise = generator.standard_normal(pictures.shape, np.float32)
    return pictures + np.float32(NOISE) * noise


def best_accuracy(carried):
    """The accuracy that no classifier can beat, in [0, 1].

    Bits that nobody carries have to be guessed: 2 ** -(3 - number of bits carried).

    Args:
        carried: the bits that each of some modalities carries.
    """
    known = set().union(*carried)
    return 2.0 ** (len(known) - BITS)
