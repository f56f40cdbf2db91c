"""Made-up modalities with a known truth.

A picture of 32 x 32 pixels is a 4 x 4 grid of cells, 8 x 8 pixels each, and every
cell has stripes, horizontal or vertical. Fair bits make the label, three unless said
otherwise; a modality that carries bit k shows it as the direction of the stripes in
cell k (cells count row by row). All other directions are drawn anew for every sample
and mean nothing. Each cell has a brightness of its own, so that a mean over the cell
says nothing.
"""

import collections

import numpy as np

BITS = 3
SIZE, CELL, CELLS = 32, 8, 16
BRIGHTNESS, NOISE = 1.0, 0.3  # standard deviations

_WAVE = np.tile(np.array([-1, -1, 1, 1], np.float32), CELL // 4)
#: Horizontal and vertical stripes of a cell, `(2, 8, 8)`.
STRIPES = np.stack([np.tile(_WAVE[:, None], CELL), np.tile(_WAVE, (CELL, 1))])


def generate(carried, count, generator, bits=BITS):
    """Draws samples.

    Args:
        carried: by modality, the bits (from 0 on) that it carries.
        count: number of samples.
        generator: `numpy.random.Generator`.
        bits: how many bits make the label, 1 to 16.

    Returns:
        `(x, y)`: by modality `(count, 32, 32, 1)` float32, and `(count,)` int32
        labels, bit 0 + 2 * bit 1 + 4 * bit 2 and so on.
    """
    drawn = generator.integers(0, 2, (count, bits))
    x = {}
    for name, own in carried.items():
        directions = generator.integers(0, 2, (count, CELLS))
        for bit in own:
            directions[:, bit] = drawn[:, bit]
        x[name] = draw(STRIPES[directions], generator)
    return x, (drawn @ 2 ** np.arange(bits)).astype(np.int32)


def draw(cells, generator):
    """Pictures of cells, with a brightness a cell and noise.

    Args:
        cells: `(n, 16, 8, 8)`, what each cell shows.
        generator: `numpy.random.Generator`.

    Returns:
        `(n, 32, 32, 1)` float32.
    """
    count = len(cells)
    brightness = generator.normal(0, BRIGHTNESS, (count, CELLS, 1, 1))
    cells = (cells + brightness).astype(np.float32)
    side = SIZE // CELL
    pictures = cells.reshape(count, side, side, CELL, CELL).transpose(0, 1, 3, 2, 4)
    pictures = pictures.reshape(count, SIZE, SIZE, 1)
    noise = generator.standard_normal(pictures.shape, np.float32)
    return pictures + np.float32(NOISE) * noise


def best_accuracy(carried, bits=BITS):
    """The accuracy that no classifier can beat, in [0, 1].

    Bits that nobody carries have to be guessed: 2 ** -(bits - number of bits carried).

    Args:
        carried: the bits that each of some modalities carries.
        bits: how many bits make the label.
    """
    known = set().union(*carried)
    return 2.0 ** (len(known) - bits)


def unique_bits(carried):
    """By modality, how many bits it carries that no other one does.

    Args:
        carried: by modality, the bits that it carries.
    """
    carriers = collections.Counter(bit for own in carried.values() for bit in own)
    return {
        name: sum(carriers[bit] == 1 for bit in own) for name, own in carried.items()
    }
