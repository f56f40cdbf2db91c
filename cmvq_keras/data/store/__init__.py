"""Prepared stores: memory-mapped arrays with a manifest."""

from cmvq_keras import old_names

__getattr__ = old_names.getter(__name__)
