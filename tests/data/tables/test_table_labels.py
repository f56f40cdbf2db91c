"""Labels of tables: several a row, numbers, and what is wrong with them."""

import numpy as np
import pytest
from command_line import invoke
from tiny_table import write_rows

from cmvq_keras import recipes
from cmvq_keras.data import tables
from cmvq_keras.data.tables import recipe_text

pytestmark = pytest.mark.once

HEADER = ("x_a", "x_b", "y_a", "y_b", "age", "weight (kg)", "tags", "red", "green")


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        [
            *map(repr, rng.normal(size=4).tolist()),
            str(20 + row),
            repr(60 + row / 7),
            ("red", "green|red", "", "blue")[row % 4],
            str(row % 2),
            str(row % 3 % 2),
        ]
        for row in range(60)
    ]
    rows[7][4] = "unknown"
    return write_rows(tmp_path / "people.csv", rows, HEADER)


def opened(path, task, *columns):
    return tables.open_table(path, task=task, label_columns=columns)


def test_numbers_are_targets_and_rows_without_one_are_skipped(path):
    found = opened(path, "regression", "age", "weight (kg)")
    assert tuple(found.recipe.targets) == ("age", "weight_kg")
    assert found.recipe.training.label_smoothing == 0.0
    assert set(found.recipe.modalities) == {"x", "y"}
    labels = np.concatenate([each.labels for each in found.listings.values()])
    assert sorted(labels[:, 0]) == [20 + row for row in range(60) if row != 7]
    skipped = [each for part in found.listings.values() for each in part.skipped]
    assert [each.reason for each in skipped] == ["line 9: age is no number"]
    # Each split has old and young.
    means = [part.labels[:, 0].mean() for part in found.listings.values()]
    assert np.ptp(means) < 10
    assert any("by quarter of the first target with seed" in n for n in found.notes)


def test_texts_between_bars_are_several_classes(path):
    found = opened(path, "multi-label", "tags")
    assert found.recipe.classes == ("blue", "green", "red")
    assert found.recipe.training.label_smoothing == 0.0
    labels = np.concatenate([each.labels for each in found.listings.values()])
    assert labels.sum(axis=0).tolist() == [15, 15, 30]
    assert (labels.sum(axis=1) == 0).sum() == 15
    assert any("by combination of classes with seed" in note for note in found.notes)


def test_columns_of_zeros_and_ones_are_classes(path):
    found = opened(path, "multi-label", "red", "green")
    assert found.recipe.classes == ("red", "green")
    labels = np.concatenate([each.labels for each in found.listings.values()])
    assert labels.sum(axis=0).tolist() == [30, 20]


def test_many_numbers_as_classes_suggest_a_regression(path):
    with pytest.raises(ValueError, match=r"no rows\. The label has 60 .*--task regr"):
        opened(path, None, "weight (kg)")
    rows = [[str(row % 30), f"{row}", f"{row}"] for row in range(180)]
    often = write_rows(path.with_name("often.csv"), rows, ("label", "x_a", "x_b"))
    found = tables.open_table(often)
    assert any("--task regression" in note for note in found.notes)
    assert not any("regression" in note for note in opened(path, None, "red").notes)


@pytest.mark.parametrize(
    ("task", "columns", "message"),
    [
        ("regression", ("tags",), "no row has a number in tags. Received: 'red'"),
        ("regression", ("years",), "Unknown column years"),
        ("regression", (), r"lacks the column label \(another one: --label COLUMN\)"),
        ("multi-label", ("red", "age"), "line 2: age must be 0 or 1. Received: 20"),
        (None, ("age", "red"), "classification has one column of labels"),
        ("segmentation", ("age",), "Unknown task of a table segmentation"),
    ],
)
def test_bad_columns_of_labels_get_one_line(path, task, columns, message):
    with pytest.raises(ValueError, match=message) as told:
        opened(path, task, *columns)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("regression", ("age", "weight (kg)")),
        ("multi-label", ("tags",)),
        ("multi-label", ("red", "green")),
        (None, ("red",)),
    ],
)
def test_a_recipe_file_reads_the_same_labels(path, task, columns):
    table = opened(path, task, *columns)
    out = path.with_suffix(".py")
    out.write_text(recipe_text.written(table, out))
    recipe = recipes.get(out)
    assert recipe == table.recipe
    listing = recipes.open_split(recipe, "train")
    np.testing.assert_array_equal(listing.labels, table.listings["train"].labels)


def test_the_command_line_shows_the_targets(path, tmp_path):
    arguments = ("--table", path, "--task", "regression", "--label", "age")
    result = invoke("prepare", *arguments, "--out", tmp_path / "store")
    assert result.exit_code == 0, result.output
    assert "Targets" in result.stderr
    assert "1 row is skipped: line 9: age is no number" in result.stderr
    assert "Skipped: 1" in result.stdout


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cat", "Cat"),
        ("caf\u00e9", "cafe\u0301"),
        ("cat", "cat\u200b"),
        ("a cat", "a\u00a0cat"),
        ("1", "1.0"),
    ],
)
def test_classes_that_look_alike_are_noted(one, other, tmp_path):
    rows = [[str(row), "1", (one, other, "2")[row % 3]] for row in range(60)]
    path = write_rows(tmp_path / "t.csv", rows, ("x_a", "x_b", "label"))
    (note,) = [each for each in opened(path, None).notes if "count as two" in each]
    assert note.isascii()
    assert "Write them alike if they are one" in note


def test_a_class_without_a_name_is_noted(tmp_path):
    rows = [[str(row), "1", ("cat", "NaN", "dog")[row % 3]] for row in range(60)]
    path = write_rows(tmp_path / "t.csv", rows, ("x_a", "x_b", "label"))
    assert any(
        each.startswith("NaN counts as a class") for each in opened(path, None).notes
    )
