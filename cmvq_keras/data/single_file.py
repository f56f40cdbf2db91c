"""Single files of a user's own."""

import numpy as np

from cmvq_keras.data import faults, kinds
from cmvq_keras.data.formats import npz
from cmvq_keras.data.split import normalize


def read(path, modality, readers, normalized=True):
    """One file as a model's input, or as an exported model's.

    Args:
        path: `pathlib.Path`.
        modality: a `cmvq_keras.recipe.Modality`.
        readers: functions `(path, shape) -> raw values` by the file's ending, beside
            `.npy`, which every modality takes.
        normalized: whether to normalize; exported models do that by themselves.

    Returns:
        float32 array of the modality's shape.

    Raises:
        ValueError: for another ending, unreadable content, a wrong shape, or values
            that are not finite.
        FileNotFoundError: if the file is not there.
    """
    ending = path.suffix.lower()
    known = {".npy": npz.read_npy, **readers}
    if ending not in known:
        raise ValueError(
            f"{path} must end in {' or '.join(known)}. Received: {ending or 'none'}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file.")
    values = known[ending](path, modality.shape)
    if kinds.get(modality.kind).counts_bytes and values.dtype.kind in "ui":
        values = values / 255
    if fault := faults.finite_fault(str(path), values):
        raise ValueError(f"{fault}.")
    if normalized:
        return normalize(values, modality)
    return np.asarray(values, np.float32)
