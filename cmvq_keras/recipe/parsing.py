"""Values of settings as people and files write them."""

import dataclasses
import json

from cmvq_keras import validation
from cmvq_keras.recipe.fields import AUTO, Auto, alternatives, has_type

#: Settings of version 0.1.0 that were removed, and what to do instead. They changed
#: nothing that is learned, so files that hold them are read without.
_REMOVED = {
    "training.recompute": "To save memory set training.accumulation_steps, with a "
    "smaller training.batch_size.",
}


def are_plain(settings):
    """Whether these are plain values by name."""
    return isinstance(settings, dict) and all(
        isinstance(name, str)
        and (value is None or isinstance(value, (bool, int, float, str)))
        for name, value in settings.items()
    )


def plain_value(value):
    """A command line's text as the number or word that it stands for."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "none":
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, (bool, int, float)) else value


def read(value, kind, name):
    """`value` as the type of its setting; strings are parsed."""
    kinds = alternatives(kind)
    if isinstance(value, str):
        if value.strip().lower() == "none" and type(None) in kinds:
            return None
        if value.strip().lower() == AUTO and Auto in kinds:
            return AUTO
        if str not in kinds:
            value = _parse_number(value, kinds)
            # JSON has no tuples.
            value = tuple(value) if isinstance(value, list) else value
    if not any(has_type(value, alternative) for alternative in kinds):
        names = " or ".join(_named(alternative) for alternative in kinds)
        raise ValueError(f"{name} must be of type {names}. Received: {value!r}")
    return value


def _named(kind):
    if kind is Auto:
        return AUTO
    return "none" if kind is type(None) else kind.__name__


def _parse_number(text, kinds):
    try:
        number = json.loads(text)
    except ValueError:
        return text
    if int in kinds and isinstance(number, float) and number.is_integer():
        return int(number)
    return number


def mapping(value, name):
    """`value` if it is an object of JSON; raises ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a JSON object. Received: {value!r}")
    return value


def from_dict(cls, value, name):
    """The dataclass that an object of JSON describes; without removed settings.

    Raises:
        ValueError: for unknown keys, with the nearest, and missing ones.
    """
    known = {field.name for field in dataclasses.fields(cls)}
    value = {
        key: item
        for key, item in mapping(value, name).items()
        if f"{name}.{key}" not in _REMOVED
    }
    for key in value:
        if key not in known:
            raise ValueError(unknown(f"{name}.{key}", [f"{name}.{k}" for k in known]))
    # JSON has no tuples.
    frozen = {
        key: tuple(item) if isinstance(item, list) else item
        for key, item in value.items()
    }
    try:
        return cls(**frozen)
    except TypeError as error:
        raise ValueError(f"{name} is not complete: {error}") from None


def unknown(name, known, what="setting"):
    """The sentence that refuses a name."""
    if name in _REMOVED:
        return f"{name} was removed in version 0.2. {_REMOVED[name]}"
    return f"Unknown {what} {name}. {validation.did_you_mean(name, known)}"
