"""The public names, for type checkers: at run time they are imported on demand."""

from cmvq_keras import backend as backend
from cmvq_keras import data as data
from cmvq_keras import errors as errors
from cmvq_keras import layers as layers
from cmvq_keras import metrics as metrics
from cmvq_keras import networks as networks
from cmvq_keras import recipes as recipes
from cmvq_keras.errors import DivergedError as DivergedError
from cmvq_keras.errors import DownloadError as DownloadError
from cmvq_keras.errors import InputError as InputError
from cmvq_keras.errors import LeaderRefusedError as LeaderRefusedError
from cmvq_keras.errors import PeerLostError as PeerLostError
from cmvq_keras.errors import RecipeFileError as RecipeFileError
from cmvq_keras.errors import TrainingInterruptedError as TrainingInterruptedError
from cmvq_keras.errors import WrongSamplesError as WrongSamplesError
from cmvq_keras.evaluation.contribution import contribution as contribution
from cmvq_keras.evaluation.contribution_result import Contribution as Contribution
from cmvq_keras.evaluation.decomposition import decompose as decompose
from cmvq_keras.experiments.advise import advise as advise
from cmvq_keras.experiments.api import compare as compare
from cmvq_keras.experiments.api import sweep as sweep
from cmvq_keras.exporting.exported import export as export
from cmvq_keras.interop import convert as convert
from cmvq_keras.layers import BatchNormalization as BatchNormalization
from cmvq_keras.layers import Clamp as Clamp
from cmvq_keras.layers import CodebookQuantizer as CodebookQuantizer
from cmvq_keras.layers import CodeLookup as CodeLookup
from cmvq_keras.layers import Conv2D as Conv2D
from cmvq_keras.layers import Conv2DTranspose as Conv2DTranspose
from cmvq_keras.layers import MaskPenalty as MaskPenalty
from cmvq_keras.layers import ModalityDropout as ModalityDropout
from cmvq_keras.layers import QuantizedChannels as QuantizedChannels
from cmvq_keras.layers import Quantizer as Quantizer
from cmvq_keras.layers import ThresholdMask as ThresholdMask
from cmvq_keras.layers import VectorQuantizer as VectorQuantizer
from cmvq_keras.layers.fsq import FiniteScalarQuantizer as FiniteScalarQuantizer
from cmvq_keras.layers.rotation import RotationQuantizer as RotationQuantizer
from cmvq_keras.layers.simvq import SimVectorQuantizer as SimVectorQuantizer
from cmvq_keras.models.build import build_model as build_model
from cmvq_keras.models.cmvqvae import CMVQVAE as CMVQVAE
from cmvq_keras.models.masked import MaskedClassifier as MaskedClassifier
from cmvq_keras.models.multi_head import MultiHeadClassifier as MultiHeadClassifier
from cmvq_keras.models.multi_head import MultiHeadCMVQVAE as MultiHeadCMVQVAE
from cmvq_keras.models.multi_head import (
    MultiHeadMaskedClassifier as MultiHeadMaskedClassifier,
)
from cmvq_keras.models.multimodal import MultimodalClassifier as MultimodalClassifier
from cmvq_keras.networks import BackboneEncoder as BackboneEncoder
from cmvq_keras.networks import ClassificationSolver as ClassificationSolver
from cmvq_keras.networks import FeatureDecoder as FeatureDecoder
from cmvq_keras.networks import FusionSolver as FusionSolver
from cmvq_keras.networks import PooledEncoder as PooledEncoder
from cmvq_keras.networks import PoseDecoder as PoseDecoder
from cmvq_keras.networks import PoseEncoder as PoseEncoder
from cmvq_keras.networks import ResidualDecoder as ResidualDecoder
from cmvq_keras.networks import ResidualEncoder as ResidualEncoder
from cmvq_keras.networks import ResidualStack as ResidualStack
from cmvq_keras.networks import ResNet18Decoder as ResNet18Decoder
from cmvq_keras.networks import ResNet18Encoder as ResNet18Encoder
from cmvq_keras.networks import SegmentationSolver as SegmentationSolver
from cmvq_keras.networks import TargetUnits as TargetUnits
from cmvq_keras.recipe import Modality as Modality
from cmvq_keras.recipe import Recipe as Recipe
from cmvq_keras.recipe import Target as Target
from cmvq_keras.reporting.report import report as report
from cmvq_keras.runs.evaluate import evaluate as evaluate
from cmvq_keras.runs.load import load_model as load_model
from cmvq_keras.runs.predict import predict as predict
from cmvq_keras.runs.stores import prepare as prepare
from cmvq_keras.sharing.download import pull as pull
from cmvq_keras.sharing.upload import push as push
from cmvq_keras.training.api import resume as resume
from cmvq_keras.training.api import train as train
from cmvq_keras.training.reproduce import reproduce as reproduce

__version__: str
