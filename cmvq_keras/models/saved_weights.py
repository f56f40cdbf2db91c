"""Whether a file's weights and a model's are the same ones.

Keras forgets that a layer could not be loaded when it meets that layer a second time,
as it does with layers in dictionaries: the layer then keeps its random weights.
"""

import contextlib
import contextvars
import io

import h5py
import keras

#: What version 0.1.0 also wrote, never read where the model has none: the optimizer's
#: state, and a mask that lets everything through.
FORMER = ("optimizer", "layers/threshold_mask")
_MAX_NAMED = 3
_is_checked = contextvars.ContextVar("is_checked", default=False)
# Kinds of objects, as Keras names them.
_KEPT = ("Layer", "Functional", "Sequential", "Metric", "Loss")


class InMemory(io.BytesIO):
    """A file for Keras, which asks it for the ending of its name.

    On a disk that is full HDF5 would end in tracebacks of its own, or the process in a
    crash.
    """

    def __str__(self):
        return "model.weights.h5"


def saved(model):
    """A model's weights file in memory, without what its optimizer keeps.

    Args:
        model: a built Keras model.

    Returns:
        An `InMemory`, at its beginning.
    """
    _keep_attribute_names()
    file = InMemory()
    keras.saving.save_weights(model, file, objects_to_skip=skipped(model))
    file.seek(0)
    return file


def _keep_attribute_names():
    """Lets Keras find again which attributes of a layer hold no weights.

    Keras 3.15 keeps them under one name and looks for them under another. It would then
    make a layer for each layer that it writes or reads, which takes most of the time.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from keras.src.backend.common import global_state
        from keras.src.saving import saving_lib

        for kind in _KEPT:
            name = f"saving_attr_skiplist_{kind}"
            if global_state.get_global_attribute(name) is None:
                names = saving_lib.get_attr_skipset(kind)
                global_state.set_global_attribute(name, names)


def skipped(model):
    """The parts of a model that its weights file does not hold, a list."""
    optimizer = getattr(model, "optimizer", None)
    return [] if optimizer is None else [optimizer]


def layout(model):
    """The model's arrays as Keras would write them; see `tree`."""
    # Only Keras knows its own names.
    with h5py.File(saved(model), "r") as content:
        return tree(content)


@contextlib.contextmanager
def checked():
    """A context in which Keras reads a file that was compared with the model before."""
    before = _is_checked.set(True)
    try:
        yield
    finally:
        _is_checked.reset(before)


def check_complete(model, store):
    """Checks that a file which Keras reads fits a model: each weight on both sides.

    Args:
        model: a built Keras model; one inside another model is not checked.
        store: what Keras gives the model's `load_own_variables`.

    Raises:
        ValueError: naming weights that the file or the model lacks.
    """
    if _is_checked.get() or getattr(store, "_h5_entry_path", None) != "":
        return
    wanted, found = _groups(layout(model)), _stored_groups(store)
    homeless = sorted(found.difference(wanted, FORMER))
    missing = sorted(wanted - found)
    if homeless:
        raise ValueError(
            f"{model.name} must have a layer with weights for each in the file. It has "
            f"none for {_named(homeless)}. Give the layer a build() that builds the "
            "layers inside it, or load the file into the model that wrote it."
        )
    if missing:
        raise ValueError(
            f"The file must hold all weights of {model.name}. It lacks "
            f"{_named(missing)}. Load it into the model that wrote it."
        )


def tree(group):
    """By name the same of each group, and `(shape, dtype)` of each array."""
    return {
        name: tree(item) if isinstance(item, h5py.Group) else (item.shape, item.dtype)
        for name, item in group.items()
    }


def _groups(tree, path=""):
    """The paths of the groups that hold arrays."""
    found = set()
    for name, item in tree.items():
        if isinstance(item, dict):
            found |= _groups(item, f"{path}/{name}")
        else:
            found.add(_layer(path))
    return found


def _stored_groups(store):
    """Likewise of a file that Keras has opened; of several where it is in shards."""
    sharding = getattr(store, "sharding_config", None)
    if sharding is not None:
        paths = {_layer(path) for path in sharding["weight_map"]}
    else:
        paths = set()
        store.h5_file.visititems(
            lambda path, item: (
                paths.add(_layer(path.rpartition("/")[0]))
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return {path for path in paths if path.split("/")[0] != FORMER[0]}


def _layer(path):
    """The layer whose variables lie at a path."""
    return path.strip("/").removesuffix("vars").strip("/")


def _named(paths):
    more = ", ..." if len(paths) > _MAX_NAMED else ""
    return ", ".join(path or "the model itself" for path in paths[:_MAX_NAMED]) + more
