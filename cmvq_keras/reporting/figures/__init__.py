"""The figures of a report: one module each, found by walking this folder.

A module holds `FIGURE`, a `cmvq_keras.reporting.figures.figure.Figure`. Its name is
kebab-case for people and snake_case as a module. docs/figures.md shows how to add one.
"""

import importlib
import pkgutil

from cmvq_keras import validation

_NOT_A_FIGURE = ("figure",)


def names():
    """The figures' names, in alphabetical order."""
    found = (entry.name for entry in pkgutil.iter_modules(__path__))
    return tuple(
        sorted(name.replace("_", "-") for name in found if name not in _NOT_A_FIGURE)
    )


def get(name):
    """A figure by name.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    validation.one_of(name, names(), "figure")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}").FIGURE


def in_order():
    """All figures, in the order of the page."""
    return sorted(map(get, names()), key=lambda figure: figure.position)
