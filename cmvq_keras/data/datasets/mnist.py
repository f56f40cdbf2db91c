"""MNIST as Keras stores it: `mnist/mnist.npz`."""

import zlib

import numpy as np

from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.pairing import Samples
from cmvq_keras.data.formats import images, npz

SIZE = (32, 32)


def open_part(part, data_dir=None, color_seed=None):
    """One official part, "train" (60,000) or "test" (10,000), as `Samples`.

    Reading gives `(32, 32, 1)` uint8, light digits on dark; with a `color_seed`
    `(32, 32, 3)`, each digit in a colour of its own on black. Its hue is drawn evenly
    and depends on the seed and the picture alone.

    Raises:
        FileNotFoundError: without `mnist/mnist.npz`.
        ValueError: for a file that is not as Keras stores it.
    """
    path = sources.find("mnist", "mnist.npz", data_dir)
    keys = (f"x_{part}", f"y_{part}")
    content = npz.read_npz(path, keys, max_bytes=200_000_000)
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
    items, read = pictures, _resized
    if color_seed is not None:
        generator = np.random.default_rng([color_seed, zlib.crc32(part.encode())])
        hues = generator.random(len(pictures))
        items, read = list(zip(pictures, hues, strict=True)), _colored
    return Samples(
        labels.astype(np.int64),
        np.array([f"mnist/{part}/{row}" for row in range(len(labels))]),
        items,
        read,
    )


def _resized(picture):
    return images.resize(picture, SIZE)


def _colored(item):
    picture, hue = item
    return images.tint(_resized(picture), hue)
