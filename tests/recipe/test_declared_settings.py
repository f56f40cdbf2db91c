"""Settings that a quantizer's file declares are settings of a recipe's model."""

import dataclasses

import pytest

from cmvq_keras import registry
from cmvq_keras.recipe import ModelSettings, fields

pytestmark = pytest.mark.once

FILE = """
import no_such_module

SETTINGS = {
    "bins": {"default": 4, "integer": "[2, 2**16]"},
    "slope": {"default": 0.5, "number": "(0, 1)", "optional": True},
    "shape": {"default": "round", "choices": ["round", "square"]},
    "warm": {"default": False},
}
"""


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder of files in place of the package's own."""
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    (tmp_path / "room").mkdir()
    registry._entries.cache_clear()
    yield tmp_path / "room"
    registry._entries.cache_clear()


@pytest.fixture
def settings(room):
    """A dataclass with the settings of `FILE`."""
    (room / "one.py").write_text(FILE)

    @dataclasses.dataclass(frozen=True)
    @fields.declared_in("room", "SETTINGS")
    class Settings:
        own: int = fields.positive_integer(1)

    return Settings


def test_a_declared_setting_has_its_default(settings):
    expected = {"own": 1, "bins": 4, "slope": 0.5, "shape": "round", "warm": False}
    assert dataclasses.asdict(settings()) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bins": 1}, "model.bins must be an integer in [2, 2**16]. Received: 1"),
        ({"bins": 2.5}, "model.bins must be an integer in [2, 2**16]. Received: 2.5"),
        ({"slope": 1}, "model.slope must be in (0, 1), or none. Received: 1"),
        ({"shape": "flat"}, "must be one of round, square. Received: 'flat'"),
        ({"warm": 1}, "model.warm must be true or false. Received: 1"),
        ({"bins": 2**16, "slope": None, "shape": "square", "warm": True}, None),
    ],
)
def test_a_declared_setting_has_its_range(settings, changes, message):
    found = fields.faults(settings(**changes), "model")
    assert len(found) == bool(message)
    assert (message or "") in "".join(found)


def test_two_files_cannot_declare_one_setting(room):
    for name in ("one", "two"):
        (room / f"{name}.py").write_text(FILE)
    with pytest.raises(ValueError, match=r"names bins twice: in one\.py and two\.py"):
        registry.literals("room", "SETTINGS")


def test_the_quantizers_settings_are_those_of_their_files():
    declared = registry.literals("layers", "SETTINGS")
    found = {
        field.name: field.default
        for field in dataclasses.fields(ModelSettings)
        if field.name in declared
    }
    assert found == {name: literal["default"] for name, literal in declared.items()}
