"""The networks of pictures, spectrograms and maps, by `model.backbone`."""

from cmvq_keras.data.kinds import grids
from cmvq_keras.networks.conv import ConvDecoder, ConvEncoder
from cmvq_keras.networks.kind import KindNetworks, residual_sizes
from cmvq_keras.networks.residual import ResidualDecoder, ResidualEncoder
from cmvq_keras.networks.resnet18 import ResNet18Decoder, ResNet18Encoder

NETWORKS = {"image": "PICTURE", "audio": "PICTURE", "depth": "PICTURE"}
WHOLE_STRIDE = 32  # of the whole ResNet18


class PictureNetworks(KindNetworks):
    """Networks of inputs `(height, width, channels)`."""

    def autoencoder(self, name, modality, settings):
        strides = grids.strides(modality.shape, settings.grid)
        channels, depth = modality.shape[-1], settings.embedding_dim
        names = f"{name}_encoder", f"{name}_decoder"
        if settings.backbone == "resnet18":
            stride = modality.shape[0] // settings.grid
            return (
                ResNet18Encoder(stride, embedding_dim=depth, name=names[0]),
                ResNet18Decoder(channels, stride, name=names[1]),
            )
        if settings.backbone == "conv":
            sizes = {"hidden_channels": settings.hidden_channels, "strides": strides}
            return (
                ConvEncoder(**sizes, embedding_dim=depth, name=names[0]),
                ConvDecoder(channels, **sizes, name=names[1]),
            )
        sizes = {**residual_sizes(settings), "strides": strides}
        return (
            ResidualEncoder(**sizes, embedding_dim=depth, name=names[0]),
            ResidualDecoder(channels, **sizes, name=names[1]),
        )

    def late_fusion(self, name, modality, settings):
        """The whole ResNet18, to 512 channels, with `model.backbone` "resnet18"."""
        if settings.backbone == "resnet18":
            return ResNet18Encoder(WHOLE_STRIDE, name=f"{name}_resnet18")
        return super().late_fusion(name, modality, settings)


PICTURE = PictureNetworks()
