"""Penn Action: `penn_action/labels/0001.mat` and `penn_action/frames/0001/000001.jpg`
to 2326, numbered from 1 as in the official archive."""

import dataclasses
from collections.abc import Callable

import numpy as np

from cmvq_keras.data import checks, images, poses, sources
from cmvq_keras.data.pairing import hold_out
from cmvq_keras.data.penn_action_labels import read_sequence
from cmvq_keras.data.split import SPLITS, Split, normalize


@dataclasses.dataclass(frozen=True)
class _Source:
    """All sequences: number i is in row i - 1."""

    sequences: list
    labels: np.ndarray
    find_frame: Callable


def load(recipe, split, data_dir=None, limit=None):
    """One split of Penn Action, in an order by `data.seed`.

    The parts are the official ones (the field `train` of the label files): 1,068
    sequences are the test split; of the 1,258 others `data.validation_share` of every
    class, drawn by `data.seed`, are the validation split.

    Args:
        recipe: a `Recipe` with some of the modalities "image" and "pose", the settings
            `data.seed`, `data.validation_share` and `data.sequences`. Frames are only
            looked for when "image" is among them.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.sources.data_root`.
        limit: only this many samples, the first in the seeded order; None for all.

    Returns:
        `cmvq_keras.data.split.Split`.

    Raises:
        FileNotFoundError: for the first sequence without its file, with its name.
        ValueError: for settings out of range and damaged files, with their names.
    """
    checks.one_of(split, SPLITS, "split")
    checks.check_limit(limit)
    checks.check_data_settings(recipe.data)
    readers = {"image": _frames, "pose": _poses}
    for name in recipe.modalities:
        checks.one_of(name, readers, "modality")
    source = _open(recipe, data_dir)
    rows = _members(source, split, recipe.data)[:limit]
    x = {
        name: normalize(readers[name](source, rows, modality.shape), modality)
        for name, modality in recipe.modalities.items()
    }
    samples = np.array([f"penn_action/{row + 1:04}" for row in rows])
    return Split(x, source.labels[rows].astype(np.int32), samples)


def read_pose(path, shape):
    """The poses of one label file, as a model's input.

    Args:
        path: the `.mat` file.
        shape: `(steps, 13, 3)`.

    Returns:
        `shape` float32: x, y, visible; see `poses.normalize_to_person`.

    Raises:
        ValueError: for a file that is no label file of Penn Action.
    """
    return _pose(read_sequence(path, None), shape)


def _frames(source, rows, shape):
    """`(len(rows), height, width, 3)` float32 in [0, 1]: the sequences' middle frames.

    Of n frames, numbered from 1, that is number (n + 1) // 2, resized as a whole.
    """
    frames = np.empty((len(rows), *shape), np.float32)
    for target, row in zip(frames, rows, strict=True):
        target[:] = images.read_image(source.find_frame(row), shape)
    return frames


def _poses(source, rows, shape):
    return np.stack([_pose(source.sequences[row], shape) for row in rows])


def _pose(sequence, shape):
    return poses.fit_steps(poses.normalize_to_person(sequence.track), shape[0])


def _open(recipe, data_dir):
    count = recipe.data["sequences"]
    if not (isinstance(count, int) and 1 <= count <= 9999):
        raise ValueError(f"data.sequences must be in 1 to 9999. Received: {count!r}")

    def find(path):
        return sources.find("penn_action", path, data_dir)

    names = [f"{number:04}" for number in range(1, count + 1)]
    sequences = [
        read_sequence(find(f"labels/{name}.mat"), recipe.classes) for name in names
    ]
    labels = [recipe.classes.index(sequence.action) for sequence in sequences]

    def find_frame(row):
        middle = (len(sequences[row].track) + 1) // 2
        return find(f"frames/{names[row]}/{middle:06}.jpg")

    return _Source(sequences, np.array(labels), find_frame)


def _members(source, split, data):
    """Rows of a split's sequences, in the seeded order."""
    is_train = np.array([sequence.is_train for sequence in source.sequences])
    rows = np.flatnonzero(is_train == (split != "test"))
    if split != "test" and len(rows):
        generator = np.random.default_rng(data["seed"])
        kept, held = hold_out(source.labels[rows], data["validation_share"], generator)
        rows = rows[kept if split == "train" else held]
    if not len(rows):
        raise ValueError(
            f"The first {data['sequences']} sequences of Penn Action (data.sequences) "
            f"leave none for the {split} split."
        )
    return np.random.default_rng(data["seed"]).permutation(rows)
