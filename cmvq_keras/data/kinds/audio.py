"""Sounds, as spectrograms."""

from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"audio": ("height", "width", "channels")}
KINDS = {"audio": "AUDIO"}


class Audio(Kind):
    """Spectrograms `(bands, frames, channels)`."""

    augment = staticmethod(augmentation.spec_augment)

    def picture(self, values, side):
        """Low frequencies below."""
        return super().picture(values[::-1], side)


AUDIO = Audio()
