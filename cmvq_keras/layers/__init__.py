"""The layers of the method: one public layer a file."""

from cmvq_keras.layers.batch_normalization import BatchNormalization
from cmvq_keras.layers.code_lookup import CodeLookup
from cmvq_keras.layers.modality_dropout import ModalityDropout
from cmvq_keras.layers.threshold_mask import (
    Clamp,
    MaskPenalty,
    ThresholdMask,
)
from cmvq_keras.layers.vector_quantizer import VectorQuantizer

__all__ = [
    "BatchNormalization",
    "Clamp",
    "CodeLookup",
    "MaskPenalty",
    "ModalityDropout",
    "ThresholdMask",
    "VectorQuantizer",
]
