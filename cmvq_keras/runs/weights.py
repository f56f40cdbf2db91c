"""A model's weights in a file: written by Keras, checked before Keras reads it.

An untrusted file could name other files of the machine, or state sizes
that fill its memory. So its names, shapes and types are compared with the model's own
first, and each array has to lie in the file, with as many bytes as it states. Keras
then reads a file of its own, in memory, that holds these values and nothing else.
"""

import itertools

import h5py
import keras

from cmvq_keras import fileio, validation
from cmvq_keras.data.formats import hdf5
from cmvq_keras.models import saved_weights

_MAX_TOLD = 3  # faults of one file


def to_bytes(model):
    """The content of a file of a model's weights, statistics and random number states.

    What its optimizer keeps is left out: a checkpoint holds that.

    Args:
        model: a built Keras model.
    """
    return saved_weights.saved(model).getvalue()


def load(model, path, root=None):
    """Gives a model the weights of a file; what its optimizer keeps stays.

    Args:
        model: a built Keras model.
        path, root: as in `cmvq_keras.fileio.opened`.

    Raises:
        ValueError: in one line, with the path, for a damaged file and one of another
            model, and for weights that are not finite. The model is then as it was.
        OSError: for a file that is missing or may not be read.
    """
    own, what = saved_weights.saved(model), f"weights file of {model.name}"
    with (
        fileio.opened(path, what, root=root) as file,
        h5py.File(file, "r") as content,
        h5py.File(own, "r+") as target,
    ):
        layout = saved_weights.tree(target)
        _check(content, layout)
        _copy(content, target, layout)
    own.seek(0)
    skipped = saved_weights.skipped(model)
    with saved_weights.checked():
        keras.saving.load_weights(model, own, objects_to_skip=skipped)


def _copy(content, target, layout, prefix=""):
    """Writes the values of a checked file into Keras's own."""
    for name, wanted in layout.items():
        where = prefix + name
        if isinstance(wanted, dict):
            _copy(content, target, wanted, f"{where}/")
        else:
            # HDF5 would cut numbers off where numpy keeps their bits.
            values = hdf5.finite_values(content[where], where)
            target[where][...] = values.astype(wanted[1])


def _check(content, layout):
    """Raises ValueError unless a file holds a layout's arrays and no others."""
    faults = list(itertools.islice(_faults(content, "", layout), _MAX_TOLD + 1))
    if faults:
        more = "; ..." if len(faults) > _MAX_TOLD else ""
        raise ValueError("; ".join(faults[:_MAX_TOLD]) + more)


def _faults(content, path, layout):
    group = content[path] if path else content
    for name in group:
        if name not in layout and path + name not in saved_weights.FORMER:
            close = validation.nearest(name, layout)
            hint = f" (nearest: {path}{close})" if close else ""
            yield f"{path}{fileio.printable(name)} is unknown{hint}"
    for name, wanted in layout.items():
        where = path + name
        try:
            if isinstance(wanted, dict):
                _check_group(content, where)
            else:
                _check_array(content, where, *wanted)
        except ValueError as error:
            yield str(error)
        else:
            if isinstance(wanted, dict):
                yield from _faults(content, f"{where}/", wanted)


def _check_group(content, where):
    link = content.get(where, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"it lacks {where}" if link is None else f"{where} is a link")
    if not isinstance(content[where], h5py.Group):
        raise ValueError(f"{where} is not a group")


def _check_array(content, where, shape, dtype):
    found = hdf5.whole_dataset(content, where)
    # Random number states are signed on some backends, unsigned on others.
    whole = found.dtype.kind in "iu" and dtype.kind in "iu"
    if found.shape != shape or not (found.dtype == dtype or whole):
        raise ValueError(
            f"{where} is {found.dtype} {found.shape}, the model's {dtype} {shape}"
        )
