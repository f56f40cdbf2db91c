"""Runs the command line from tests."""

import os
import subprocess
import sys

from click.testing import CliRunner

from cmvq_keras.cli import main


def invoke(*arguments):
    """Runs it in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def error_of(*arguments, code):
    """The one line of an error, its exit code checked."""
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    return lines[0]


def shell(*arguments, folder, **environment):
    """Runs it in a process of its own, from a folder."""
    return _process(["-m", "cmvq_keras.cli", *arguments], folder, environment)


def python(code, *arguments, folder, **environment):
    """Runs a program in a process of its own, from a folder."""
    return _process(["-c", code, *arguments], folder, environment)


def _process(arguments, folder, environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
