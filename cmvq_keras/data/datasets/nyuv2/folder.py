"""Scenes as loose picture files, as tools that export NYUv2 write them.

A folder holds `NAME.png` (color), `depth_gt_NAME.png` (16 bits: metres times a scale, 0
where there is none) and `segm_gt_NAME.png` (8 bits: class index, 255 where there is
none). The scale differs from tool to tool: 5000 and 1000 are common.
"""

import dataclasses
import math
import pathlib

import numpy as np

from cmvq_keras.data.datasets.nyuv2.lists import VOID
from cmvq_keras.data.formats import images
from cmvq_keras.data.listing import LABELS, Group, Listing
from cmvq_keras.data.transforms import depth
from cmvq_keras.recipe import Recipe

_DEPTH, _CLASSES = "depth_gt_", "segm_gt_"
_NO_CLASS = 255


def open_folder(recipe, folder):
    """The scenes of a folder, in alphabetical order.

    Args:
        recipe: a `Recipe` with some of the modalities "color" and "depth", the settings
            `data.depth_scale` and `data.depth_resize`.
        folder: the folder.

    Returns:
        `cmvq_keras.data.listing.Listing`.

    Raises:
        FileNotFoundError: for a folder without scenes, and the first file that is not
            there.
        ValueError: for settings out of range.
    """
    folder = pathlib.Path(folder)
    names = sorted(
        path.stem.removeprefix(_CLASSES) for path in folder.glob(f"{_CLASSES}*.png")
    )
    if not names:
        raise FileNotFoundError(f"{folder} holds no {_CLASSES}NAME.png")
    reader = _Reader(recipe, folder)
    for name in names:
        for path in reader.paths(name).values():
            if not path.is_file():
                raise FileNotFoundError(f"{path} is not a file")
    return Listing(names=names, groups=(Group(names, reader),))


@dataclasses.dataclass(frozen=True)
class DepthReader:
    """Reads a depth map of 16 bits as a model's input.

    Args:
        scale: what 1 metre is in the file; above 0.
        how: how it is resized, see `depth.resize_depth`.
    """

    scale: float = 5000.0
    how: str = "nearest"

    def __post_init__(self):
        if not 0 < self.scale < math.inf:
            raise ValueError(
                f"data.depth_scale must be a number > 0. Received: {self.scale!r}"
            )

    def __call__(self, path, shape):
        """`(height, width, 1)` float32, metres.

        Raises:
            ValueError: in one line, with the path: for another kind of file, and for
                depths that no sensor of NYUv2 gives: the scale is another one.
        """
        stored = images.read_values(path, ("I;16", "I;16B", "I"))
        metres = stored.astype(np.float32) / np.float32(self.scale)
        try:
            depth.check_depth(metres)
        except ValueError as error:
            raise ValueError(
                f"{path}: {error}; data.depth_scale is {self.scale:g}"
            ) from None
        return depth.resize_depth(metres, shape[:2], self.how)


def read_classes(path, size, count):
    """A label map.

    Args:
        path: a picture of 8 bits: class indices, 255 where there is none.
        size: `(height, width)` in pixels.
        count: how many classes there are.

    Returns:
        Array of `size` int32, -1 where there is no class.

    Raises:
        ValueError: in one line, with the path: for another kind of file, and classes
            out of range.
    """
    stored = images.read_values(path, ("L", "P"))
    known = (stored < count) | (stored == _NO_CLASS)
    if not known.all():
        raise ValueError(
            f"{path} must hold classes 0 to {count - 1}, or {_NO_CLASS} for none. "
            f"Received: {stored[~known][0]}"
        )
    classes = np.where(stored == _NO_CLASS, VOID, stored.astype(np.int32))
    return depth.resize_nearest(classes, size)


@dataclasses.dataclass(frozen=True)
class _Reader:
    recipe: Recipe
    folder: pathlib.Path

    def __post_init__(self):
        self._depth_reader()  # so that wrong settings are reported at once

    def _depth_reader(self):
        data = self.recipe.data
        return DepthReader(data["depth_scale"], data["depth_resize"])

    def paths(self, name):
        prefixes = {"color": "", "depth": _DEPTH}
        wanted = {each: prefixes[each] for each in self.recipe.modalities}
        return {
            each: self.folder / f"{prefix}{name}.png"
            for each, prefix in {**wanted, LABELS: _CLASSES}.items()
        }

    def __call__(self, name):
        readers = {"color": images.read_image, "depth": self._depth_reader()}
        paths = self.paths(name)
        sizes = {images.size_of(path) for path in paths.values()}
        if len(sizes) > 1:
            text = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
            raise ValueError(f"{paths[LABELS]} and its pictures differ in size: {text}")
        found = {
            each: readers[each](paths[each], modality.shape)
            for each, modality in self.recipe.modalities.items()
        }
        size = depth.label_size(self.recipe)
        labels = read_classes(paths[LABELS], size, len(self.recipe.classes))
        return {**found, LABELS: labels}
