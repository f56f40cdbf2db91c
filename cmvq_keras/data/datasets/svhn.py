"""SVHN's cropped digits: `svhn/train_32x32.mat` and `svhn/test_32x32.mat`."""

import numpy as np

from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.pairing import Samples
from cmvq_keras.data.datasets.unused import unused
from cmvq_keras.data.formats import matlab

MAX_BYTES = 300_000_000  # the larger official file unpacks to 225,045,504


def open_part(part, data_dir=None):
    """One official part, "train" (73,257) or "test" (26,032), as `Samples`.

    Reading gives `(32, 32, 3)` uint8. Label 10 of the files is digit 0.

    Raises:
        FileNotFoundError: without the part's file.
        ValueError: for a file that is not in SVHN's format.
    """
    path = sources.find("svhn", f"{part}_32x32.mat", data_dir)
    pictures, labels = _read(path)
    return Samples(
        labels % 10,
        np.array([f"svhn/{part}/{row}" for row in range(len(labels))]),
        np.moveaxis(pictures, 3, 0),
        np.asarray,
        skipped=unused(
            path.parent, sources.get("svhn").files, "only the official two are read"
        ),
    )


def _read(path):
    content = matlab.read(path, ("X", "y"), MAX_BYTES)
    pictures, labels = (np.asarray(content[key]) for key in ("X", "y"))
    sized = pictures.ndim == 4 and pictures.shape[:3] == (32, 32, 3)
    if pictures.dtype != np.uint8 or not sized:
        raise ValueError(
            f"{path}: X must be (32, 32, 3, n) uint8. Received: {pictures.shape} "
            f"{pictures.dtype}"
        )
    if labels.dtype.kind not in "ui" or labels.shape != (pictures.shape[3], 1):
        raise ValueError(
            f"{path}: y must be ({pictures.shape[3]}, 1) integers. Received: "
            f"{labels.shape} {labels.dtype}"
        )
    if not labels.size or labels.min() < 1 or labels.max() > 10:
        found = f"{labels.min()} to {labels.max()}" if labels.size else "none"
        raise ValueError(
            f"{path}: y must hold 1 to 10 (10 means digit 0). Received: {found}. Fetch "
            "it anew: cmvq download svhn"
        )
    return pictures, labels[:, 0].astype(np.int64)
