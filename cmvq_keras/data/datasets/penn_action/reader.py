"""Penn Action: `penn_action/labels/0001.mat` and `penn_action/frames/0001/000001.jpg`
to 2326, numbered from 1 as in the official archive."""

import dataclasses
from collections.abc import Callable

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.pairing import hold_out
from cmvq_keras.data.datasets.penn_action.labels import JOINTS, read_sequence
from cmvq_keras.data.datasets.unused import unused
from cmvq_keras.data.formats import images
from cmvq_keras.data.listing import Group, Listing
from cmvq_keras.data.transforms import augmentation, poses

# Joints: head, then left and right shoulder, elbow, wrist, hip, knee, ankle.
_HEAD, _TRUNK = ((0, 1), (0, 2)), ((1, 2), (1, 7), (2, 8), (7, 8))
_ARMS, _LEGS = ((1, 3), (3, 5), (2, 4), (4, 6)), ((7, 9), (9, 11), (8, 10), (10, 12))
LIMBS = _HEAD + _TRUNK + _ARMS + _LEGS
_OTHER_SIDE = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11)


@dataclasses.dataclass(frozen=True)
class _Source:
    """All sequences: number i is in row i - 1."""

    sequences: list
    labels: np.ndarray
    find_frame: Callable
    skipped: tuple


def open_split(recipe, split, data_dir=None):
    """One split of Penn Action, in an order by `data.seed`.

    The parts are the official ones (the field `train` of the label files): 1,068
    sequences are the test split; of the 1,258 others `data.validation_share` of every
    class, drawn by `data.seed`, are the validation split.

    Args:
        recipe: a `Recipe` with some of the modalities "image" and "pose" (its shape as
            in `read_pose`), the settings `data.seed`, `data.validation_share`,
            `data.sequences` and `data.short_sequences` (see `poses.fit_steps`). Frames
            are only looked for when "image" is among them.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.datasets.sources.data_root`.

    Returns:
        `cmvq_keras.data.listing.Listing`. Of n frames, numbered from 1, "image" is
        number (n + 1) // 2, resized as a whole.

    Raises:
        FileNotFoundError: for the first sequence without its file, with its name.
        ValueError: for settings out of range and damaged files, with their names.
    """
    groups = {"image": _frames, "pose": _poses}
    for name in recipe.modalities:
        validation.one_of(name, groups, "modality")
    source = _open(recipe, data_dir)
    rows = _members(source, split, recipe.data)
    return Listing(
        names=[f"penn_action/{row + 1:04}" for row in rows],
        groups=tuple(
            groups[name](source, rows, modality.shape, recipe.data)
            for name, modality in recipe.modalities.items()
        ),
        labels=source.labels[rows],
        skipped=source.skipped if split == "train" else (),
    )


def read_pose(path, shape, short):
    """The poses of one label file, as a model's input.

    Args:
        path: the `.mat` file.
        shape: `(steps, 13, 3)`, or `(steps, 39)` for a sequence.
        short: what becomes of a short sequence, see `poses.fit_steps`.

    Returns:
        `shape` float32: x, y, visible; see `poses.normalize_to_person`.

    Raises:
        ValueError: for a file that is no label file of Penn Action.
    """
    return _Pose(shape, short)(read_sequence(path, None))["pose"]


def mirror_poses(tracks):
    """Poses `(n, steps, 13, 3)` mirrored left to right; see `poses.mirror`."""
    return poses.mirror(tracks, _OTHER_SIDE)


def mirror_sequences(batch):
    """Poses as sequences `(n, steps, 39)`, mirrored as by `mirror_poses`."""
    return mirror_poses(_as_tracks(batch)).reshape(batch.shape)


def changed_sequences(batch, draws):
    """Poses as sequences `(n, steps, 39)`, changed as by `augmentation.pose`."""
    return augmentation.pose(_as_tracks(batch), draws).reshape(batch.shape)


def _as_tracks(batch):
    return batch.reshape(*batch.shape[:2], JOINTS, 3)


def _frames(source, rows, shape, _):
    return Group([source.find_frame(row) for row in rows], _Frame(shape))


def _poses(source, rows, shape, data):
    validation.one_of(data["short_sequences"], poses.SHORT, "data.short_sequences")
    items = [source.sequences[row] for row in rows]
    return Group(items, _Pose(shape, data["short_sequences"]), costly=False)


@dataclasses.dataclass(frozen=True)
class _Frame:
    shape: tuple

    def __call__(self, path):
        return {"image": images.read_image(path, self.shape)}


@dataclasses.dataclass(frozen=True)
class _Pose:
    shape: tuple
    short: str

    def __call__(self, sequence):
        track = poses.normalize_to_person(sequence.track)
        steps = poses.fit_steps(track, self.shape[0], self.short)
        return {"pose": steps.reshape(self.shape)}


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

    reason = f"it is none of the first {count} sequences (data.sequences)"
    skipped = unused(find("labels"), [f"{name}.mat" for name in names], reason)
    frames = sources.data_root(data_dir) / "penn_action" / "frames"
    if "image" in recipe.modalities and frames.is_dir():
        skipped += unused(frames, names, reason)
    return _Source(sequences, np.array(labels), find_frame, skipped)


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
