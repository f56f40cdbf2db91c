"""Complementary and contradictory features of samples, as rows of numbers."""

import numpy as np

from cmvq_keras.models.features import quantized_grids

PARTS = ("complementary", "contradictory")
CELLS = 4  # rows and columns that a grid is averaged down to


def of_samples(model, x, batch_size=128):
    """The features that the task sees, and those that it does not.

    The grid of a modality is averaged over at most 4 x 4 equal parts, so that a
    probe keeps some of where things are and does not drown in numbers.

    Args:
        model: a `CMVQVAE`.
        x: dictionary of arrays `(n, ...)`.
        batch_size: samples encoded at a time.

    Returns:
        By modality a dictionary by part: `(n, cells * channels)` float32, with no
        columns where a modality has no channel of that part. Under the "random" mask
        every channel is of both.
    """
    grids = quantized_grids(model, x, batch_size)
    shares = model.channel_shares()
    return {
        name: {
            "complementary": _columns(averaged(grid), shares[name] > 0),
            "contradictory": _columns(averaged(grid), shares[name] < 1),
        }
        for name, grid in grids.items()
    }


def averaged(grid):
    """A grid `(n, rows, columns, channels)` averaged over `CELLS` x `CELLS` equal
    parts; with other sizes over the nearest smaller count that divides them."""
    count, rows, columns, channels = grid.shape
    down, across = _parts(rows), _parts(columns)
    split = grid.reshape(count, down, rows // down, across, columns // across, channels)
    return split.mean(axis=(2, 4))


def _parts(size):
    return max(parts for parts in range(1, CELLS + 1) if size % parts == 0)


def _columns(grid, shown):
    return np.ascontiguousarray(grid[..., shown].reshape(len(grid), -1))
