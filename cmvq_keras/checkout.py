"""Finds `cmvq_keras.cli` and `cmvq_keras.recipes` in a source checkout.

There they lie beside the package's folder; an installed wheel has them inside it.
"""

import importlib.machinery
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent
NAMES = ("cmvq_keras.cli", "cmvq_keras.recipes")


class CheckoutFinder:
    """A meta-path finder of two names. A `__path__` would find all that lies there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The spec of one of `NAMES`, or None."""
        if name not in NAMES:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [str(FOLDER)])


def install():
    """Lets Python find them, where this package is a source checkout."""
    if (FOLDER / "pyproject.toml").exists() and CheckoutFinder not in sys.meta_path:
        sys.meta_path.append(CheckoutFinder)
