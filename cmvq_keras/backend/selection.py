"""Which backend Keras will use, decided before Keras is imported."""

import contextlib
import importlib.util
import json
import os
import pathlib
import sys
import tempfile

BACKENDS = ("jax", "tensorflow", "torch")
# Keras imports them at its start, for wrappers, pictures and tables of its users. They
# take a third of the time, and no command hands Keras any of it.
_UNUSED = ("sklearn", "matplotlib", "pandas")


def installed_backends() -> tuple[str, ...]:
    """Names of the backends that this Python environment can import."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name))


def select_backend(requested: str | None = None) -> str:
    """Sets `KERAS_BACKEND` and returns its name; to be called before Keras loads.

    A request must be met, be it the argument or `KERAS_BACKEND`. Without one, the
    backend of `keras.json` is taken if it is installed, else the first installed one:
    `keras.json` names TensorFlow on nearly every machine, installed or not.

    Args:
        requested: "jax", "tensorflow", "torch" or None.

    Raises:
        ValueError: for an unknown name, or when Keras already runs on another
            backend than the requested one.
        ImportError: when the requested backend, or any backend at all, is not
            installed.
    """
    _check_name(requested, "The backend")
    running = _running_backend()
    if running:
        if requested not in (None, running):
            raise ValueError(
                f"Keras already runs on {running} in this process. Choose the "
                f"backend before Keras is imported. Received: {requested}"
            )
        return running
    installed = installed_backends()
    if not installed:
        raise ImportError(
            "No backend is installed. Install one of them: "
            + ", ".join(f"pip install {name}" for name in BACKENDS)
        )
    if requested is None:
        requested = os.environ.get("KERAS_BACKEND") or None
        _check_name(requested, "KERAS_BACKEND")
    if requested is not None and requested not in installed:
        raise ImportError(
            f"The backend {requested} is not installed here (installed: "
            f"{', '.join(installed)}). Install it: pip install {requested}"
        )
    wishes = (requested, _configured_backend())
    chosen = next((wish for wish in wishes if wish in installed), installed[0])
    os.environ["KERAS_BACKEND"] = chosen
    return chosen


def _check_name(name, what):
    if name is not None and name not in BACKENDS:
        raise ValueError(
            f"{what} must be one of {', '.join(BACKENDS)}. Received: {name}"
        )


def import_keras():
    """Imports Keras without TensorFlow's start-up messages.

    Some of them obey no setting and are written to the file descriptor by C++, before
    any Python code can stop them.
    """
    with _messages_held_back():
        with _without(_unused()):
            import keras
        if keras.config.backend() == "tensorflow":
            # Only now all its messages have been written.
            set_random_seed(0)


def _unused():
    other = os.environ.get("KERAS_BACKEND") in ("torch", "tensorflow")
    return (*_UNUSED, "jax") if other else _UNUSED


@contextlib.contextmanager
def _without(packages):
    """Within it, packages that were not imported before seem not to be installed."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def set_random_seed(seed):
    """Keras's `set_random_seed`, which would import TensorFlow on every backend.

    Args:
        seed: integer.
    """
    import keras
    from keras.src.utils import rng_utils

    tensorflow = rng_utils.tf
    available = tensorflow._available
    if keras.config.backend() != "tensorflow" and "tensorflow" not in sys.modules:
        tensorflow._available = False
    try:
        keras.utils.set_random_seed(seed)
    finally:
        tensorflow._available = available


@contextlib.contextmanager
def _messages_held_back():
    """Drops what is written to stderr, unless an exception ends the block."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def number_of_devices(text: str | int) -> int | str:
    """What `--devices` says: an integer, or "all".

    Raises:
        ValueError: for anything else.
    """
    if text == "all":
        return text
    try:
        number = int(text)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ValueError(
            f"The number of devices must be an integer >= 1, or all. Received: {text!r}"
        )
    return number


def _running_backend():
    keras = sys.modules.get("keras")
    return keras.config.backend() if hasattr(keras, "config") else None


def _configured_backend():
    home = pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")
    try:
        return json.loads((home / "keras.json").read_text()).get("backend")
    except (OSError, ValueError, AttributeError):
        return None


def is_process_per_device(backend):
    """Whether each of several devices is a process of its own on this backend."""
    return backend == "torch"
