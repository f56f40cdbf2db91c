"""Pictures: photographs, drawings, maps of several channels."""

from cmvq_keras.data.formats import images
from cmvq_keras.data.kinds import drawing
from cmvq_keras.data.kinds.kind import Kind
from cmvq_keras.data.transforms import augmentation

AXES = {"image": ("height", "width", "channels")}
KINDS = {"image": "IMAGE"}


class Image(Kind):
    """Pictures `(height, width, channels)`."""

    counts_bytes = True
    augment = staticmethod(augmentation.affine)

    def readers(self):
        return dict.fromkeys(images.ENDINGS, images.read_image)

    def limits(self, values):
        """0 and 1 for values within them."""
        low, high = super().limits(values)
        return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)

    def picture(self, values, side):
        """Gray or in color; of another number of channels their mean."""
        if values.shape[-1] in (1, 3):
            return drawing.photograph(values, side)
        return super().picture(values, side)


IMAGE = Image()
