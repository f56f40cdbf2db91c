"""CM-VQVAE for Keras 3: multimodal networks that show what each modality gives.

Importing this package imports no framework: the backend can still be chosen
(`KERAS_BACKEND`, or `cmvq_keras.backend.select_backend`) until the first public
name below is used.
"""

import importlib
import sys

from cmvq_keras import checkout, old_names

__version__ = "0.2.0"

checkout.install()
old_names.install()

# Where the public names are defined; __init__.pyi tells type checkers the same.
_PUBLIC = {
    "errors": (
        "DivergedError",
        "DownloadError",
        "InputError",
        "LeaderRefusedError",
        "PeerLostError",
        "RecipeFileError",
        "TrainingInterruptedError",
        "WrongSamplesError",
    ),
    "evaluation.contribution": ("contribution",),
    "evaluation.contribution_result": ("Contribution",),
    "evaluation.decomposition": ("decompose",),
    "experiments.advise": ("advise",),
    "experiments.api": ("compare", "sweep"),
    "exporting.exported": ("export",),
    "layers": (
        "BatchNormalization",
        "Clamp",
        "CodebookQuantizer",
        "CodeLookup",
        "Conv2D",
        "Conv2DTranspose",
        "FiniteScalarQuantizer",
        "MaskPenalty",
        "ModalityDropout",
        "QuantizedChannels",
        "Quantizer",
        "RotationQuantizer",
        "SimVectorQuantizer",
        "ThresholdMask",
        "VectorQuantizer",
    ),
    "models.build": ("build_model",),
    "models.cmvqvae": ("CMVQVAE",),
    "models.masked": ("MaskedClassifier",),
    "models.multi_head": (
        "MultiHeadCMVQVAE",
        "MultiHeadClassifier",
        "MultiHeadMaskedClassifier",
    ),
    "models.multimodal": ("MultimodalClassifier",),
    "networks": (
        "BackboneEncoder",
        "ClassificationSolver",
        "FeatureDecoder",
        "FusionSolver",
        "PooledEncoder",
        "PoseDecoder",
        "PoseEncoder",
        "ResNet18Decoder",
        "ResNet18Encoder",
        "ResidualDecoder",
        "ResidualEncoder",
        "ResidualStack",
        "SegmentationSolver",
        "TargetUnits",
    ),
    "recipe": ("Modality", "Recipe", "Target"),
    "reporting.report": ("report",),
    "runs.evaluate": ("evaluate",),
    "runs.load": ("load_model",),
    "runs.predict": ("predict",),
    "runs.stores": ("prepare",),
    "sharing.download": ("pull",),
    "sharing.upload": ("push",),
    "training.api": ("resume", "train"),
    "training.reproduce": ("reproduce",),
}
_MODULES = {
    "backend": "backend",
    "convert": "interop.convert",
    "data": "data",
    "errors": "errors",
    "layers": "layers",
    "metrics": "metrics",
    "networks": "networks",
    "recipes": "recipes",
}
_PLACES = {name: module for module, names in _PUBLIC.items() for name in names}
# Modules that were public names in version 0.1.0.
_OLD_MODULES = ("run",)
# Rooms that stay free of Keras, so that they can be used before the backend is set.
_WITHOUT_KERAS = (
    "backend",
    "data",
    "errors",
    "recipe",
    "recipes",
    "runs.stores",
    "sharing.upload",
)

__all__ = sorted([*_PLACES, *_MODULES, "__version__"])


def __getattr__(name):
    module = _PLACES.get(name) or _MODULES.get(name)
    if module is None:
        if name in _OLD_MODULES:
            return importlib.import_module(f"cmvq_keras.{name}")
        raise AttributeError(f"module 'cmvq_keras' has no attribute {name!r}")
    if module not in _WITHOUT_KERAS:
        importlib.import_module("cmvq_keras.backend").select_backend()
    loaded = importlib.import_module(f"cmvq_keras.{module}")
    return getattr(loaded, name) if name in _PLACES else loaded


def __dir__():
    return __all__


if "keras" in sys.modules:
    # Keras is there, the backend is chosen: let keras.saving.load_model find us.
    importlib.import_module("cmvq_keras.models.cmvqvae")
