"""Records of a training in other programs: TensorBoard, Weights & Biases, MLflow, CSV.

A file registers a tracker by its constant `TRACKERS`. No Keras here, and no package of
a tracker before its record is opened.
"""

import importlib.util

from cmvq_keras import registry

_ROOM, _CONSTANT = "tracking", "TRACKERS"


def names(text: str | None) -> tuple[str, ...]:
    """The trackers that `training.log` names.

    Args:
        text: names with commas between them, or None.
    """
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def get(name):
    """A tracker's class.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    return registry.load(_ROOM, _CONSTANT, name)


def need(text: str | None) -> None:
    """Checks that the packages of trackers are installed.

    Args:
        text: the value of `training.log`.

    Raises:
        ImportError: for a package that is missing, with what to install.
    """
    for name in names(text):
        module = get(name).module
        if module and importlib.util.find_spec(module) is None:
            raise ImportError(
                f"training.log={name} needs {module}, which is not installed. Do: "
                f"pip install 'cmvq-keras[{name}]'"
            )
