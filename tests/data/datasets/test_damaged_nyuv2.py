"""NYUv2's files on mutations: refused in one line with their name, or read well."""

import numpy as np
import pytest
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations
from PIL import Image
from tiny_nyuv2 import COUNT, picture, write_class_map, write_labelled, write_splits

from cmvq_keras import recipes
from cmvq_keras.data.datasets.nyuv2 import folder, lists, mat_file
from cmvq_keras.data.formats import images

pytestmark = pytest.mark.once

CLASSES = recipes.get("nyuv2").classes
NAMES = ("images", "depths", "labels")


def _read_labelled(path):
    count = mat_file.count_pictures(path)
    return [mat_file.read_picture(path, row, NAMES) for row in range(count)]


def _labelled(path):
    write_labelled(path, count=1)
    return path.read_bytes()


def _check_labelled(pictures):
    """What is read is what was stored: each chunk has a checksum."""
    for found in pictures:
        for values, expected in zip(found.values(), picture(1), strict=True):
            assert np.array_equal(values, expected)


def _read_splits(path):
    return lists.read_splits(path, COUNT)


def _splits(path):
    write_splits(path)
    return path.read_bytes()


def _check_splits(parts):
    assert sorted(np.concatenate(parts).tolist()) == list(range(COUNT))


def _read_class_map(path):
    return lists.read_class_map(path, CLASSES)


def _class_map(path):
    write_class_map(path)
    return path.read_bytes()


def _check_class_map(classes):
    assert classes.shape == (895,)
    assert classes[0] == -1
    assert classes[1:].min() >= 0
    assert classes.max() < 40


def _png(path, values):
    Image.fromarray(values).save(path)
    return path.read_bytes()


def _color_png(path):
    return _png(path, picture(1)[0][::20, ::20])


def _depth_png(path):
    return _png(path, (picture(1)[1][::20, ::20] * 5000).astype(np.uint16))


def _classes_png(path):
    return _png(path, (picture(1)[2][::20, ::20] % 40).astype(np.uint8))


def _check_color(values):
    assert values.shape == (16, 16, 3)
    assert values.dtype == np.uint8


def _check_depth(values):
    assert values.shape == (16, 16, 1)
    assert 0 <= values.min() <= values.max() <= 12


def _check_classes(values):
    assert values.shape == (16, 16)
    assert -1 <= values.min() <= values.max() < 40


FORMATS = {
    "labelled": (_read_labelled, _labelled, _check_labelled),
    "splits": (_read_splits, _splits, _check_splits),
    "class map": (_read_class_map, _class_map, _check_class_map),
    "color": (
        lambda path: images.read_image(path, (16, 16, 3)),
        _color_png,
        _check_color,
    ),
    "depth": (
        lambda path: folder.DepthReader()(path, (16, 16, 1)),
        _depth_png,
        _check_depth,
    ),
    "classes": (
        lambda path: folder.read_classes(path, (16, 16), 40),
        _classes_png,
        _check_classes,
    ),
}


@EXAMPLES
@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_files_are_refused_or_read_well(kind, examples, tmp_path):
    read, write, check = FORMATS[kind]
    content = write(tmp_path / "good.png")
    count = try_mutations(read, content, tmp_path / "a.png", examples, check)
    print(f"{kind}: {count} of {examples} refused")
    assert count > examples // 4


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize("kind", FORMATS)
def test_plainly_damaged_files_are_refused(kind, damage, tmp_path):
    read, write, _ = FORMATS[kind]
    content = write(tmp_path / "good.png")
    refused(read, damaged(tmp_path / "a.png", content, damage))
