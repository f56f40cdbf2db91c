"""docs/cli.md and the help texts have an example of each command, and these parse."""

import pathlib
import re
import shlex
import string

import click
import pytest

from cmvq_keras.cli import group, main

pytestmark = pytest.mark.once
CHECKOUT = pathlib.Path(__file__).parents[2]
DOCS = (CHECKOUT / "docs" / "cli.md").read_text("utf-8")
PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))


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
    words = shlex.split(line, comments=True)[1:]
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


def _commands_of(page):
    """The commands of a page's code blocks, with their shell variables."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    variables = dict(re.findall(r'^ {4}([A-Z]+)="?(.*?)"?$', text, re.MULTILINE))
    for line in re.findall(r"^ {4}(cmvq .*)$", text, re.MULTILINE):
        yield string.Template(line).safe_substitute(variables)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(_commands_of(page))],
    ids=lambda page: page.name,
)
def test_every_command_of_the_docs_parses(page):
    for line in _commands_of(page):
        if "<Tab>" in line:  # a line of the section on completion, not a command
            continue
        assert _parse(line), line
