"""Type checkers and editors see the public names, though they are imported lazily."""

import ast
import pathlib
import re
import subprocess
import sys

import installs
import pytest

import cmvq_keras
from cmvq_keras import data

SCRIPT = installs.CHECKOUT / "tests" / "support" / "typed_script.py"
REFUSED = "print(cmvq.nothing)"
CHECKERS = {"pyright": "--pythonpath", "mypy": "--python-executable"}


@pytest.mark.once
@pytest.mark.parametrize("package", [cmvq_keras, data])
def test_the_stub_names_what_is_imported_on_demand(package):
    stub = pathlib.Path(package.__file__).with_suffix(".pyi")
    found = {
        each.asname: f"{node.module}.{each.name}"
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    assert sorted(found) == sorted(set(package.__all__) - {"__version__"})
    for name, place in found.items():
        module, _, last = place.rpartition(".")
        # A module that was imported by its old name stands in its place.
        vars(package).pop(name, None)
        value = getattr(package, name)
        __import__(module)
        assert getattr(sys.modules[module], last) is value, name


@pytest.fixture(scope="session")
def interpreters(tmp_path_factory):
    """The Python of an environment for each kind of install."""
    folder = tmp_path_factory.mktemp("typing")
    made = installs.make(folder)
    kinds = installs.KINDS[1:]
    return {
        kind: installs.interpreter(kind, made, folder / f"{kind}-venv")
        for kind in kinds
    }


@pytest.mark.typing
@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("kind", installs.KINDS[1:])
def test_a_users_script_type_checks(interpreters, tmp_path, checker, kind):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.read_text())
    words = [CHECKERS[checker], str(interpreters[kind]), script.name]
    done = subprocess.run(
        [sys.executable, "-m", checker, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    lines = script.read_text().splitlines()
    refused = next(i for i, line in enumerate(lines, 1) if line.startswith(REFUSED))
    errors = re.findall(r"script\.py:(\d+).* error: ", done.stdout)
    assert errors == [str(refused)], done.stdout + done.stderr
