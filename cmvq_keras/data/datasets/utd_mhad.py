"""UTD-MHAD: 27 actions of 8 persons, a skeleton and an inertial sensor at once.

`utd_mhad/Skeleton/a{1-27}_s{1-8}_t{1-4}_skeleton.mat` hold `d_skel`, 20 joints x 3
coordinates x frames, in metres, 30 a second. `utd_mhad/Inertial/..._inertial.mat` hold
`d_iner`, readings x 6, 50 a second: acceleration in g, angular rate in degrees a
second. 861 recordings: three of 27 x 8 x 4 were never published.

Reference: Chen, Jafari and Kehtarnavaz, UTD-MHAD, ICIP 2015.
"""

import dataclasses
import re

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.formats import mat5
from cmvq_keras.data.listing import Group, Listing
from cmvq_keras.data.transforms.stretching import stretch

SUBJECTS = tuple(range(1, 9))
SPLITTINGS = ("cross-subject", "leave-one-subject-out")
JOINTS, SPINE = 20, 2
GYROSCOPE = 120.0  # degrees a second: the unit of the angular rates
_OF_TRAINING, _OF_TEST = (1, 3, 5, 7), (2, 4, 6, 8)  # "cross-subject"
_MAX_BYTES = 10_000_000
_NAME = re.compile(r"a(\d{1,2})_s([1-8])_t([1-4])_skeleton\.mat")


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """Reads a skeleton file: the joints' places relative to where the spine begins.

    Args:
        shape: `(steps, 60)`: x, y, z of each joint in turn.
    """

    shape: tuple

    def __call__(self, path):
        values = _read(path, "d_skel", (JOINTS, 3, None)).transpose(2, 0, 1)
        places = values - values[:1, SPINE : SPINE + 1]
        return {"skeleton": stretch(places.reshape(len(places), -1), self.shape[0])}


@dataclasses.dataclass(frozen=True)
class Inertial:
    """Reads an inertial file: acceleration in g, angular rate in 120 degrees a second.

    Args:
        shape: `(steps, 6)`.
    """

    shape: tuple

    def __call__(self, path):
        values = _read(path, "d_iner", (None, 6))
        units = np.array([1, 1, 1, GYROSCOPE, GYROSCOPE, GYROSCOPE])
        return {"inertial": stretch(values / units, self.shape[0])}


READERS = {"skeleton": (Skeleton, "Skeleton"), "inertial": (Inertial, "Inertial")}


def open_split(recipe, split, data_dir=None):
    """One split of UTD-MHAD, in an order by `data.seed`.

    Args:
        recipe: a `Recipe` with some of the modalities "skeleton" and "inertial", and
            the settings `data.split`, `data.validation_subject`, `data.subject` and
            `data.seed`. Under "cross-subject" subjects 1, 3, 5 and 7 train, but for the
            one that validates, and 2, 4, 6 and 8 test. Under "leave-one-subject-out"
            `data.subject` tests, the next one validates and the other six train.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.datasets.sources.data_root`.

    Returns:
        `cmvq_keras.data.listing.Listing`, with the attribute "subject".

    Raises:
        FileNotFoundError: without the folder of a modality, or one file of a pair.
        ValueError: for settings out of range, and a folder without recordings.
    """
    for name in recipe.modalities:
        validation.one_of(name, READERS, "modality")
    subjects = _subjects(recipe.data, split)
    folder = sources.find("utd_mhad", "Skeleton", data_dir)
    names = [_NAME.fullmatch(path.name) for path in sorted(folder.iterdir())]
    found = [
        (int(name[1]) - 1, int(name[2]), name[0].removesuffix("_skeleton.mat"))
        for name in names
        if name and int(name[2]) in subjects and 1 <= int(name[1]) <= 27
    ]
    if not found:
        raise ValueError(
            f"{folder} has no recordings of subjects {', '.join(map(str, subjects))} "
            "named like a1_s1_t1_skeleton.mat."
        )
    order = np.random.default_rng(recipe.data["seed"]).permutation(len(found))
    labels, persons, stems = zip(*(found[row] for row in order), strict=True)
    return Listing(
        names=[f"utd_mhad/{stem}" for stem in stems],
        groups=tuple(
            _group(name, modality, stems, data_dir)
            for name, modality in recipe.modalities.items()
        ),
        labels=np.array(labels),
        attributes={"subject": [str(person) for person in persons]},
        disjoint=("subject",),
    )


def _subjects(data, split):
    validation.one_of(data["split"], SPLITTINGS, "data.split")
    if data["split"] == "cross-subject":
        held = data["validation_subject"]
        if held not in _OF_TRAINING:
            raise ValueError(
                "data.validation_subject must be 1, 3, 5 or 7, which do not test. "
                f"Received: {held!r}"
            )
        rest = tuple(each for each in _OF_TRAINING if each != held)
        return {"train": rest, "validation": (held,), "test": _OF_TEST}[split]
    chosen = data["subject"]
    if chosen not in SUBJECTS:
        raise ValueError(f"data.subject must be in 1 to 8. Received: {chosen!r}")
    held = {"test": (chosen,), "validation": (chosen % len(SUBJECTS) + 1,)}
    rest = set(SUBJECTS) - {*held["test"], *held["validation"]}
    return held.get(split, tuple(sorted(rest)))


def _group(name, modality, stems, data_dir):
    reader, part = READERS[name]
    folder = sources.find("utd_mhad", part, data_dir)
    paths = [folder / f"{stem}_{name}.mat" for stem in stems]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: each recording needs a file of every modality."
            )
    return Group(paths, reader(modality.shape), costly=False)


def _read(path, name, shape):
    values = mat5.read(path, (name,), _MAX_BYTES)[name]
    fits = np.ndim(values) == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, values.shape, strict=True)
    )
    if not fits or values.dtype.kind not in "uif" or 0 in values.shape:
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(
            f"{path}: {name} must be {wanted} numbers. Received: {np.shape(values)}"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: {name} holds values that are not finite.")
    return values


def turned(batch, draws):
    """Skeletons turned about the vertical axis; then as `augmentation.sequence`."""
    from cmvq_keras.data.transforms import augmentation

    changed = augmentation.sequence(batch, draws)
    places = changed.reshape(*batch.shape[:2], JOINTS, 3)
    angle = draws.uniform(-0.3, 0.3, 1, 1)
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    turned = np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)
    return turned.reshape(batch.shape).astype(batch.dtype)
