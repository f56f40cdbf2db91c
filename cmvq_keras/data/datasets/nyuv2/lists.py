"""NYUv2's small MATLAB 5 files: the official split, and the map to 40 classes."""

import numpy as np

from cmvq_keras.data.formats import mat5

MAX_BYTES = 1_000_000  # the official files have 2,626 and 10,474
LABELS = 894  # of the labelled file, beside 0 for unlabelled
VOID = -1  # the class of pixels that count neither in the loss nor in the score


def read_splits(path, pictures):
    """The official parts: 795 pictures to train with, 654 to test.

    Args:
        path: `splits.mat`.
        pictures: how many pictures there are; each has to be in one part.

    Returns:
        `(train, test)`, sorted integer arrays of rows from 0.

    Raises:
        ValueError: in one line, with the path: for a file that is no MATLAB 5 file,
            and for numbers that are missing, out of range or there twice.
        OSError: if it is not there or may not be read.
    """
    names = ("trainNdxs", "testNdxs")
    return _parse_file(path, lambda content: _parts(content, names, pictures), names)


def read_class_map(path, classes):
    """The class of every label of the labelled file.

    Args:
        path: `classMapping40.mat`.
        classes: the names that its `className` has to hold, in order.

    Returns:
        `(895,)` int32: indices into `classes`, -1 for label 0.

    Raises:
        ValueError: in one line, with the path: for a file that is no MATLAB 5 file,
            for other names, and for classes out of range.
        OSError: if it is not there or may not be read.
    """
    names = ("mapClass", "className")
    return _parse_file(path, lambda content: _class_map(content, classes), names)


def _parse_file(path, parse, names):
    content = mat5.read(path, names, MAX_BYTES)
    try:
        return parse(content)
    except ValueError as error:
        raise ValueError(f"{path} is not a list of NYUv2: {error}") from None


def _parts(content, names, pictures):
    numbers = [_whole_numbers(content[name], name) for name in names]
    every = np.concatenate(numbers)
    if len(every) and (every.min() < 1 or every.max() > pictures):
        raise ValueError(
            f"its numbers must be in 1 to {pictures}. Received: {every.min()} to "
            f"{every.max()}"
        )
    counts = np.bincount(every, minlength=pictures + 1)[1:]
    for wrong, text in ((counts > 1, "is there twice"), (counts < 1, "is in no part")):
        if wrong.any():
            raise ValueError(f"picture {np.argmax(wrong) + 1} {text}")
    return tuple(np.sort(part) - 1 for part in numbers)


def _class_map(content, classes):
    if content["className"] != tuple(classes):
        found = content["className"]
        raise ValueError(
            f"className must hold {len(classes)} names: {classes[0]}, ... Received: "
            f"{len(found)} that are others"
        )
    numbers = _whole_numbers(content["mapClass"], "mapClass")
    if len(numbers) != LABELS:
        raise ValueError(
            f"mapClass must hold {LABELS} numbers. Received: {len(numbers)}"
        )
    if numbers.min() < 1 or numbers.max() > len(classes):
        raise ValueError(
            f"mapClass must hold 1 to {len(classes)}. Received: {numbers.min()} to "
            f"{numbers.max()}"
        )
    return np.concatenate([[VOID], numbers - 1]).astype(np.int32)


def _whole_numbers(values, name):
    """One row or one column as int64."""
    values = np.asarray(values)
    if values.dtype.kind not in "uif" or values.ndim != 2 or 1 not in values.shape:
        raise ValueError(
            f"{name} must be one row or column of numbers. Received: {values.shape} "
            f"{values.dtype}"
        )
    values = values.ravel()
    # NaN and what an int64 cannot hold are none either.
    wide = values.astype(np.float64)
    good = (np.abs(wide) < 2**31) & (wide == np.floor(wide))
    if not good.all():
        wrong = values[np.argmin(good)]
        raise ValueError(f"{name} must hold whole numbers. Received: {wrong:g}")
    whole = values.astype(np.int64)
    return whole
