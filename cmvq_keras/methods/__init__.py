"""The methods that can be compared: one module each, found by walking this folder.

A module holds `METHOD`, a `cmvq_keras.methods.method.Method`. Its name is kebab-case
for people and snake_case as a module. docs/methods.md shows how to add one.
"""

import importlib
import pkgutil

from cmvq_keras import validation

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
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}").METHOD
