"""Raw files of the data sets, and how they become arrays. No Keras in here."""

import importlib

_PUBLIC = {
    "SkippedSample": "listing",
    "Sample": "store.split_writer",
    "Store": "store.store",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    # On demand: importing a part of this package must not import numpy.
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
