"""Penn Action in its official format, tiny."""

import numpy as np
import scipy.io
from PIL import Image

from cmvq_keras import recipes

FRAMES = 3
CLASSES = recipes.get("penn-action").classes


def label_fields(number, **changes):
    """A label file's content; every third sequence of a class is for the test."""
    step, joint = np.indices((FRAMES, 13))
    fields = {
        "action": CLASSES[(number - 1) % 15],
        "x": (10 * step + joint).astype(np.uint16),
        "y": (2.0 * joint),
        "visibility": np.ones((FRAMES, 13), np.uint8),
        "train": 1 if (number - 1) // 15 % 3 else -1,
        "nframes": FRAMES,
    }
    return {
        key: value for key, value in (fields | changes).items() if value is not None
    }


def write_label(root, number, **changes):
    """`penn_action/labels/0001.mat`, some fields changed; None leaves one out."""
    path = root / "penn_action" / "labels" / f"{number:04}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, label_fields(number, **changes), do_compression=True)
    return path


def write_penn_action(root, count=45):
    """Label files and frames of the first sequences."""
    for number in range(1, count + 1):
        write_label(root, number)
        folder = root / "penn_action" / "frames" / f"{number:04}"
        folder.mkdir(parents=True)
        for frame in range(1, FRAMES + 1):
            gray = Image.new("RGB", (20, 16), (frame,) * 3)
            gray.save(folder / f"{frame:06}.jpg")
