"""Prepared stores: memory-mapped arrays with a manifest."""
