"""The harness for damaged files notices what a parser must not do."""

import numpy as np
import pytest
from damage import EXAMPLES, PLAIN, damaged, outcome, refused, try_mutations

pytestmark = pytest.mark.once

GOOD = b"MAGIC" + bytes(range(100))


def _strict(path):
    content = path.read_bytes()
    if content != GOOD:
        raise ValueError(f"{path} is damaged")
    return content


def _foreign_error(path):
    return {GOOD: 1}[path.read_bytes()]


def _nameless(path):
    if path.read_bytes() != GOOD:
        raise ValueError("it is damaged")


def _two_lines(path):
    if path.read_bytes() != GOOD:
        raise ValueError(f"{path}\nis damaged")


def _believes_sizes(path):
    return np.zeros(10**8 * (path.read_bytes() != GOOD), np.uint8)


def _believes_values(path):
    return path.read_bytes()


def _is_good(value):
    assert value == GOOD


@EXAMPLES
def test_nearly_every_mutation_changes_the_file(examples, tmp_path):
    refusals = try_mutations(_strict, GOOD, tmp_path / "a", examples, _is_good)
    assert refusals > 0.8 * examples


@pytest.mark.parametrize(
    ("parse", "caught"),
    [
        (_foreign_error, KeyError),
        (_nameless, AssertionError),
        (_two_lines, AssertionError),
        (_believes_sizes, AssertionError),
        (_believes_values, AssertionError),
    ],
)
def test_a_bad_parser_is_noticed(parse, caught, tmp_path):
    check = _is_good if parse is _believes_values else None
    with pytest.raises(caught):
        try_mutations(parse, GOOD, tmp_path / "a", 100, check)


@pytest.mark.parametrize("damage", [each for each in PLAIN if each != "pipe"])
def test_plain_damage_is_refused_and_a_good_file_read(damage, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(GOOD)
    assert outcome(_strict, path) == (GOOD, None)
    assert str(path) in refused(_strict, damaged(path, GOOD, damage))
