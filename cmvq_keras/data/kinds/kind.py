"""The base of all kinds: what is asked of a modality before it meets a network."""

import numpy as np

from cmvq_keras.data.formats import npz
from cmvq_keras.data.kinds import drawing, grids


class Kind:
    """One kind of modality. A subclass overrides what is special to it.

    Attributes:
        counts_bytes: whether stored uint8 values stand for v / 255.
        has_own_grid: whether its networks are its own, whatever `model.backbone` says
            of pictures.
        has_mask: whether the last entry of the last axis says what is there: it is
            not normalized, and what is not there does not count in the mean.
        may_center: whether the option "center" leaves out each sample's level.
        augment: function `(batch, Draws) -> batch` that changes training samples, see
            `cmvq_keras.data.transforms.augmentation`; None where there is none.
        moves_with: kind of the modality beside it that `augment` moves alike, as a
            picture and its map of depth; None where it is moved by itself.
    """

    counts_bytes = False
    has_own_grid = False
    has_mask = False
    may_center = False
    augment = None
    moves_with = None

    def grids(self, shape, backbone):
        """The sides of the grids of features that a sample's shape allows.

        Args:
            shape: of a sample.
            backbone: the recipe's `model.backbone`.

        Returns:
            Whole numbers, the largest first; empty where no grid fits.
        """
        return grids.of_picture(shape, backbone)

    def usual_grid(self, shape):
        """The side that an automatic grid has at most; None where any serves."""
        return max(1, min(grids.USUAL, min(shape[:2]) // 2))

    def readers(self, options):
        """What reads a single file: functions `(path, shape) -> raw values` by the
        file's ending, beside `.npy`, which every kind takes.

        Args:
            options: of the modality by name, as `measure` gives them; may be empty.
        """
        return {}

    def measure(self, paths):
        """A shape that suits some files of one's own, and options of reading them.

        Args:
            paths: of the files to look at, one at least.

        Returns:
            `(shape, options)`; options are plain values by name.

        Raises:
            ValueError, OSError: for files that this kind cannot read, in one line.
        """
        shapes = {npz.shape_of(path) for path in paths}
        if len(shapes) > 1:
            some = ", ".join(map(str, sorted(shapes)[:3]))
            raise ValueError(f"the files have mixed shapes: {some}")
        return next(iter(shapes)), {}

    def fault(self, values):
        """One sentence on what no sample of this kind may hold, or None.

        Args:
            values: `(n, ...)` raw, finite, of the modality's shape.
        """
        return None

    def limits(self, values):
        """The values to show darkest and lightest: the smallest and the largest."""
        return float(np.min(values)), float(np.max(values))

    def pictures(self, values, side, limbs=(), limits=None):
        """Samples as pictures; see `cmvq_keras.data.render.pictures`.

        Args:
            values: `(n, ...)` float32, finite, raw.
            side, limbs, limits: as there.
        """
        low, high = limits or self.limits(values)
        values = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
        return [self.picture(each, side) for each in values]

    def picture(self, values, side):
        """One sample, its values in [0, 1], as a `PIL.Image.Image`.

        The channels' mean goes from dark to light through red.
        """
        return drawing.heat_map(values.mean(axis=-1), side)
