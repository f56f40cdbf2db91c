"""Where the channels of each modality stand in a fused tensor: cut here alone."""

import dataclasses

import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True)
class FusedChannels:
    """The channels of several modalities in one axis, in equal parts.

    Tensors and numpy arrays are taken alike, and come back as what they were.

    Args:
        modalities: names in the order of concatenation.
    """

    modalities: tuple[str, ...]

    def join(self, parts, axis=-1):
        """The parts of all modalities, concatenated.

        Args:
            parts: by modality; others are left out.
            axis: of the channels.
        """
        found = [parts[name] for name in self.modalities]
        if all(isinstance(part, np.ndarray) for part in found):
            return np.concatenate(found, axis=axis)
        return ops.concatenate(found, axis=axis)

    def split(self, fused, axis=-1):
        """By modality its part of a fused tensor.

        Args:
            fused: the axis holds as many channels of each modality.
            axis: of the channels.
        """
        split = np.split if isinstance(fused, np.ndarray) else ops.split
        parts = split(fused, len(self.modalities), axis=axis)
        return dict(zip(self.modalities, parts, strict=True))
