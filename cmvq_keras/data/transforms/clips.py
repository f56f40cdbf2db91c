"""What the readers of clips share: which pictures, which part of them, which sound."""

import zlib

import numpy as np

from cmvq_keras.data.formats import audio, images, sound_frames, video


def draw_offsets(name, bounds, count, seed):
    """Which pictures of a clip are taken, relative to its middle one.

    Drawn from the seed and the name: neither the order of the clips nor the number of
    workers plays a part.

    Args:
        name: the clip's.
        bounds: `(lowest, highest)`, both may be drawn.
        count: how many; none is there twice.
        seed: whole number.

    Returns:
        Tuple of whole numbers, in the order of the draw.
    """
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    lowest, highest = bounds
    drawn = generator.permutation(np.arange(lowest, highest + 1))[:count]
    return tuple(drawn.tolist())


def check_frames(data, bounds):
    """Raises ValueError unless `data.frames` pictures can be drawn from `bounds`."""
    most, frames = bounds[1] - bounds[0] + 1, data["frames"]
    if not (isinstance(frames, int) and 1 <= frames <= most):
        raise ValueError(f"data.frames must be in 1 to {most}. Received: {frames!r}")


def pictures(clip, offsets, crop, shape):
    """Pictures of a clip as a model's input.

    Args:
        clip: a `cmvq_keras.data.formats.video.Clip`.
        offsets: see `Clip.frames_around_middle`.
        crop: `(top, left, size)` of a square, in pixels.
        shape: `(height, width, 3)`.

    Returns:
        `shape` uint8, or `(views, *shape)` for several offsets.
    """
    top, left, size = crop
    views = [
        images.resize(
            np.ascontiguousarray(picture[top:, left:][:size, :size]), shape[:2]
        )
        for picture in clip.frames_around_middle(offsets)
    ]
    return np.stack(views) if len(views) > 1 else views[0]


def central_square(size):
    """`(top, left, size)` of the largest square in the middle of a picture.

    Args:
        size: `(height, width)` in pixels.
    """
    height, width = size
    side = min(size)
    return (height - side) // 2, (width - side) // 2, side


def mono(clip, rate, rate_factor=1):
    """The mean of a clip's channels.

    Args:
        clip: a `cmvq_keras.data.formats.video.Clip`.
        rate: Hz that are wanted.
        rate_factor: the clip is taken for one of so many times its rate.

    Returns:
        `(samples,)` float32.

    Raises:
        ValueError: as `Clip.sound`, and for channels that cancel each other.
    """
    channels, own_rate = clip.sound()
    signal = sound_frames.mean_of_channels(channels)
    if not signal.any():
        raise ValueError("the mean of its sound's channels is silent")
    return audio.resample(signal, own_rate * rate_factor, rate).astype(np.float32)


def read_sound(path, rate):
    """A sound file as `mono`; one of silence, or a scrap of a clip, is refused."""
    signal = audio.read_sound(path, rate)
    if not signal.any():
        raise ValueError(f"{path} is silent")
    if len(signal) < video.MIN_SECONDS * rate:
        raise ValueError(f"{path} lasts only {len(signal) / rate:.2f} seconds")
    return signal


def offsets_shown(offsets):
    """Offsets as a word of a table, e.g. "-3 +12"."""
    return " ".join(f"{offset:+d}" if offset else "0" for offset in offsets)
