"""Damaged tables, and damaged files of numbers: told in one line, or read well."""

import io

import numpy as np
import pytest
import scipy.io
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations

from cmvq_keras.data import tables
from cmvq_keras.data.formats import mat5, numbers_text
from cmvq_keras.data.split import SPLITS

pytestmark = pytest.mark.once

TABLE = b"size_a;size_b;label;group\n" + b"".join(
    b"%d.5;%d;%s;g%d\n" % (row, 7 * row, b"ab"[row % 2 : row % 2 + 1], row)
    for row in range(12)
)


def _matrix():
    file = io.BytesIO()
    scipy.io.savemat(file, {"readings": np.arange(12.0).reshape(6, 2)})
    return file.getvalue()


def _is_table(table):
    assert len(table.recipe.classes) > 1
    for split in SPLITS:
        listing = table.listings[split]
        assert len(listing.labels) == len(listing.names)


def _are_numbers(values):
    assert values.size > 0
    assert values.dtype.kind in "uif"


READERS = {
    "table.csv": (TABLE, tables.open_table, _is_table),
    "readings.txt": (
        b"x y\n1.5 2\n3 4e-1\n",
        numbers_text.read,
        lambda values: np.isfinite(values).all() and _are_numbers(values),
    ),
    "readings.mat": (
        _matrix(),
        lambda path: mat5.read_only(path, 1_000_000),
        _are_numbers,
    ),
}


@EXAMPLES
@pytest.mark.parametrize("name", READERS)
def test_a_mutated_file_is_refused_or_read_well(name, examples, tmp_path):
    content, read, check = READERS[name]
    refusals = try_mutations(read, content, tmp_path / name, examples, check)
    print(f"{name}: {refusals} of {examples} refused")


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize("name", ["table.csv", "readings.mat"])
def test_a_damaged_file_is_refused_with_its_name(name, damage, tmp_path):
    content, read, _ = READERS[name]
    refused(read, damaged(tmp_path / name, content, damage))
