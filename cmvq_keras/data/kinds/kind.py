"""The base of all kinds: what is asked of a modality before it meets a network."""

import numpy as np

from cmvq_keras.data.kinds import drawing


class Kind:
    """One kind of modality. A subclass overrides what is special to it.

    Attributes:
        counts_bytes: whether stored uint8 values stand for v / 255.
        augment: function `(batch, Draws) -> batch` that changes training samples, see
            `cmvq_keras.data.transforms.augmentation`; None where there is none.
    """

    counts_bytes = False
    augment = None

    def readers(self):
        """What reads a single file: functions `(path, shape) -> raw values` by the
        file's ending, beside `.npy`, which every kind takes."""
        return {}

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
