"""MNIST as Keras stores it: `mnist/mnist.npz`."""

import numpy as np

from cmvq_keras.data import arrays, images, sources
from cmvq_keras.data.pairing import Samples

SIZE = (32, 32)


def open_part(part, data_dir=None):
    """One official part, "train" (60,000) or "test" (10,000), as `Samples`.

    Reading gives `(32, 32, 1)` uint8, light digits on dark.

    Raises:
        FileNotFoundError: without `mnist/mnist.npz`.
        ValueError: for a file that is not as Keras stores it.
    """
    path = sources.find("mnist", "mnist.npz", data_dir)
    keys = (f"x_{part}", f"y_{part}")
    content = arrays.read_npz(path, keys, max_bytes=200_000_000)
    pictures, labels = (content[key] for key in keys)
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (28, 28):
        raise ValueError(
            f"{path}: {keys[0]} must be (n, 28, 28) uint8. Received: {pictures.shape} "
            f"{pictures.dtype}"
        )
    if labels.dtype.kind not in "ui" or labels.shape != pictures.shape[:1]:
        raise ValueError(
            f"{path}: {keys[1]} must be ({len(pictures)},) integers. Received: "
            f"{labels.shape} {labels.dtype}"
        )
    if not len(labels) or labels.max() > 9 or labels.min() < 0:
        raise ValueError(f"{path}: {keys[1]} must hold digits, 0 to 9.")
    return Samples(
        labels.astype(np.int64),
        np.array([f"mnist/{part}/{row}" for row in range(len(labels))]),
        pictures,
        _resized,
    )


def _resized(picture):
    return images.resize(picture, SIZE)
