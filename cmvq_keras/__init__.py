"""CM-VQVAE for Keras 3: multimodal networks that show what each modality gives.

Importing this package imports no framework: the backend can still be chosen
(`KERAS_BACKEND`, or `cmvq_keras.backend.select_backend`) until the first public
name below is used.
"""

import importlib
import sys

from cmvq_keras import checkout, old_names

__version__ = "0.1.0"

checkout.install()
old_names.install()

_PUBLIC = {
    "CMVQVAE": "models.cmvqvae",
    "ClassificationSolver": "networks",
    "PoseDecoder": "networks",
    "PoseEncoder": "networks",
    "Recipe": "recipe",
    "ResNet18Decoder": "networks",
    "ResNet18Encoder": "networks",
    "ResidualDecoder": "networks",
    "ResidualEncoder": "networks",
    "SegmentationSolver": "networks",
    "ThresholdMask": "layers",
    "VectorQuantizer": "layers",
    "build_model": "models.build",
    "evaluate": "runs.evaluate",
    "export": "exporting.exported",
    "load_model": "runs.load",
    "predict": "runs.predict",
    "prepare": "runs.stores",
    "resume": "training.api",
    "train": "training.api",
}
_MODULES = {
    "backend": "backend",
    "convert": "interop.convert",
    "data": "data",
    "layers": "layers",
    "metrics": "metrics",
    "networks": "networks",
    "recipes": "recipes",
}
# Modules that were public names in version 0.1.0.
_OLD_MODULES = ("run",)
# Rooms that stay free of Keras, so that they can be used before the backend is set.
_WITHOUT_KERAS = ("backend", "data", "runs.stores", "recipe", "recipes", "runs.run")

__all__ = sorted([*_PUBLIC, *_MODULES, "__version__"])


def __getattr__(name):
    module = _PUBLIC.get(name) or _MODULES.get(name)
    if module is None:
        if name in _OLD_MODULES:
            return importlib.import_module(f"cmvq_keras.{name}")
        raise AttributeError(f"module 'cmvq_keras' has no attribute {name!r}")
    if module not in _WITHOUT_KERAS:
        importlib.import_module("cmvq_keras.backend").select_backend()
    loaded = importlib.import_module(f"cmvq_keras.{module}")
    return getattr(loaded, name) if name in _PUBLIC else loaded


def __dir__():
    return __all__


if "keras" in sys.modules:
    # Keras is there, the backend is chosen: let keras.saving.load_model find us.
    importlib.import_module("cmvq_keras.models.cmvqvae")
