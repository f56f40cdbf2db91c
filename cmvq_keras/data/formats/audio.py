"""Sound files: WAV, FLAC, OGG, MP3 by libsndfile, M4A by FFmpeg."""

# pyright: reportAttributeAccessIssue=false

import contextlib
import io
import os
import threading

import numpy as np

from cmvq_keras import fileio
from cmvq_keras.data.formats import signatures, sound_frames, sound_whole, strict, wav

MAX_BYTES = 256_000_000
MAX_SECONDS = 60
MAX_CHANNELS = 16
RATES = (4000, 192_000)  # Hz: resampling takes memory by the rate
ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".m4a")
_WHOLE = {
    "an OGG file": sound_whole.check_ogg,
    "an MP3 file": sound_whole.check_mp3,
}
_STDERR = threading.Lock()  # it belongs to the whole process
# FFmpeg's names of the packed ones, to check them.
_CHECKED = {"a FLAC file": "flac", "an OGG file": "ogg", "an MP3 file": "mp3"}


def read_sound(path, sample_rate):
    """A sound file as one channel at a given rate.

    Args:
        path: WAV (whole numbers of 8 to 32 bits, float, A-law, mu-law), FLAC, OGG, MP3
            or M4A, whatever its name ends in; 4 to 192 kHz, up to 16 channels (their
            mean is taken), at most 60 seconds. Wrong sizes in a WAV file's header are
            put right, see `wav.repaired`.
        sample_rate: Hz; another rate in the file is resampled.

    Returns:
        `(samples,)` float32 in about [-1, 1].

    Raises:
        ValueError: for files that are not so, and for empty, damaged and truncated
            ones.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "sound file", MAX_BYTES) as file:
        content = file.read()
        kind = _kind(content)
        read = _read_mp4 if kind == "an MP4 file" else _read_sndfile
        signal, rate = read(content, kind)
        signal = sound_frames.mean_of_channels(signal)
    return resample(signal, rate, sample_rate).astype(np.float32)


def resample(signal, rate, wanted):
    """A signal `(samples,)` at another rate; both are whole numbers of Hz."""
    if rate == wanted:
        return signal
    from scipy.signal import resample_poly

    divisor = np.gcd(rate, wanted)
    return resample_poly(signal, wanted // divisor, rate // divisor)


def _kind(content):
    kind = signatures.describe(content[:64])
    # MP3 without tags starts with a frame: eleven bits that are set.
    if content[:1] == b"\xff" and content[1:2] >= b"\xe0" and "JPEG" not in kind:
        kind = "an MP3 file"
    if kind not in (*_CHECKED, "a WAV file", "an MP4 file"):
        raise ValueError(
            f"it must be a WAV, FLAC, OGG, MP3 or M4A file. Received: {kind}"
        )
    return kind


def _read_sndfile(content, kind):
    """`((channels, samples) float64, rate)`."""
    import soundfile

    if content.startswith(b"RIFF"):
        content = wav.repaired(content)
    if kind in _CHECKED:
        # libsndfile passes over damage, and mpg123 writes to the terminal.
        for _ in _decoded(content, _CHECKED[kind]):
            pass
        if kind in _WHOLE:
            _WHOLE[kind](content)
    quiet = _without_stderr() if kind == "an MP3 file" else contextlib.nullcontext()
    try:
        with quiet, soundfile.SoundFile(io.BytesIO(content)) as sound:
            _check(sound.channels, sound.samplerate, sound.frames)
            signal = sound.read(sound.frames, "float64", always_2d=True).T
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from None
    if signal.shape[1] != sound.frames:
        raise ValueError(
            f"it is truncated: it has {signal.shape[1]:,} of {sound.frames:,} samples"
        )
    return sound_frames.joined([signal]), sound.samplerate


@contextlib.contextmanager
def _without_stderr():
    """A context in which mpg123 writes its notes nowhere: it goes past Python."""
    with _STDERR, contextlib.ExitStack() as stack:
        # A process may have none.
        with contextlib.suppress(OSError):
            kept = os.dup(2)
            stack.callback(os.close, kept)
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            stack.callback(os.dup2, kept, 2)
        yield


def _check(channels, rate, frames):
    """Raises ValueError for a header out of range."""
    lowest, highest = RATES
    if not lowest <= rate <= highest:
        raise ValueError(f"it must have {lowest} to {highest} Hz. Received: {rate}")
    if not 0 < frames <= MAX_SECONDS * rate:
        raise ValueError(
            f"it must last up to {MAX_SECONDS} seconds. Received: {frames} samples at "
            f"{rate} Hz"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(
            f"it must have up to {MAX_CHANNELS} channels. Received: {channels}"
        )


def _read_mp4(content, _):
    blocks, rates = [], []
    for frame in _decoded(content, "mp4"):
        rates.append(frame.sample_rate)
        blocks.append(sound_frames.samples(frame, rates[0]))
    signal = sound_frames.joined(blocks)
    _check(len(signal), rates[0], signal.shape[1])
    return signal, rates[0]


def _decoded(content, container):
    """FFmpeg's frames of a file's first sound, of 60 seconds at most."""
    import av

    with av.open(
        io.BytesIO(content),
        format=container,
        metadata_errors="replace",
        container_options=strict.OPTIONS,
    ) as opened:
        known = [each for each in opened.streams if each.codec_context]
        stream = next((each for each in known if each.type == "audio"), None)
        if stream is None:
            raise ValueError("it has no sound")
        strict.make_strict(stream.codec_context)
        packets = [packet for packet in opened.demux(stream) if packet.size]
        if any(packet.is_corrupt for packet in packets):
            raise ValueError("it is truncated or damaged")
        seconds = 0.0
        for frame in strict.decoded(stream.codec_context, packets, "it"):
            seconds += frame.samples / frame.sample_rate
            if seconds > MAX_SECONDS + 1:
                raise ValueError(
                    f"it must last up to {MAX_SECONDS} seconds. Received: more"
                )
            yield frame
