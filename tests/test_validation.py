"""Checks at the door and their words."""

import math
import re

import numpy as np
import pytest

from cmvq_keras import validation

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("value", "interval", "kind"),
    [
        (0, "[0, 1)", float),
        (np.float32(0.5), "[0, 1)", float),
        (1.0, "(0, 1]", float),
        (1e30, "(0, inf)", float),
        (2**31 - 1, "[0, 2**31)", int),
        (np.int64(1), "[1, inf)", int),
    ],
)
def test_a_number_in_its_range_is_given_back(value, interval, kind):
    assert validation.in_range(value, "`x`", interval, kind) is value


@pytest.mark.parametrize(
    ("value", "interval", "kind", "told"),
    [
        (1.0, "[0, 1)", float, "`x` must be in [0, 1). Received: 1.0"),
        (0, "(0, 1]", float, "`x` must be in (0, 1]. Received: 0"),
        (math.nan, "[0, 1)", float, "`x` must be in [0, 1). Received: nan"),
        (True, "[0, 1]", float, "`x` must be in [0, 1]. Received: True"),
        ("0", "[0, 1]", float, "`x` must be in [0, 1]. Received: '0'"),
        (-1, "[0, inf)", float, "`x` must be a number >= 0. Received: -1"),
        (math.inf, "(0, inf)", float, "`x` must be a number > 0. Received: inf"),
        (0, "[1, inf)", int, "`x` must be an integer >= 1. Received: 0"),
        (1.0, "[1, inf)", int, "`x` must be an integer >= 1. Received: 1.0"),
        (2**31, "[0, 2**31)", int, "`x` must be an integer in [0, 2**31). Received"),
    ],
)
def test_another_value_is_refused_with_the_range(value, interval, kind, told):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (compared below)
        validation.in_range(value, "`x`", interval, kind)
    assert str(error.value).startswith(told)


def test_the_nearest_name_is_told_or_all_of_them():
    known = ("train", "validation", "test")
    assert validation.one_of("test", known, "split") == "test"
    told = "Unknown split tran. Did you mean train? Known: train, validation, test."
    with pytest.raises(ValueError, match=re.escape(told)):
        validation.one_of("tran", known, "split")
    assert validation.did_you_mean("xyz", known) == "Known: train, validation, test."
    assert validation.did_you_mean("xyz", ()) == ""
    assert validation.nearest("xyz", known) is None
    assert validation.nearest("xyz", known, 0.0) in known


@pytest.mark.parametrize("mark", ["\x1b]0;title\x07", "\u202e", "\n"])
def test_control_characters_and_marks_of_direction_are_spelled_out(mark):
    with pytest.raises(ValueError, match="Unknown split") as caught:
        validation.one_of(f"train{mark}", ["train"], "split")
    assert str(caught.value).isprintable()
