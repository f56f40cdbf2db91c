"""Networks: encoders, decoders and task solvers, all of them keras layers."""

from cmvq_keras.networks.backbone import BackboneEncoder, FeatureDecoder
from cmvq_keras.networks.conv import ConvDecoder, ConvEncoder
from cmvq_keras.networks.fusion import FusionSolver, PooledEncoder
from cmvq_keras.networks.heads import ClassificationSolver, SegmentationSolver
from cmvq_keras.networks.padded import PaddedDecoder, PaddedEncoder
from cmvq_keras.networks.pooled import PooledSolver
from cmvq_keras.networks.pose import PoseDecoder, PoseEncoder
from cmvq_keras.networks.residual import ResidualDecoder, ResidualEncoder, ResidualStack
from cmvq_keras.networks.resnet18 import (
    ResNet18Decoder,
    ResNet18Encoder,
    load_keras_cv_weights,
)
from cmvq_keras.networks.sequence import SequenceDecoder, SequenceEncoder
from cmvq_keras.networks.tokens import TokenDecoder, TokenEncoder
from cmvq_keras.networks.units import TargetUnits
from cmvq_keras.networks.vector import VectorDecoder, VectorEncoder
from cmvq_keras.networks.video import VideoDecoder, VideoEncoder

__all__ = [
    "BackboneEncoder",
    "ClassificationSolver",
    "ConvDecoder",
    "ConvEncoder",
    "FeatureDecoder",
    "FusionSolver",
    "PaddedDecoder",
    "PaddedEncoder",
    "PooledEncoder",
    "PooledSolver",
    "PoseDecoder",
    "PoseEncoder",
    "ResNet18Decoder",
    "ResNet18Encoder",
    "ResidualDecoder",
    "ResidualEncoder",
    "ResidualStack",
    "SegmentationSolver",
    "SequenceDecoder",
    "SequenceEncoder",
    "TargetUnits",
    "TokenDecoder",
    "TokenEncoder",
    "VectorDecoder",
    "VectorEncoder",
    "VideoDecoder",
    "VideoEncoder",
    "load_keras_cv_weights",
]
