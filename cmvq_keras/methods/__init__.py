"""The methods that can be compared: one module each, found by walking this folder.

A module holds `METHOD`, a `cmvq_keras.methods.method.Method`. Its name is kebab-case
for people and snake_case as a module. docs/methods.md shows how to add one.
"""

import importlib
import pkgutil
import sys

from cmvq_keras import validation
from cmvq_keras.backend import selection

_NOT_A_METHOD = ("method",)


def names():
    """The methods' names, in alphabetical order."""
    found = (entry.name for entry in pkgutil.iter_modules(__path__) if not entry.ispkg)
    return tuple(
        sorted(name.replace("_", "-") for name in found if name not in _NOT_A_METHOD)
    )


def get(name):
    """A method by name.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    validation.one_of(name, names(), "method")
    # Some methods define Keras models.
    if "keras" not in sys.modules:
        selection.select_backend()
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}").METHOD


def register_models():
    """Imports all methods, so that Keras can load a saved model of any of them."""
    for name in names():
        get(name)


def of_task(task):
    """The names of the methods that train a task, in alphabetical order."""
    return [name for name in names() if task in get(name).tasks]
