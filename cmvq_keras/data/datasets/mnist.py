"""MNIST: `mnist/mnist.npz` as Keras stores it, or the four idx files of its authors."""

import zlib

import numpy as np

from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.pairing import Samples
from cmvq_keras.data.datasets.unused import unused
from cmvq_keras.data.formats import idx, images, npz

SIZE = (32, 32)
_NPZ = "mnist.npz"
_MAX_BYTES = 200_000_000  # the train pictures take 47,040,000


def open_part(part, data_dir=None, color_seed=None):
    """One official part, "train" (60,000) or "test" (10,000), as `Samples`.

    Reading gives `(32, 32, 1)` uint8, light digits on dark; with a `color_seed`
    `(32, 32, 3)`, each digit in a colour of its own on black. Its hue is drawn evenly
    and depends on the seed and the picture alone.

    Raises:
        FileNotFoundError: without `mnist/mnist.npz` and without the idx files.
        ValueError: for files that are not as Keras or the authors store them.
    """
    path, keys, pictures, labels, taken = _read(part, data_dir)
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
        raise ValueError(
            f"{path}: {keys[1]} must hold digits, 0 to 9. Received: "
            f"{_ends(labels)}. Fetch it anew: cmvq download mnist"
        )
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
        skipped=unused(path.parent, taken, "another file holds MNIST"),
    )


def _read(part, data_dir):
    """Where a part is, what its arrays are called there, its pictures, its labels,
    and the names of all files that are in use."""
    folder = sources.data_root(data_dir) / "mnist"
    idx_files = _idx_files(folder)
    if idx_files is None or (folder / _NPZ).exists():
        path = sources.find("mnist", _NPZ, data_dir)
        keys = (f"x_{part}", f"y_{part}")
        content = npz.read_npz(path, keys, max_bytes=_MAX_BYTES)
        return path, keys, *(content[key] for key in keys), (_NPZ,)
    chosen = idx_files[:2] if part == "train" else idx_files[2:]
    arrays = [
        idx.read(path, axes, _MAX_BYTES)
        for path, axes in zip(chosen, (3, 1), strict=True)
    ]
    keys = tuple(path.name for path in chosen)
    return chosen[0], keys, *arrays, [path.name for path in idx_files]


def _idx_files(folder):
    """The four idx files, pictures before labels, train before test; None unless all
    are there. Copies have a dot in place of the second dash, or end in .gz."""
    found = []
    for name in (
        "train-images-idx3",
        "train-labels-idx1",
        "t10k-images-idx3",
        "t10k-labels-idx1",
    ):
        names = [f"{name}-ubyte", f"{name.replace('-idx', '.idx')}-ubyte"]
        paths = [folder / f"{each}{end}" for each in names for end in ("", ".gz")]
        found += [path for path in paths if path.is_file()][:1]
    return found if len(found) == 4 else None


def _resized(picture):
    return images.resize(picture, SIZE)


def _colored(item):
    picture, hue = item
    return images.tint(_resized(picture), hue)


def _ends(labels):
    return f"{labels.min()} to {labels.max()}" if len(labels) else "none"
