"""docs/cli.md and the help texts have an example of each command, and these parse."""

import pathlib
import re
import shlex

import click
import pytest

from cmvq_keras.cli import group, main

pytestmark = pytest.mark.once
DOCS = (pathlib.Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")


def _commands():
    for name in group.COMMANDS:
        command = main.get_command(None, name)
        if isinstance(command, click.Group):
            yield from (
                (f"{name} {each}", found) for each, found in command.commands.items()
            )
        else:
            yield name, command


COMMANDS = dict(_commands())


def _parse(line):
    words = shlex.split(line)[1:]
    name = next(name for name in COMMANDS if words[: len(name.split())] == name.split())
    rest = words[len(name.split()) :]
    COMMANDS[name].make_context(name, rest)
    return name


def test_the_docs_have_one_example_a_command_that_parses():
    examples = re.findall(r"^\| `[a-z ]+` \|.*\| `(cmvq .*)` \|$", DOCS, re.MULTILINE)
    assert [_parse(line) for line in examples] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_text_has_an_example_that_parses(name):
    text = re.sub(r"\n +--", " --", COMMANDS[name].help)
    examples = re.findall(r"^ *(cmvq .*)$", text, re.MULTILINE)
    # Of several, some show what stands before or after.
    assert name in {_parse(line) for line in examples}
