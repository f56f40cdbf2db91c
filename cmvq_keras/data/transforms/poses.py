"""Tracks of joints as a network sees them: of one person's size, of one length."""

import numpy as np

from cmvq_keras import validation

SHORT = ("stretch", "pad")  # what becomes of a track with too few frames


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


def fit_steps(track, steps, short="stretch"):
    """A track of exactly `steps` frames.

    A longer track gives frames that are spread evenly from its first to its last.

    Args:
        track: `(frames, joints, 3)`: x, y, visible 0 or 1; joints that are not
            visible are all zeros.
        steps: length of the result.
        short: what becomes of a shorter track. "stretch" spreads its frames evenly
            from the first step to the last, with straight lines between them; then
            all tracks begin and end alike, but how fast a person moves is lost. "pad"
            puts zeros behind it.

    Returns:
        `(steps, joints, 3)` of the same dtype.

    Raises:
        ValueError: for another word in `short`.
    """
    validation.one_of(short, SHORT, "way to fit a short track")
    if len(track) >= steps:
        return track[np.rint(np.linspace(0, len(track) - 1, steps)).astype(int)]
    if short == "pad":
        return np.pad(track, ((0, steps - len(track)), (0, 0), (0, 0)))
    return _stretch(track, steps)


def mirror(tracks, other_side):
    """Tracks of joints mirrored left to right.

    Args:
        tracks: `(n, steps, joints, 3)`: x, y, visible; x has its origin in the person.
        other_side: for each joint the position of its counterpart on the body's other
            side, its own for a joint in the middle.

    Returns:
        `tracks`'s shape and dtype.
    """
    return tracks[:, :, list(other_side)] * np.array([-1, 1, 1], tracks.dtype)


def _stretch(track, steps):
    place = np.linspace(0, len(track) - 1, steps)
    before = place.astype(int)
    after = np.minimum(before + 1, len(track) - 1)
    share = (place - before)[:, None, None]
    mixed = (1 - share) * track[before] + share * track[after]
    visible = mixed[..., 2:]
    # Of two frames of which one shows the joint, the nearer one says whether it is
    # visible, and the one that shows it where it is: the other's zeros are no place.
    places = mixed[..., :2] / np.maximum(visible, 0.5)
    whole = np.concatenate([places, np.ones_like(visible)], axis=-1)
    return np.where(visible >= 0.5, whole, 0).astype(track.dtype)
