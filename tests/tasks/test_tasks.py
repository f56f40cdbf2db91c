"""Labels of each task: what is stored, what is refused, what people read."""

import numpy as np
import pytest
import tiny_tasks

from cmvq_keras import tasks
from cmvq_keras.data.store import check
from cmvq_keras.data.store.store import Store
from cmvq_keras.recipe import Modality, Recipe, Target, TrainingSettings

pytestmark = pytest.mark.once

VECTOR = {"v": Modality((2,), "vector")}
R2 = TrainingSettings(select_by="r2")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"task": "regression"},
            "select_by must be r2, task_loss or last for regr",
        ),
        ({"task": "regression", "training": R2}, "at least one target"),
        (
            {"task": "regression", "training": R2, "classes": ("a", "b")},
            "classes must be empty for regression",
        ),
        (
            {"classes": ("a", "b"), "targets": {"age": Target()}},
            r"targets must be empty for classification. Received: \['age'\]",
        ),
        (
            {
                "task": "multi-label",
                "classes": ("a", "b"),
                "training": TrainingSettings(label_smoothing=0.1),
            },
            "label_smoothing must be 0 for multi-label",
        ),
        (
            {
                "task": "regression",
                "training": R2,
                "targets": {"age": Target(scale=0.0)},
            },
            r"targets.age.scale must be a number > 0, or auto. Received: 0.0",
        ),
    ],
)
def test_a_recipe_fits_its_task(fields, message):
    with pytest.raises(ValueError, match=message):
        Recipe("tiny", "vectors", VECTOR, **fields)


@pytest.mark.parametrize("task", ["regression", "multi-label"])
def test_a_recipe_comes_back_from_its_file(task):
    recipe = tiny_tasks.recipe(task)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert not recipe.differences(Recipe.from_json(recipe.to_json()))


def test_a_recipe_of_classes_is_written_as_before():
    assert "targets" not in Recipe("t", "t", VECTOR, ("a", "b")).to_json()


def test_a_target_is_set_by_its_name():
    recipe = tiny_tasks.recipe("regression").with_settings({"targets.age.scale": "2"})
    assert recipe.targets["age"] == Target("auto", 2)
    assert recipe.outputs == tiny_tasks.TARGETS


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        ("regression", np.zeros((2, 3)), r"2 finite numbers.*Received: \(3,\) float64"),
        ("regression", np.array([[0, np.nan]]), "a value that is not finite"),
        ("multi-label", np.zeros((2, 2), int), "3 integers, 0 or 1 for each class"),
        ("multi-label", np.full((2, 3), 2), r"must be in \[0, 1\]. Received: 2 to 2"),
        ("multi-label", np.zeros((2, 3)), "3 integers, 0 or 1"),
    ],
)
def test_labels_of_another_form_are_refused(task, labels, message):
    with pytest.raises(ValueError, match=message):
        tasks.get(task).checked(labels, tiny_tasks.recipe(task), "test")


def test_labels_are_words():
    several = tiny_tasks.recipe("multi-label")
    assert tasks.get("multi-label").word([1, 0, 1], several) == "red|blue"
    assert tasks.get("multi-label").word([0, 0, 0], several) == "none"
    numbers = tiny_tasks.recipe("regression")
    assert tasks.get("regression").word([40, 70.5], numbers) == "age 40, weight 70.5"
    values = np.stack([np.arange(8.0), np.zeros(8)], axis=1)
    words = tasks.get("regression").words(values, numbers)
    assert words.tolist()[::2] == [
        "age 0 to 1",
        "age 2 to 3",
        "age 4 to 5",
        "age 6 to 7",
    ]


def test_strata_are_quarters_and_combinations():
    numbers = np.arange(100.0)[:, None]
    assert np.bincount(tasks.get("regression").strata(numbers)).tolist() == [25] * 4
    sets = np.array([[1, 0]] * 12 + [[0, 1]] * 11 + [[1, 1]] * 2)
    strata = tasks.get("multi-label").strata(sets)
    assert [len(set(strata[part])) for part in (slice(12), slice(12, 23))] == [1, 1]
    assert len(set(strata)) == 3


@pytest.mark.parametrize("task", ["regression", "multi-label"])
def test_a_store_holds_the_labels(task, tmp_path):
    made = tiny_tasks.store(tmp_path, task)
    _, y = tiny_tasks.vectors(task)
    np.testing.assert_array_equal(made.split("train").y, y[:96])
    assert made.split("train").y.dtype == tasks.get(task).dtype
    again = Store.open(made.folder)
    assert check.check(again).faults == ()
    if task == "regression":
        found = again.recipe.targets["age"]
        np.testing.assert_allclose(found.offset, y[:96, 0].mean(), rtol=1e-5)
        np.testing.assert_allclose(found.scale, y[:96, 0].std(), rtol=1e-5)


def test_targets_by_name_make_a_regression_of_arrays(tmp_path):
    x, y = tiny_tasks.vectors("regression", 12)
    parts = {"train": slice(0, 8), "validation": slice(8, 12)}
    splits = {
        split: ({name: values[part] for name, values in x.items()}, y[part, 0])
        for split, part in parts.items()
    }
    pair = ({"a": (3,), "b": (3,)}, {"age": Target()})
    made = Store.create(tmp_path, pair, splits)
    assert made.recipe.task == "regression"
    assert made.split("train").y.shape == (8, 1)


def test_a_damaged_number_is_a_fault(tmp_path):
    made = tiny_tasks.store(tmp_path, "regression")
    path = made.folder / "test" / "labels.npy"
    content = np.load(path)
    content[3, 1] = np.inf
    np.save(path, content)
    assert any("not finite" in fault for fault in check.check(made).faults)
    with pytest.raises(ValueError, match="holds labels out of range"):
        made.split("test")
