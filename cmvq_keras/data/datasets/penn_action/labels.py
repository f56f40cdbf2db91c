"""Penn Action's label files `penn_action/labels/0001.mat`: MATLAB 5, one a sequence."""

import dataclasses

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.formats import matlab

JOINTS = 13
MAX_BYTES = 1_000_000  # the largest official file has 24,157
MAX_PIXELS = 1_000_000  # of a coordinate; official pictures stay within 640
_TRACK, _SINGLE = ("x", "y", "visibility"), ("train", "nframes")
# bbox, dimensions and pose (the viewpoint) are not read: in two official files bbox
# is a row short.
_FIELDS = ("action", *_TRACK, *_SINGLE)


@dataclasses.dataclass(frozen=True)
class Sequence:
    """What one label file says.

    Args:
        action: the class name, as in the file.
        is_train: whether it is in the official train part.
        track: `(frames, 13, 3)` float64: x and y in pixels, visible 0 or 1.
    """

    action: str
    is_train: bool
    track: np.ndarray


def read_sequence(path, classes):
    """Reads one label file.

    Args:
        path: the `.mat` file.
        classes: the known names of actions; None for any.

    Returns:
        A `Sequence`.

    Raises:
        ValueError: in one line, with the path: for an empty, cut or foreign file,
            and for fields that are not as in the official files.
        OSError: if it is not there or may not be read.
    """
    content = matlab.read(path, _FIELDS, MAX_BYTES)
    try:
        return _sequence(content, classes)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a readable label file of Penn Action: {error}"
        ) from None


def _sequence(content, classes):
    _check_shapes(content)
    action = content["action"]
    if classes is not None:
        validation.one_of(action, classes, "action")
    # Some files hold unsigned integers, whose differences would wrap around.
    x, y, visible = (content[name].astype(np.float64) for name in _TRACK)
    for name, values in (("x", x), ("y", y)):
        # A NaN is not below it either.
        if not (np.abs(values) < MAX_PIXELS).all():
            raise ValueError(
                f"{name} must be finite and below {MAX_PIXELS:,} pixels. Received: "
                f"{np.abs(values).max():g}"
            )
    if not np.isin(visible, (0, 1)).all():
        raise ValueError(
            "visibility must hold 0 and 1 only. Received: "
            f"{visible.min():g} to {visible.max():g}"
        )
    part, frames = content["train"].item(), content["nframes"].item()
    if part not in (1, -1):
        raise ValueError(f"train must be 1 or -1. Received: {part}")
    if frames != len(x):
        raise ValueError(f"nframes is {frames}, but x has {len(x)} frames")
    return Sequence(action, part == 1, np.stack([x, y, visible], axis=-1))


def _check_shapes(content):
    """Raises ValueError for a field of another type or shape than the official ones."""
    if not isinstance(content["action"], str):
        kind = type(content["action"]).__name__
        raise ValueError(f"action must be a text. Received: {kind}")
    frames = len(content["x"]) if np.ndim(content["x"]) else 0
    if not frames:
        raise ValueError("x has no frames")
    shapes = dict.fromkeys(_TRACK, (frames, JOINTS)) | dict.fromkeys(_SINGLE, (1, 1))
    for name, shape in shapes.items():
        values = np.asarray(content[name])
        if values.dtype.kind not in "uif" or values.shape != shape:
            raise ValueError(
                f"{name} must be {shape} numbers. Received: {values.shape} "
                f"{values.dtype}"
            )
