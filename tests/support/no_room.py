"""A place without room."""

import contextlib

import pytest


@contextlib.contextmanager
def room(size):
    """No file grows beyond so many bytes in the block."""
    resource = pytest.importorskip("resource", reason="not on this platform")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
