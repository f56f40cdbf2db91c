"""What a file of the package registers, read without importing the file.

A file registers by a constant at its top level, a dictionary of literals. So the names
are known before a backend is chosen, and a new file is found without a list to keep.
"""

import ast
import functools
import importlib
import pathlib

from cmvq_keras import validation


@functools.cache
def _entries(room, constant):
    """By name `(file, literal)`."""
    found = {}
    for path in sorted((pathlib.Path(__file__).parent / room).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if constant not in text:
            continue
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Assign) and constant in [
                getattr(target, "id", None) for target in statement.targets
            ]:
                for name, literal in ast.literal_eval(statement.value).items():
                    if name in found:
                        raise ValueError(
                            f"{constant} of cmvq_keras/{room} names {name} twice: in "
                            f"{found[name][0]}.py and {path.name}"
                        )
                    found[name] = (path.stem, literal)
    return found


def names(room, constant):
    """The registered names, in alphabetical order; imports nothing.

    Args:
        room: folder below `cmvq_keras`, e.g. "layers" or "data/kinds".
        constant: name of the dictionary, from a name to an attribute of its file.
    """
    return tuple(sorted(_entries(room, constant)))


def literals(room, constant):
    """What the files register, by name; imports nothing.

    Args:
        room, constant: as in `names`.
    """
    return {name: literal for name, (_, literal) in _entries(room, constant).items()}


def load(room, constant, name):
    """What is registered under a name; imports its file.

    Args:
        room, constant: as in `names`.
        name: one of `names`.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    validation.one_of(name, names(room, constant), constant.lower().rstrip("s"))
    file, attribute = _entries(room, constant)[name]
    package = room.replace("/", ".")
    module = importlib.import_module(f"cmvq_keras.{package}.{file}")
    return getattr(module, attribute)
