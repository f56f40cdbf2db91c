"""The pages of docs/reference/ have every public name, and read its docstring right."""

import ast
import re

import imports
import pytest

import cmvq_keras as cmvq

pytestmark = pytest.mark.once

DOCS = imports.CHECKOUT / "docs"
SECTIONS = r"(Args|Raises|Call arguments|Attributes):$"
ITEM = r"    [\w*][\w*, .']*( \(.*\))?:( |$)"


def _listed():
    text = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    return re.findall(r"^\.\. auto\w+:: cmvq_keras\.(\S+)$", text, re.MULTILINE)


def test_the_reference_has_every_public_name_once():
    listed = _listed()
    assert len(listed) == len(set(listed))
    modules = {name for name in cmvq.__all__ if name.islower() and "." not in name}
    modules -= {name for name in modules if callable(getattr(cmvq, name))}
    wanted = set(cmvq.__all__) - modules
    wanted |= {f"networks.{name}" for name in cmvq.networks.__all__} - {
        f"networks.{name}" for name in cmvq.__all__
    }
    assert wanted - set(listed) == set()


def _unread(docstring):
    """The lines of a section that would be taken for an argument's name."""
    inside = False
    for line in docstring.splitlines():
        if not line.startswith(" ") and line:
            inside = re.match(SECTIONS, line)
        elif inside and re.match(r"    \S", line) and not re.match(ITEM, line):
            yield line


def test_what_is_said_of_an_argument_is_indented_below_it():
    faults = [
        (name, node.name, line)
        for name, tree in imports.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for line in _unread(ast.get_docstring(node) or "")
    ]
    assert faults == []
