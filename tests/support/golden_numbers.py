"""The author's numbers (tests/golden) and what it takes to compare with them."""

import functools
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parents[1] / "golden"


@functools.cache
def load(name):
    """Returns golden/<name>.npz as a dict of arrays, read once."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def under(numbers, prefix):
    """Returns the entries below `prefix/`, without it."""
    start = f"{prefix}/"
    return {k[len(start) :]: v for k, v in numbers.items() if k.startswith(start)}


def to_channels_last(array):
    """(batch, channels, height, width) to (batch, height, width, channels)."""
    return np.ascontiguousarray(np.transpose(array, (0, 2, 3, 1)))


def to_channels_first(array):
    """(batch, height, width, channels) to (batch, channels, height, width)."""
    return np.ascontiguousarray(np.transpose(array, (0, 3, 1, 2)))


def deviation(actual, expected):
    """Returns max|actual - expected| / max|expected| over the whole array."""
    actual = np.asarray(actual, "float64")
    expected = np.asarray(expected, "float64")
    if actual.shape != expected.shape:
        raise ValueError(
            "Two arrays must have one shape to be compared. Received: "
            f"{actual.shape} and {expected.shape}"
        )
    return np.max(np.abs(actual - expected)) / np.max(np.abs(expected))


def biased_variance(before, after, count, momentum=0.1):
    """Turns a moving variance that PyTorch updated once into what Keras stores.

    PyTorch feeds the unbiased batch variance to the moving average, Keras the biased
    one, which is (count - 1) / count of it.

    Args:
        before: moving variance before the training call.
        after: PyTorch's moving variance after it.
        count: values a channel in the batch.
        momentum: PyTorch's, the share of the new batch.
    """
    before, after = np.asarray(before, "float64"), np.asarray(after, "float64")
    unbiased = (after - (1 - momentum) * before) / momentum
    return (1 - momentum) * before + momentum * unbiased * (count - 1) / count


def crema_d_shapes():
    """Returns {name: shape} of the author's CREMA-D model, 201 names in order."""
    numbers = load("crema_d_model")
    return {
        str(key): tuple(
            int(size) for size in str(shape).strip("(),").split(",") if size
        )
        for key, shape in zip(numbers["keys"], numbers["shapes"], strict=True)
    }


def draw_crema_d_state():
    """Draws the weights that the numbers in crema_d_model.npz were computed from.

    Returns:
        {name: float32 array}, the author's names and PyTorch's layout.
    """
    seed = int(load("crema_d_model")["seed"])
    state = {}
    for position, (name, shape) in enumerate(crema_d_shapes().items()):
        draw = np.random.default_rng([seed, position]).standard_normal(shape)
        state[name] = _scaled(name, draw).astype("float32")
    return state


def _scaled(name, draw):
    if name.endswith("running_mean"):
        return 0.1 * draw
    if name.endswith("running_var"):
        return 1 + 0.2 * np.abs(draw)
    if name.endswith("_ema_cluster_size"):
        return 5 + np.abs(draw)
    if name.endswith("_ema_w"):
        return 5 * draw
    if name.endswith("_embedding.weight"):
        return draw
    if name.endswith("private_shared_mask"):
        return 0.005 + 0.004 * draw
    if draw.ndim >= 2:
        return draw / np.sqrt(np.prod(draw.shape[1:]))
    if name.endswith("weight"):
        return 1 + 0.1 * draw
    return 0.1 * draw


def draw_crema_d_inputs():
    """Draws the eight samples of crema_d_model.npz.

    Returns:
        `({"image": (8, 128, 128, 3), "audio": (8, 256, 256, 1)}, labels (8,))`,
        channels last, float32 and int64.
    """
    seed = int(load("crema_d_model")["seed"])
    rng = np.random.default_rng([seed, 1_000_000])
    image = rng.random((8, 3, 128, 128)).astype("float32")
    audio = rng.standard_normal((8, 1, 256, 256)).astype("float32")
    labels = rng.integers(0, 6, 8)
    inputs = {"image": to_channels_last(image), "audio": to_channels_last(audio)}
    return inputs, labels
