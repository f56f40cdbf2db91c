"""Training samples changed at random, by the kind of their modality.

Each function takes a batch `(n, ...)` of normalized values and `Draws`, and gives a
new batch of the same shape and dtype. What is drawn for a sample does not depend on
how many processes share the batch.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

TURN, ZOOM, SHIFT, SHEAR = 0.25, 0.15, 0.125, 0.15  # radians, shares of the side
CONTRAST, BRIGHTNESS = 0.2, 0.2  # shares; standard deviations of the normalized values
MASKED, ROLLED = 1 / 8, 1 / 8  # shares of a spectrogram's bands and frames
LOST = 0.1  # share of a text's bytes
WARP, STRENGTH, JITTER = 0.2, 0.1, 0.02  # share of the time; standard deviations


class Draws:
    """Random numbers for the rows of a batch that this process reads.

    Args:
        generator: `numpy.random.Generator`.
        count: rows of the whole batch.
        part: slice of the rows that are wanted.
    """

    def __init__(self, generator, count, part=slice(None)):
        self._generator = generator
        self._count = count
        self._part = part

    def uniform(self, low, high, *shape):
        """`(rows, *shape)` float32 in [low, high)."""
        drawn = self._generator.uniform(low, high, (self._count, *shape))
        return drawn[self._part].astype(np.float32)

    def normal(self, *shape):
        """`(rows, *shape)` float32, standard normal."""
        drawn = self._generator.standard_normal((self._count, *shape), np.float32)
        return drawn[self._part]

    def below(self, end):
        """`(rows,)` integers in [0, end)."""
        return self._generator.integers(end, size=self._count)[self._part]


@dataclasses.dataclass(frozen=True)
class Change:
    """How the training samples of one modality are changed.

    Args:
        function: `(batch, Draws) -> batch`.
        drawn_as: name of the modality whose random numbers it gets: its own, or that
            of another one that is to move alike.
    """

    function: Callable
    drawn_as: str


def affine(batch, draws):
    """Pictures as by `moved`; then their colors changed a little.

    Pictures of fewer than three channels keep their brightness.
    """
    return _recolored(moved(batch, draws), draws)


def video(batch, draws):
    """Clips `(n, time, height, width, channels)`: as `affine`, each clip as a whole."""
    count, time, height, width, channels = batch.shape
    pictures = batch.transpose(0, 2, 3, 1, 4).reshape(count, height, width, -1)
    pictures = moved(pictures, draws).reshape(count, height, width, time, channels)
    return _recolored(pictures.transpose(0, 3, 1, 2, 4), draws)


def moved(batch, draws):
    """Pictures turned, zoomed, shifted and sheared a little, their values as they are.

    What lies outside is filled with the picture's border. The first numbers drawn are
    those of the places: pictures of the same draws move alike, whatever their sizes.
    """
    angle, shear = draws.uniform(-TURN, TURN), draws.uniform(-SHEAR, SHEAR)
    zoom = 1 + draws.uniform(-ZOOM, ZOOM)
    shift = draws.uniform(-2 * SHIFT, 2 * SHIFT, 2)
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    height, width = batch.shape[1:3]
    # Pixel centres in [-1, 1].
    y = ((np.arange(height, dtype=np.float32) + 0.5) * 2 / height - 1)[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) * 2 / width - 1)[None, :]
    at_x = _each(cosine) * x + _each(shear - sine) * y + _each(shift[:, 0])
    at_y = _each(sine) * x + _each(cosine) * y + _each(shift[:, 1])
    return _bilinear(batch, (at_y + 1) * height / 2 - 0.5, (at_x + 1) * width / 2 - 0.5)


def _recolored(batch, draws):
    channels = batch.shape[-1]
    if channels < 3:
        return batch
    places = [1] * (batch.ndim - 2)
    contrast = 1 + draws.uniform(-CONTRAST, CONTRAST, *places, 1)
    return batch * contrast + BRIGHTNESS * draws.normal(*places, channels)


def _each(values):
    return values[:, None, None]


def _bilinear(batch, row, column):
    """`batch` read at `(n, height, width)` real places."""
    height, width = batch.shape[1:3]
    row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    top = np.minimum(row.astype(np.int32), max(height - 2, 0))
    left = np.minimum(column.astype(np.int32), max(width - 2, 0))
    down, right = (row - top)[..., None], (column - left)[..., None]
    below, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    rows = np.arange(len(batch))[:, None, None]
    upper = batch[rows, top, left] * (1 - right) + batch[rows, top, beside] * right
    lower = batch[rows, below, left] * (1 - right) + batch[rows, below, beside] * right
    return (upper * (1 - down) + lower * down).astype(batch.dtype)


def spec_augment(batch, draws):
    """Spectrograms rolled in time, with a band and a stretch of time left out.

    What is left out has the clip's lowest value.

    Reference: Park et al., SpecAugment, Interspeech 2019, without the time warp.
    """
    bands, frames = batch.shape[1:3]
    roll = draws.below(2 * int(frames * ROLLED) + 1) - int(frames * ROLLED)
    at = (np.arange(frames) - roll[:, None]) % frames
    rolled = np.take_along_axis(batch, at[:, None, :, None], axis=2)
    lowest = batch.min(axis=(1, 2, 3), keepdims=True)
    for axis, size in ((1, bands), (2, frames)):
        width = draws.below(int(size * MASKED) + 1)
        first = draws.below(size - int(size * MASKED))
        places = np.arange(size)
        masked = (places >= first[:, None]) & (places < (first + width)[:, None])
        shape = [len(batch), 1, 1, 1]
        shape[axis] = size
        rolled = np.where(masked.reshape(shape), lowest, rolled)
    return rolled.astype(batch.dtype)


def pose(batch, draws):
    """Tracks `(n, steps, joints, 3)` turned, scaled and jittered; see `sequence`.

    x, y and whether a joint is visible: joints that are not visible stay zeros.
    """
    warped = _in_time(batch, draws)
    visible = (warped[..., 2:] > 0.5).astype(batch.dtype)
    angle = draws.uniform(-TURN / 2, TURN / 2)
    scale = 1 + STRENGTH * draws.normal()
    cosine, sine = _each(scale * np.cos(angle)), _each(scale * np.sin(angle))
    x, y = warped[..., 0], warped[..., 1]
    places = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)
    places = places + JITTER * draws.normal(*places.shape[1:])
    return np.concatenate([places * visible, visible], axis=-1).astype(batch.dtype)


def sequence(batch, draws):
    """Sequences `(n, steps, features)` cut and stretched in time, scaled, jittered."""
    warped = _in_time(batch, draws)
    scale = 1 + STRENGTH * draws.normal(1, 1)
    return (warped * scale + JITTER * draws.normal(*batch.shape[1:])).astype(
        batch.dtype
    )


def padded(batch, draws):
    """Sequences `(n, steps, features + 1)` scaled, jittered; the last entry stays."""
    scale = 1 + STRENGTH * draws.normal(1, 1)
    shape = batch.shape[1], batch.shape[2] - 1
    values = batch[..., :-1] * scale + JITTER * draws.normal(*shape)
    return np.concatenate([values, batch[..., -1:]], axis=-1).astype(batch.dtype)


def vector(batch, draws):
    """Vectors `(n, features)` with a little noise."""
    return (batch + STRENGTH * draws.normal(*batch.shape[1:])).astype(batch.dtype)


def tokens(batch, draws):
    """Texts `(n, length)` of bytes, one in ten of which becomes 0."""
    kept = draws.uniform(0, 1, *batch.shape[1:]) >= LOST
    return (batch * kept).astype(batch.dtype)


def _in_time(batch, draws):
    """A stretch of each sequence, between 60 and 100 % of it, over all its steps."""
    steps = batch.shape[1]
    first, last = draws.uniform(0, WARP, 1), 1 - draws.uniform(0, WARP, 1)
    at = (first + (last - first) * np.linspace(0, 1, steps, dtype=np.float32)) * (
        steps - 1
    )
    low = np.minimum(at.astype(np.int32), max(steps - 2, 0))
    share = (at - low).reshape(*at.shape, *[1] * (batch.ndim - 2))
    rows = np.arange(len(batch))[:, None]
    high = np.minimum(low + 1, steps - 1)
    return batch[rows, low] * (1 - share) + batch[rows, high] * share
