"""Fields of settings that know their valid range."""

import dataclasses
import sys
import types
import typing

from cmvq_keras import registry, validation

AUTO = "auto"
Auto = typing.Literal["auto"]


def setting(default, test, expected) -> typing.Any:
    """A dataclass field that knows its valid range."""
    return dataclasses.field(
        default=default, metadata={"test": test, "expected": expected}
    )


def choice(default, *allowed) -> typing.Any:
    """A dataclass field that takes one of some words (or None)."""
    words = ", ".join("none" if word is None else word for word in allowed)
    return setting(default, lambda value: value in allowed, f"one of {words}")


def positive_integer(default) -> typing.Any:
    """A dataclass field for a whole number from 1 up."""
    return setting(default, lambda value: 1 <= value < 2**31, "an integer >= 1")


def automatic(test):
    """A test that the word "auto" passes too."""
    return lambda value: value == AUTO or (not isinstance(value, str) and test(value))


def optional(test):
    """A test that None passes too."""
    return lambda value: value is None or test(value)


def declared_in(room, constant):
    """A class decorator: gives a dataclass the settings that files declare.

    The files hold them as literals, so that they are read without importing Keras:
    `SETTINGS = {"levels": {"default": 8, "integer": "[2, 2**16]"}}`. Beside its
    default a setting has "integer" or "number" with its interval, or "choices"; one
    that is true or false has neither. With `"optional": True` none is valid too.

    Args:
        room: folder below `cmvq_keras`, "layers" for one.
        constant: name of the dictionary.
    """

    def add(cls):
        added = {
            name: _declared(**literal)
            for name, literal in registry.literals(room, constant).items()
        }
        for name, (_, field) in added.items():
            setattr(cls, name, field)
        kinds = {name: kind for name, (kind, _) in added.items()}
        cls.__annotations__ = {**cls.__annotations__, **kinds}
        return cls

    return add


def _declared(default, integer=None, number=None, choices=None, optional=False):
    """The type and the field of a setting, from its literal."""
    if choices:
        kind, field = str, choice(default, *choices, *[None] * optional)
    elif integer or number:
        kind, interval = (int, integer) if integer else (float, number)
        expected = validation.interval_in_words(interval, kind)
        field = setting(
            default,
            lambda value: value is None or validation.lies_in(value, interval, kind),
            f"{expected}, or none" if optional else expected,
        )
    else:
        kind, field = bool, setting(default, lambda value: True, "true or false")
    return (kind | None if optional else kind), field


def faults(section, prefix):
    """One line for each invalid setting of a dataclass.

    Args:
        section: an instance whose fields `setting` made; other fields are not tested.
        prefix: of the settings' dotted names.
    """
    wrong = []
    hints = typing.get_type_hints(type(section))
    for field in dataclasses.fields(section):
        value, test = getattr(section, field.name), field.metadata.get("test")
        if test and not (has_type(value, hints[field.name]) and test(value)):
            name = f"{prefix}.{field.name}"
            wrong.append(validation.must_be(name, field.metadata["expected"], value))
    return wrong


def alternatives(kind):
    """The types that a setting's annotation allows."""
    unions = (types.UnionType, typing.Union)
    several = isinstance(kind, unions[0]) or typing.get_origin(kind) in unions
    return typing.get_args(kind) if several else (kind,)


def has_type(value, kind):
    """Whether a value has the type of its setting; a whole number is a number too."""
    for alternative in alternatives(kind):
        if alternative is float and isinstance(value, int):
            # JSON's whole numbers may be larger than any float.
            return not isinstance(value, bool) and abs(value) <= sys.float_info.max
        if alternative is int and isinstance(value, bool):
            continue
        if typing.get_origin(alternative) is typing.Literal:
            if value in typing.get_args(alternative):
                return True
            continue
        if isinstance(value, typing.get_origin(alternative) or alternative):
            return True
    return False
