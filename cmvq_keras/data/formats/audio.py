"""Speech as pictures: WAV files and their log-mel spectrograms."""

import functools
import pathlib
import wave

import numpy as np

from cmvq_keras import fileio

SAMPLE_RATE = 8000  # Hz, the rate of FSDD
N_FFT = 512
HOP = 128  # samples: 16 ms, so 64 frames are about one second
TOP_DB = 80.0
MAX_SECONDS = 60
MAX_CHANNELS = 16
RATES = (4000, 192_000)  # Hz: resampling takes memory by the rate


def read_wav(path, sample_rate=SAMPLE_RATE):
    """A WAV file as one channel at a given rate.

    Args:
        path: uncompressed PCM of 8, 16, 24 or 32 bits, 4 to 192 kHz, up to 16
            channels (their mean is taken), at most 60 seconds.
        sample_rate: Hz; another rate in the file is resampled.

    Returns:
        `(samples,)` float32 in [-1, 1].

    Raises:
        ValueError: for files that are not so, or are empty or cut.
        OSError: if it is not there or may not be read.
    """
    with fileio.opened(path, "WAV file") as file, wave.open(file) as sound:
        channels, width, rate, frames = sound.getparams()[:4]
        _check(channels, width, rate, frames)
        size = frames * channels * width
        if size > fileio.size(file):
            raise ValueError("it is cut")
        content = sound.readframes(frames)
        if len(content) != size:
            raise ValueError("it is cut")
    signal = _decode(content, width).reshape(-1, channels).mean(axis=1)
    return resample(signal, rate, sample_rate).astype(np.float32)


def _check(channels, width, rate, frames):
    """Raises ValueError for a header out of range."""
    lowest, highest = RATES
    if not lowest <= rate <= highest:
        raise ValueError(f"it must have {lowest} to {highest} Hz. Received: {rate}")
    if not 0 < frames <= MAX_SECONDS * rate:
        raise ValueError(
            f"it must last up to {MAX_SECONDS} seconds. Received: {frames} samples at "
            f"{rate} Hz"
        )
    if width > 4 or channels > MAX_CHANNELS:
        raise ValueError(
            f"it must have up to 32 bits and {MAX_CHANNELS} channels. Received: "
            f"{8 * width} bits, {channels} channels"
        )


def _decode(content, width):
    """PCM bytes as float64 in [-1, 1]."""
    if width == 1:  # the one width that WAV stores unsigned
        return np.frombuffer(content, np.uint8) / 128.0 - 1.0
    # Each sample goes into the upper bytes of a 32-bit integer, little-endian.
    raw = np.frombuffer(content, np.uint8).reshape(-1, width)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 4 - width :] = raw
    return wide.view("<i4").ravel() / 2.0**31


def resample(signal, rate, wanted):
    """A signal `(samples,)` at another rate; both are whole numbers of Hz."""
    if rate == wanted:
        return signal
    from scipy.signal import resample_poly

    divisor = np.gcd(rate, wanted)
    return resample_poly(signal, wanted // divisor, rate // divisor)


def log_mel(signal, shape, sample_rate=SAMPLE_RATE):
    """The log-mel spectrogram of one clip.

    Decibels are relative to the clip's own loudest value, as loudness varies
    30-fold in FSDD: what is 80 dB weaker, or silent, is -80.

    Args:
        signal: `(samples,)` float32.
        shape: `(mels, frames, 1)`; a longer clip loses both ends, a shorter one
            gets -80 dB at both.
        sample_rate: Hz.

    Returns:
        `shape` float32 in [-80, 0] dB, low frequencies first.
    """
    import librosa

    mels, frames, _ = shape
    if len(signal) < N_FFT:
        signal = np.pad(signal, (0, N_FFT - len(signal)))
    power = np.abs(librosa.stft(signal, n_fft=N_FFT, hop_length=HOP)) ** 2
    power = _mel_basis(sample_rate, mels) @ power
    if power.max() <= 0:
        return np.full(shape, -TOP_DB, np.float32)
    # amin keeps its relation to the loudest value for very quiet clips too.
    loudest = float(power.max())
    decibels = librosa.power_to_db(power / loudest, ref=1.0, top_db=TOP_DB)
    return _fit(decibels, frames)[:, :, None].astype(np.float32)


@functools.cache
def _mel_basis(sample_rate, mels):
    # Kept, as making it takes most of the time of one spectrogram; sparse, as a dense
    # product of this size spends its time on starting threads.
    import librosa
    from scipy import sparse

    basis = librosa.filters.mel(sr=sample_rate, n_fft=N_FFT, n_mels=mels)
    return sparse.csr_array(basis)


def _fit(decibels, frames):
    """Centre-cropped or padded to `(mels, frames)`."""
    spare = frames - decibels.shape[1]
    if spare < 0:
        start = -spare // 2
        return decibels[:, start : start + frames]
    before = spare // 2
    return np.pad(decibels, ((0, 0), (before, spare - before)), constant_values=-TOP_DB)


def read_log_mel(path, shape):
    """A WAV file's log-mel spectrogram, `shape` float32; see `log_mel`.

    Raises:
        ValueError, OSError: as `read_wav`, and for a file of silence.
    """
    signal = read_wav(pathlib.Path(path))
    if not signal.any():
        raise ValueError(f"{path} is silent")
    return log_mel(signal, shape)
