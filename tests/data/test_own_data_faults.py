"""Faults in one's own data: the split, the sample, the file and what to do."""

import numpy as np
import pytest

from cmvq_keras import recipe_file, recipes
from cmvq_keras.data import Store, decoding
from cmvq_keras.data.listing import Group, Listing
from cmvq_keras.recipe import Modality, Recipe

pytestmark = pytest.mark.once

RECIPE = """
import numpy as np

from cmvq_keras.data.listing import Group, Listing
from cmvq_keras.recipe import Modality, ModelSettings, Recipe

INPUTS = {"image": Modality((8, 8, 3))}
RECIPE = Recipe("own-pets", "pets", INPUTS, ("cat", "dog"), ModelSettings(grid=4))


def open_split(recipe, split, data_dir):
    folders = sorted((data_dir / split).glob("*/*"))
    names = [f"{split}/{folder.parent.name}/{folder.name}" for folder in folders]
    labels = np.array([LABELS])
    return Listing(names, (Group(folders, read),), labels)


def read(folder):
    return {"image": np.load(folder / "image.npy")}
"""
PLACES = "recipe.classes.index(folder.parent.name) for folder in folders"


def _load(root, values, labels=PLACES, split="train"):
    """One split of four samples, the third of which has other values."""
    for number in range(4):
        folder = root / split / ("cat" if number < 2 else "dog") / f"{number:04}"
        folder.mkdir(parents=True)
        content = values if number == 2 else np.zeros((8, 8, 3), np.float32)
        if isinstance(content, bytes):
            (folder / "image.npy").write_bytes(content)
        else:
            np.save(folder / "image.npy", content)
    path = root / "pets.py"
    path.write_text(RECIPE.replace("[LABELS]", f"[{labels}]"))
    recipe = recipes.get(str(path))
    assert recipe_file.loaded(recipe.name)
    return recipes.load_split(recipe, split, root)


def _nan():
    values = np.zeros((8, 8, 3), np.float32)
    values[1, 2, 0] = np.nan
    return values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (_nan(), r"1 values that are not finite, the first at \[1, 2, 0\]. Replace"),
        (np.zeros((8, 8, 3)), r"Received: float64\. Convert it: x\.astype"),
        (np.zeros((3, 8, 8), "f4"), r"channels come first"),
        (np.full((8, 8, 3), "a"), r"Received: <U1\. It must hold numbers"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a git-lfs pointer"),
        (b"", r"image\.npy is empty\. Write it again"),
        (b"PK\3\4 cut", "File is not a zip file"),
    ],
)
def test_a_fault_names_the_split_the_sample_and_the_folder(values, said, tmp_path):
    with pytest.raises(ValueError, match=said) as caught:
        _load(tmp_path, values)
    told = str(caught.value)
    assert told.startswith("train: sample train/dog/0002")
    assert str(tmp_path / "train" / "dog" / "0002") in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("folder.parent.name for folder in folders", "Received: cat for sample"),
        ("0, 1, 2, 0", "Received: 2 for sample train/dog/0002"),
        ("0, 1, -1, 0", "Received: -1 for sample train/dog/0002"),
        ("0.0, 1.0, 0.5, 0.0", "Received: 0.0 for sample"),
        ("0, 1", r"must be one per sample, \(4,\)\. Received: \(2,\)"),
    ],
)
def test_labels_are_places_in_the_classes(labels, said, tmp_path):
    with pytest.raises(ValueError, match=said) as caught:
        _load(tmp_path, np.zeros((8, 8, 3), np.float32), labels)
    assert str(caught.value).startswith("train: labels must be")


def test_a_store_of_arrays_names_the_sample_and_what_to_do(tmp_path):
    images = np.zeros((5, 8, 8, 3), np.float32)
    images[3, 1, 2, 0] = np.inf
    recipe = ({"image": (8, 8, 3)}, ("cat", "dog"))
    labels = np.array([0, 1, 0, 1, 0])
    for values, said in (
        (images, r"train/3 holds 1 values .* the first at \[1, 2, 0\]"),
        (images.transpose(0, 3, 1, 2), "its channels come first"),
        (images.astype(float), r'x\.astype\("float32"\)'),
    ):
        part = ({"image": values}, labels)
        splits = {"train": part, "validation": part}
        with pytest.raises(ValueError, match=said):
            Store.create(tmp_path, recipe, splits, force=True)


@pytest.mark.parametrize("part", ["image", "label"])
def test_a_masked_entry_is_no_value(part, tmp_path):
    images, labels = np.zeros((4, 8, 8, 3), np.float32), np.array([0, 1, 0, 1])
    if part == "image":
        images = np.ma.masked_greater_equal(images, 0)
    else:
        labels = np.ma.masked_equal(labels, 1)
    splits = {split: ({"image": images}, labels) for split in ("train", "validation")}
    said = r"must have no masked entries\. Received: .*x\.filled\(value\)"
    with pytest.raises(ValueError, match=said):
        Store.create(tmp_path, ({"image": (8, 8, 3)}, ("cat", "dog")), splits)


@pytest.mark.parametrize(
    "mask", [[1, 0.5, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [255, 255, 0, 0]]
)
def test_a_mask_says_which_steps_are_there(mask, tmp_path):
    values = np.ones((4, 4, 3), np.float32)
    recipe = ({"motion": Modality((4, 3), "padded")}, ("cat", "dog"))
    part = ({"motion": values}, np.array([0, 1, 0, 1]))
    Store.create(tmp_path / "good", recipe, {"train": part, "validation": part})
    values[2, :, 2] = mask
    said = "train: sample train/0, motion: the last entry of each step must be 1 where"
    with pytest.raises(ValueError, match=said):
        Store.create(tmp_path / "bad", recipe, {"train": part, "validation": part})


def test_a_recipe_file_s_mask_is_checked_too():
    recipe = Recipe("own", "own", {"motion": Modality((4, 3), "padded")}, ("a", "b"))
    listing = Listing(["one"], (Group([0.5], _masked_by),), np.array([0]))
    with pytest.raises(ValueError, match=r"one: motion: the last entry of each step"):
        decoding.load(listing, recipe)


def _masked_by(value):
    values = np.ones((4, 3), np.float32)
    values[:, 2] = value
    return {"motion": values}
