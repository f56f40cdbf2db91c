"""Tracks of joints as a network sees them: of one person's size, of one length."""

import numpy as np


def normalize_to_person(track):
    """A track in the person's own coordinates.

    The origin is the mean of all visible joints of the whole track. The unit, one for
    x and y, is such that the coordinates' mean square is 1. So neither the person's
    size nor place is left, but how the person moves across the picture is.

    Args:
        track: `(frames, joints, 3)`: x and y in pixels, visible 0 or 1.

    Returns:
        `track`'s shape, float32; joints that are not visible are all zeros.
    """
    visible = track[..., 2] > 0
    places = np.asarray(track[..., :2], np.float64)
    if not visible.any():
        return np.zeros(track.shape, np.float32)
    places = places - places[visible].mean(axis=0)
    extent = np.sqrt(np.mean(places[visible] ** 2))
    # A single visible joint has no extent and stays in the origin.
    places /= extent if extent > 0 else 1.0
    normalized = np.concatenate([places, np.ones((*visible.shape, 1))], axis=-1)
    return (normalized * visible[..., None]).astype(np.float32)


def fit_steps(track, steps):
    """A track of exactly `steps` frames.

    Args:
        track: `(frames, joints, features)`.
        steps: length of the result. A longer track gives frames that are spread
            evenly from its first to its last; behind a shorter one come zeros.

    Returns:
        `(steps, joints, features)` of the same dtype.
    """
    if len(track) > steps:
        return track[np.rint(np.linspace(0, len(track) - 1, steps)).astype(int)]
    return np.pad(track, ((0, steps - len(track)), (0, 0), (0, 0)))
