"""The networks of pictures, spectrograms and maps, by `model.backbone`."""

import math

from cmvq_keras.networks.conv import ConvDecoder, ConvEncoder
from cmvq_keras.networks.kind import KindNetworks, residual_sizes
from cmvq_keras.networks.residual import ResidualDecoder, ResidualEncoder
from cmvq_keras.networks.resnet18 import ResNet18Decoder, ResNet18Encoder
from cmvq_keras.resolved_recipe import RESNET18_STRIDES

NETWORKS = {"image": "PICTURE", "audio": "PICTURE", "depth": "PICTURE"}
WHOLE_STRIDE = 32  # of the whole ResNet18


class PictureNetworks(KindNetworks):
    """Networks of inputs `(height, width, channels)`."""

    def autoencoder(self, name, modality, settings):
        stride = _stride(name, modality, settings.grid)
        channels, depth = modality.shape[-1], settings.embedding_dim
        names = f"{name}_encoder", f"{name}_decoder"
        if settings.backbone == "resnet18":
            if stride not in RESNET18_STRIDES:
                raise ValueError(
                    f"A resnet18 on {name} {modality.shape} gives grids of sides "
                    + ", ".join(str(modality.shape[0] // s) for s in RESNET18_STRIDES)
                    + f". Change model.grid. Received: {settings.grid}"
                )
            return (
                ResNet18Encoder(stride, embedding_dim=depth, name=names[0]),
                ResNet18Decoder(channels, stride, name=names[1]),
            )
        stages = int(math.log2(stride))
        if settings.backbone == "conv":
            hidden = settings.hidden_channels
            return (
                ConvEncoder(hidden, stages, embedding_dim=depth, name=names[0]),
                ConvDecoder(channels, hidden, stages, name=names[1]),
            )
        sizes = {**residual_sizes(settings), "num_stages": stages}
        return (
            ResidualEncoder(**sizes, embedding_dim=depth, name=names[0]),
            ResidualDecoder(channels, **sizes, name=names[1]),
        )

    def late_fusion(self, name, modality, settings):
        """The whole ResNet18, to 512 channels, with `model.backbone` "resnet18"."""
        if settings.backbone == "resnet18":
            return ResNet18Encoder(WHOLE_STRIDE, name=f"{name}_resnet18")
        return super().late_fusion(name, modality, settings)


def _stride(name, modality, grid):
    height, width = modality.shape[:2]
    stride = height // grid
    if height != width or height != stride * grid or stride & (stride - 1):
        raise ValueError(
            f"model.grid must be the side of {name} {modality.shape} divided by a "
            f"power of two, for a square input. Received: {grid}"
        )
    return stride


PICTURE = PictureNetworks()
