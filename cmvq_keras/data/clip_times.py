"""When the parts of a clip's pictures and sound start, and whether any are missing."""

import numpy as np

MOST_AWAY = 0.3  # of a clip's time without a new picture, or without sound


def starts(packets):
    """Seconds at which each of a stream's packets starts, `(n,)`."""
    times = [
        (packet.pts if packet.pts is not None else packet.dts) or 0
        for packet in packets
    ]
    bases = [packet.time_base for packet in packets]
    return np.array([float(t * base) for t, base in zip(times, bases, strict=True)])


def check_gaps(own, others, what):
    """Refuses a stream that is away for much of the clip's time.

    It would be stretched over the whole: a spectrogram by its reflections, a picture
    taken for the middle one that is not.

    Args:
        own: `(n,)` seconds at which the stream's parts start.
        others: sequence of the same of the clip's other streams.
        what: the stream, for the message.

    Raises:
        ValueError: for a gap within, before or behind it.
    """
    every = np.concatenate([own, *others])
    first, last = every.min(), every.max()
    gap = np.diff(np.sort(own), prepend=first, append=last).max()
    if gap > MOST_AWAY * (last - first):
        raise ValueError(
            f"it has no {what} for {gap:.2f} of {last - first:.2f} seconds"
        )
