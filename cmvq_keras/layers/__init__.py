"""The layers of the method: one public layer a file."""

from cmvq_keras.layers import quantizer as _quantizer
from cmvq_keras.layers.batch_normalization import BatchNormalization
from cmvq_keras.layers.code_lookup import CodeLookup
from cmvq_keras.layers.codebook_quantizer import CodebookQuantizer
from cmvq_keras.layers.convolution import Conv2D, Conv2DTranspose
from cmvq_keras.layers.modality_dropout import ModalityDropout
from cmvq_keras.layers.quantizer import QuantizedChannels, Quantizer
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
    "CodebookQuantizer",
    "Conv2D",
    "Conv2DTranspose",
    "MaskPenalty",
    "ModalityDropout",
    "QuantizedChannels",
    "Quantizer",
    "ThresholdMask",
    "VectorQuantizer",
]

# All of them: a saved model may hold any.
for _class in map(_quantizer.get, _quantizer.names()):
    globals()[_class.__name__] = _class
