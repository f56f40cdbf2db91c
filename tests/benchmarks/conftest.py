"""The benchmarks are not installed: a checkout alone has them, beside the package."""

import importlib
import os
import pathlib
import sys
from unittest import mock

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a module of benchmarks/ by its name.

    A command of theirs chooses the backend of its process; the tests that follow have
    theirs back.
    """
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("benchmarks/ is not there")
    monkeypatch.syspath_prepend(str(ROOT))
    with mock.patch.dict(os.environ):
        yield lambda name: importlib.import_module(f"benchmarks.{name}")
    for name in [each for each in sys.modules if each.split(".")[0] == "benchmarks"]:
        del sys.modules[name]
