"""Raw files of the data sets, and how they become arrays. No Keras in here."""

import importlib

from cmvq_keras import old_names

_PUBLIC = {
    "SkippedSample": "listing",
    "Sample": "store.split_writer",
    "Store": "store.store",
}

__all__ = list(_PUBLIC)


_old_name = old_names.getter(__name__)


def __getattr__(name):
    # On demand: importing a part of this package must not import numpy.
    if name not in _PUBLIC:
        return _old_name(name)
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
