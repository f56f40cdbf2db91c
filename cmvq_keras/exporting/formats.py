"""The formats of exported files, and which backend writes each; imports no Keras."""

import dataclasses
import importlib.util
import pathlib

from cmvq_keras import validation
from cmvq_keras.backend.selection import BACKENDS


@dataclasses.dataclass(frozen=True)
class Format:
    """One format.

    Args:
        ending: of its files; empty for a folder.
        backends: those that can write it.
        packages: what it takes beside Keras; the extra of the format's name has them.
    """

    ending: str
    backends: tuple[str, ...]
    packages: tuple[str, ...] = ()


# Keras writes ONNX with TensorFlow too, but tf2onnx knows neither Keras's argmax nor
# constants that a layer holds; and with JAX, by a package that brings thirty others.
FORMATS = {
    "keras": Format(".keras", BACKENDS),
    "onnx": Format(".onnx", ("torch",), ("torch", "onnx", "onnxruntime")),
    "saved-model": Format("", ("tensorflow",), ("tensorflow",)),
}


def of_path(path):
    """The format of a file by its ending, or None.

    Args:
        path: where the file is to be.
    """
    ending = pathlib.PurePath(path).suffix
    found = [name for name, each in FORMATS.items() if each.ending == ending != ""]
    return found[0] if found else None


def choose_backend(name, requested=None):
    """Which backend writes a format; to be asked before Keras loads.

    Weights load on every backend, so that a run of any of them can be written through
    another one.

    Args:
        name: one of `FORMATS`.
        requested: a backend, or None.

    Returns:
        The backend's name; None where any will do.

    Raises:
        ValueError, ImportError: as `check_backend`.
    """
    backends = FORMATS[name].backends
    if requested is None and len(backends) == 1:
        requested = backends[0]
    if requested is not None:
        check_backend(name, requested)
    return requested


def check_backend(name, backend):
    """Checks that a backend can write a format here.

    Args:
        name: one of `FORMATS`.
        backend: a backend's name.

    Raises:
        ValueError: when it cannot.
        ImportError: for a package that is missing, with what to install.
    """
    format = FORMATS[name]
    if backend not in format.backends:
        raise ValueError(
            f"The format {name} is written with {' or '.join(format.backends)}: "
            f"set --backend or KERAS_BACKEND. Received: {backend}"
        )
    for package in format.packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"The format {name} needs {package}, which is not installed. Do: pip "
                f'install "cmvq-keras[{name}]"'
            )


def check_path(name, path, force=False):
    """Checks where a file is going to be written, before any work is done.

    Args:
        name: one of `FORMATS`.
        path: the file, or the folder of a SavedModel.
        force: whether an older one there is replaced.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: for an unknown format, and a wrong ending.
        FileNotFoundError: when the folder above is missing.
        FileExistsError: when something is there that is not to be replaced.
    """
    format = FORMATS[validation.one_of(name, FORMATS, "format")]
    path = pathlib.Path(path)
    if format.ending and path.suffix != format.ending:
        raise ValueError(
            f"A file of the format {name} must end in {format.ending}. Received: {path}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to write into.")
    for there in (path, facts_path(path)):
        if there.exists() and not force:
            raise FileExistsError(f"{there} already exists. --force replaces it.")
    if path.exists() and not _is_of(format, path):
        raise FileExistsError(
            f"{path} is not in the format {name}: it is not replaced."
        )
    return path


def _is_of(format, path):
    if format.ending:
        return path.is_file()
    return (path / "saved_model.pb").is_file()


def facts_path(path):
    """The JSON file beside an exported file that says what it takes and gives."""
    return path.with_name(f"{path.name}.json")
