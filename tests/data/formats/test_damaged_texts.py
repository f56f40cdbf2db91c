"""Every parser of texts, and of a store as a whole: damage is told in one line."""

import json
import shutil

import numpy as np
import pytest
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations

from cmvq_keras import recipes
from cmvq_keras.data import Sample, Store
from cmvq_keras.data.tables import inputs_table
from cmvq_keras.recipe import Recipe
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

TABLE = b'image,audio,note\na.png,a.wav,\n"b, c.png",b.wav,x\n'
HISTORY = b"epoch,loss,val_loss\n0,1.5,\n1,0.25,2e-3\n"
RECIPE = recipes.get("av-digits")


def _read_recipe(path):
    return Run(path.parent).recipe


def _parse_recipe(path):
    """What a recipe's own reader gives, with no net around it."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    try:
        return Recipe.from_json(text)
    except ValueError as error:
        raise ValueError(f"{path}: {'; '.join(str(error).splitlines())}") from None


def _is_recipe(recipe):
    assert isinstance(recipe, Recipe)
    # As text, because a NaN among the data's settings does not equal itself.
    assert Recipe.from_json(recipe.to_json()).to_json() == recipe.to_json()
    for modality in recipe.modalities.values():
        assert len(modality.shape) == 3
        assert np.prod(modality.shape, dtype=float) <= 2**28
        assert modality.scale > 0
    assert all(isinstance(name, str) for name in recipe.classes)


def _read_history(path):
    return Run(path.parent).history


def _is_history(rows):
    for row in rows:
        assert all(value is None or isinstance(value, float) for value in row.values())


def _read_metrics(path):
    return Run(path.parent).metrics


def _is_object(content):
    assert isinstance(content, dict)


def _read_table(path):
    return inputs_table.read(path, RECIPE)


def _are_paths(rows):
    assert rows
    assert all(set(row) == {"image", "audio"} for row in rows)


TEXTS = {
    "recipe.json": (RECIPE.to_json().encode(), _read_recipe, _is_recipe),
    "own recipe.json": (RECIPE.to_json().encode(), _parse_recipe, _is_recipe),
    "metrics.json": (b'{"validation": {"accuracy": 0.5}}', _read_metrics, _is_object),
    "history.csv": (HISTORY, _read_history, _is_history),
    "table.csv": (TABLE, _read_table, _are_paths),
}


@EXAMPLES
@pytest.mark.parametrize("name", TEXTS)
def test_a_mutated_text_is_refused_or_read_well(name, examples, tmp_path):
    content, read, check = TEXTS[name]
    refusals = try_mutations(read, content, tmp_path / name, examples, check)
    print(f"{name}: {refusals} of {examples} refused")


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize("name", ["recipe.json", "table.csv"])
def test_a_damaged_text_is_refused_with_its_name(name, damage, tmp_path):
    content, read, _ = TEXTS[name]
    refused(read, damaged(tmp_path / name, content, damage))


def _samples(kind="clip"):
    for index in range(6):
        image = np.full((3, 4, 1), index, np.uint8)
        yield Sample({"image": image}, index % 2, f"{kind} {index}", {"actor": index})


@pytest.fixture
def folder(tmp_path):
    recipe = ({"image": (3, 4, 1)}, ("cat", "dog"))
    return Store.create(tmp_path, recipe, {"test": _samples}).folder


def _open_train(path):
    folder = path.parent if path.name == "manifest.json" else path.parents[1]
    return Store.open(folder).split("test")


def _open_with_its_size(path):
    """So that a table of another length is read at all."""
    place = path.parents[1] / "manifest.json"
    content = json.loads(place.read_bytes())
    size = max(path.stat().st_size, 1)
    content["splits"]["test"]["files"][path.name]["bytes"] = size
    place.write_text(json.dumps(content))
    return _open_train(path)


def _is_part(part):
    assert part.x["image"].shape == (6, 3, 4, 1)
    assert np.isin(part.y, (0, 1)).all()
    assert len(part.samples) == 6
    assert all(len(column) == 6 for column in part.attributes.values())


STORED = {
    "manifest.json": _open_train,
    "test/image.npy": _open_train,
    "test/labels.npy": _open_with_its_size,
    "test/meta.csv": _open_with_its_size,
}


@EXAMPLES
@pytest.mark.parametrize("name", STORED)
def test_a_mutated_store_is_refused_or_read_well(name, examples, folder):
    path = folder / name
    refusals = try_mutations(
        STORED[name], path.read_bytes(), path, examples, _is_part, named=folder
    )
    print(f"store, {name}: {refusals} of {examples} refused")


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize("name", STORED)
def test_a_damaged_store_is_refused_with_the_files_name(name, damage, folder):
    path = folder / name
    content = path.read_bytes()
    error = refused(_open_train, damaged(path, content, damage), named=folder)
    assert path.name in error


def _killed():
    yield from list(_samples())[:4]
    raise KeyboardInterrupt


def _bytes_by_name(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@EXAMPLES
def test_whatever_a_killed_preparation_left_it_ends_with_the_same_bytes(
    examples, tmp_path, monkeypatch
):
    monkeypatch.setattr("os.fsync", lambda file: None)  # no crash is tested here
    recipe = ({"image": (3, 4, 1)}, ("cat", "dog"))
    splits = {"test": _samples, "validation": lambda: _samples("other")}
    good = _bytes_by_name(Store.create(tmp_path / "good", recipe, splits).folder)
    root, left = tmp_path / "again", tmp_path / "left"
    word = {"origin": "samples"}
    with pytest.raises(KeyboardInterrupt):
        Store.create(root, recipe, splits | {"validation": _killed}, **word)
    shutil.copytree(root, left)
    notes = (left / ".own.partial" / "progress.json").read_bytes()

    def go_on(path):
        shutil.rmtree(root)
        shutil.copytree(left, root)
        shutil.copy(path, root / ".own.partial" / "progress.json")
        return Store.create(root, recipe, splits, **word)

    def is_good(store):
        assert _bytes_by_name(store.folder) == good

    path = tmp_path / "progress.json"
    assert try_mutations(go_on, notes, path, examples, is_good) == 0
