"""Decoded sound of PyAV as arrays."""

import numpy as np

MAX_CHANNELS = 8
SAMPLE_RATES = (4000, 200_000)  # Hz; others are damage
LEAST_LEFT = 1e-3  # of the loudest channel, in the channels' mean
LOUDEST = 100.0  # full scale is 1: beyond is damage
_WHOLE_SCALES = {"u1": 2**7, "i2": 2**15, "i4": 2**31}


def samples(frame, rate):
    """The samples of one frame.

    Args:
        frame: `av.AudioFrame`.
        rate: Hz that it has to have.

    Returns:
        `(channels, samples)` float32 in about [-1, 1].

    Raises:
        ValueError: for too many channels, and for a rate out of range or another one.
    """
    channels = frame.layout.nb_channels
    low, high = SAMPLE_RATES
    if not (1 <= channels <= MAX_CHANNELS and low <= rate <= high):
        raise ValueError(
            f"its sound must have up to {MAX_CHANNELS} channels at {low:,} to "
            f"{high:,} Hz. Received: {channels} at {rate:,} Hz"
        )
    if frame.sample_rate != rate:
        raise ValueError("its sound changes its rate")
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, channels).T
    kind = values.dtype.str[1:]
    if kind in _WHOLE_SCALES:
        middle = 128.0 if kind == "u1" else 0.0
        values = (values - np.float32(middle)) / np.float32(_WHOLE_SCALES[kind])
    return values.astype(np.float32)


def joined(blocks):
    """Blocks of `samples` one after the other.

    Raises:
        ValueError: for no blocks, another number of channels in one of them, and for
            values that no sound has.
    """
    if len({len(block) for block in blocks}) != 1:
        raise ValueError("its sound is empty or changes its channels")
    signal = np.concatenate(blocks, axis=1)
    # A NaN is not below it either.
    if not (np.abs(signal) < LOUDEST).all():
        raise ValueError("its sound is damaged: it holds impossible values")
    return signal


def mean_of_channels(signal):
    """The mean of the channels, `(samples,)`.

    Args:
        signal: `(channels, samples)`.

    Raises:
        ValueError: for channels that cancel each other, but for rounding.
    """
    mean = signal.mean(axis=0)
    left = np.abs(mean).max(initial=0)
    if 0 < left < LEAST_LEFT * np.abs(signal).max():
        raise ValueError("its channels cancel each other. Keep one of them")
    return mean
