"""NYU Depth V2: the folder `nyuv2` with `nyu_depth_v2_labeled.mat`, `splits.mat` and
`classMapping40.mat`."""

import dataclasses
import pathlib

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.nyuv2 import lists, mat_file
from cmvq_keras.data.datasets.unused import unused
from cmvq_keras.data.formats import images
from cmvq_keras.data.listing import LABELS, Group, Listing
from cmvq_keras.data.transforms import depth

_STORED = {"color": "images", "depth": "depths"}


def open_split(recipe, split, data_dir=None):
    """One split of NYUv2, in an order by `data.seed`.

    The parts are the official ones: 654 pictures are the test split; of the 795
    others `data.validation_share`, drawn by `data.seed`, are the validation split.
    They are drawn picture by picture, so a room may be in both: its numbers are
    somewhat better than those of the test split, whose rooms are its own.

    Args:
        recipe: a `Recipe` with some of the modalities "color" and "depth", the settings
            `data.seed`, `data.validation_share` and `data.depth_resize`.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.datasets.sources.data_root`.

    Returns:
        `cmvq_keras.data.listing.Listing`. Pictures are resized as a whole: color
        bilinear, depth (metres, 0 where there is none) by `data.depth_resize`, labels
        by nearest neighbour.

    Raises:
        FileNotFoundError: for a missing file, with how to get it.
        ValueError: for settings out of range and damaged files, with their names.
    """
    for name in recipe.modalities:
        validation.one_of(name, _STORED, "modality")
    depth_resize = recipe.data["depth_resize"]
    validation.one_of(depth_resize, depth.DEPTH_RESIZE, "data.depth_resize")
    path, splits, mapping = (
        sources.find("nyuv2", name, data_dir) for name in sources.get("nyuv2").files
    )
    classes = lists.read_class_map(mapping, recipe.classes)
    parts = lists.read_splits(splits, mat_file.count_pictures(path))
    rows = _members(*parts, split, recipe.data)  # pyright: ignore
    read = _Scene(
        path,
        {name: modality.shape for name, modality in recipe.modalities.items()},
        depth.label_size(recipe),
        classes,
        depth_resize,
    )
    # Units in the file's order, whatever the samples': a disk reads ahead.
    items = sorted(rows.tolist())
    return Listing(
        names=[f"nyuv2/{row + 1:04}" for row in rows],
        groups=(Group(items, read, units=np.searchsorted(items, rows)),),
        skipped=_skipped(path.parent) if split == "train" else (),
    )


def _skipped(folder):
    files = sources.get("nyuv2").files
    return unused(folder, (*files, "samples"), "only the official three are read")


@dataclasses.dataclass(frozen=True, eq=False)
class _Scene:
    """Reads one picture: its modalities, and its classes."""

    path: pathlib.Path
    shapes: dict
    label_size: tuple
    classes: np.ndarray
    depth_resize: str

    def __call__(self, row):
        names = [_STORED[name] for name in self.shapes]
        stored = mat_file.read_picture(self.path, row, [*names, LABELS])
        try:
            found = {
                name: self._resized(stored[_STORED[name]], shape[:2])
                for name, shape in self.shapes.items()
            }
            return {**found, LABELS: self._labels(stored[LABELS])}
        except ValueError as error:
            raise ValueError(f"{self.path}, picture {row + 1}: {error}") from None

    def _resized(self, values, size):
        if values.ndim == 3:
            return images.resize(np.ascontiguousarray(values), size)
        depth.check_depth(values)
        return depth.resize_depth(values, size, self.depth_resize)

    def _labels(self, labels):
        if labels.max() >= len(self.classes):
            raise ValueError(
                f"labels must be in 0 to {len(self.classes) - 1}. Received: "
                f"{labels.max()}"
            )
        return depth.resize_nearest(self.classes[labels], self.label_size)


def _members(train, test, split, data):
    """Rows of a split's pictures, in the seeded order."""
    generator = np.random.default_rng(data["seed"])
    if split == "test":
        rows = generator.permutation(test)
    else:
        shuffled = generator.permutation(train)
        held = max(round(data["validation_share"] * len(train)), 1)
        rows = shuffled[:held] if split == "validation" else shuffled[held:]
    if not len(rows):
        raise ValueError(f"splits.mat of NYUv2 leaves no picture for the {split} split")
    return rows
