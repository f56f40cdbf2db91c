"""Which backend runs, and what depends on it.

`cmvq_keras.backend` itself imports no framework: its names choose the backend.
"""

from cmvq_keras.backend.selection import (
    BACKENDS,
    installed_backends,
    number_of_devices,
    select_backend,
)

__all__ = ["BACKENDS", "installed_backends", "number_of_devices", "select_backend"]
