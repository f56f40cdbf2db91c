"""Tables of data that comes with packages."""

import csv

import numpy as np
import pytest

from cmvq_keras.data import tables

pytestmark = pytest.mark.once


@pytest.fixture
def written(benchmark, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    made = benchmark("sample_tables")

    def write(name):
        path = tmp_path / f"{name}.csv"
        monkeypatch.setattr("sys.argv", ["sample_tables", name, "-o", str(path)])
        made.main()
        return path

    return write


def _shapes(found):
    return {name: each.shape for name, each in found.recipe.modalities.items()}


def test_columns_are_two_vectors_of_the_data_s_values(written):
    from sklearn.datasets import load_breast_cancer

    path = written("cancer")
    found = tables.open_table(path)
    assert _shapes(found) == {"mean": (10,), "worst": (10,)}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    values = [float(row["worst_fractal-dimension"]) for row in rows]
    np.testing.assert_array_equal(values, load_breast_cancer().data[:, 29])
    assert rows[0]["label"] == "malignant"


def test_a_regression_has_its_numbers(written):
    from sklearn.datasets import load_diabetes

    found = tables.open_table(written("diabetes"), task="regression")
    assert _shapes(found) == {"body": (4,), "serum": (6,)}
    labels = np.concatenate([each.labels for each in found.listings.values()])
    np.testing.assert_array_equal(
        np.sort(labels.ravel()), np.sort(load_diabetes().target)
    )


def test_a_sentence_does_not_name_its_function(written):
    path = written("docstrings")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 500
    assert not [row for row in rows if row["function"] in row["text"].split()]
    kinds = {"function": "tokens", "text": "tokens"}
    found = tables.open_table(path, kinds)
    assert set(found.recipe.classes) == {row["label"] for row in rows}
    assert len(found.recipe.classes) == 6
