"""What stands in `cmvq_keras.__all__`, and that all of it is annotated."""

import builtins
import inspect
import re

import imports
import pytest

import cmvq_keras as cmvq
from cmvq_keras import errors
from cmvq_keras.layers import quantizer

pytestmark = pytest.mark.once

MODULES = ("backend", "data", "layers", "networks", "metrics", "convert", "recipes")


def _ours(value):
    return callable(value) and getattr(value, "__module__", "").startswith("cmvq_keras")


def _public():
    """The public classes and functions, each once."""
    found = [getattr(cmvq, name) for name in cmvq.__all__]
    for module in map(cmvq.__getattr__, MODULES):
        names = [name for name in vars(module) if not name.startswith("_")]
        found += [getattr(module, name) for name in getattr(module, "__all__", names)]
    return list(dict.fromkeys(filter(_ours, found)))


def _functions(value):
    """The functions of a public name that this package defines."""
    if not inspect.isclass(value):
        return [value]
    found = []
    for name, member in vars(value).items():
        member = member.fget if isinstance(member, property) else member
        member = getattr(member, "__func__", member)
        # What overrides has the signature of what it overrides, but for __init__.
        overrides = any(hasattr(base, name) for base in value.__bases__)
        own = name == "__init__" or not (name.startswith("_") or overrides)
        if own and inspect.isfunction(member) and hasattr(value, "__module__"):
            found.append(member)
    return found


def _missing(function):
    signature = inspect.signature(function)
    names = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty
        and parameter.name not in ("self", "cls")
    ]
    return names + ["return"] * (signature.return_annotation is signature.empty)


def test_every_public_function_is_annotated_in_full():
    missing = {
        f"{function.__module__}.{function.__qualname__}": names
        for value in _public()
        for function in _functions(value)
        if (names := _missing(function))
    }
    assert missing == {}


def test_the_quantizers_of_the_package_are_public_names():
    # A new one is found by its file alone: CONTRIBUTING.md.
    own = ("ema", "fsq", "gradient", "rotation", "simvq")
    assert {quantizer.get(name).__name__ for name in own} <= {*cmvq.__all__}


def test_every_error_of_the_package_is_a_public_name():
    own = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    named = {
        name
        for path in imports.CHECKOUT.glob("cmvq_keras/**/*.py")
        for name in re.findall(r"^ +(?:[\w.]+\.)?(\w+Error):", path.read_text(), re.M)
    }
    assert own <= set(cmvq.__all__)
    assert {name for name in named if name not in dir(builtins)} <= own
