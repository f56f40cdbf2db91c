"""Log-mel spectrograms, the same for every recipe.

What `librosa.feature.melspectrogram` and `librosa.power_to_db` give, without importing
librosa: with it a worker process takes some 200 MB more.
"""

import dataclasses
import functools

import numpy as np

TOP_DB = 80.0
_FLOOR = 1e-10  # of power: -100 dB


@dataclasses.dataclass(frozen=True)
class LogMel:
    """How sounds become spectrograms.

    Args:
        rate: of the signals, Hz.
        n_fft: samples of a transform.
        window: samples of its Hann window, `n_fft` at most.
        hop: samples from one step to the next.
        relative: decibels are relative to the clip's loudest value, and time that a
            short clip lacks is silence, -80 dB. Otherwise 1 is the reference, and a
            short clip is reflected at both ends.
    """

    rate: int
    n_fft: int
    window: int
    hop: int
    relative: bool = False

    def __call__(self, signal, shape):
        """The spectrogram of a signal, its time axis of a given length.

        A longer spectrogram loses both ends, a shorter one is filled up at both.

        Args:
            signal: `(samples,)` float32 in about [-1, 1].
            shape: `(mels, frames, 1)`.

        Returns:
            `shape`, low frequencies first: float32 in [-80, 0] dB where relative; else
            float16, of which the error within 128 dB of 0 is 0.03 dB at most, some
            thousandth of the spread, at half of float32's bytes.
        """
        mels, frames, _ = shape
        level = self._fit(self.levels(signal, mels), frames)
        return level.astype(np.float32 if self.relative else np.float16)[:, :, None]

    def levels(self, signal, mels):
        """The spectrogram of a signal in dB, as long as the signal is.

        What is more than 80 dB below the loudest value is raised to that.

        Args:
            signal: as above.
            mels: bands.

        Returns:
            `(mels, 1 + samples // hop)` float32, low frequencies first.
        """
        power = _mel_basis(self.rate, self.n_fft, mels) @ self._spectrum(signal)
        if self.relative:
            loudest = float(power.max())
            if loudest <= 0:
                return np.full(power.shape, -TOP_DB, np.float32)
            # The floor keeps its relation to the loudest value for quiet clips too.
            power = power / loudest
        level = 10.0 * np.log10(np.maximum(power, _FLOOR))
        return np.maximum(level, level.max() - TOP_DB)

    def _spectrum(self, signal):
        """`(bins, frames)` float32 power; frame i is centred at sample i * hop."""
        from scipy import fft

        # The window is zero outside of its samples, and where they stand in the
        # transform does not change the power.
        padded = np.pad(np.asarray(signal, np.float32), self.window // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)
        frames = frames[:: self.hop] * _hann(self.window)
        transformed = fft.rfft(frames, self.n_fft, axis=1)
        return (transformed.real**2 + transformed.imag**2).T

    def _fit(self, level, frames):
        """Centre-cropped or filled up to `(mels, frames)`."""
        spare = frames - level.shape[1]
        if spare <= 0:
            start = -spare // 2
            return level[:, start : start + frames]
        sides = ((0, 0), (spare // 2, spare - spare // 2))
        if self.relative:
            return np.pad(level, sides, constant_values=-TOP_DB)
        return np.pad(level, sides, mode="reflect")


@functools.lru_cache(maxsize=4)
def _hann(window):
    turn = 2 * np.pi * np.arange(window) / window
    return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _mel_basis(rate, n_fft, mels):
    """`(mels, bins)` triangles of equal area on Slaney's scale."""
    from scipy import sparse

    bins = np.arange(n_fft // 2 + 1) * (rate / n_fft)
    edges = _hertz(np.linspace(0.0, _mel(rate / 2), mels + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    basis = np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))
    return sparse.csr_array(basis.astype(np.float32))


# Slaney's scale (Auditory Toolbox, 1998): linear to 1,000 Hz, then 27 steps for every
# factor of 6.4.
_LINEAR = 200 / 3  # Hz a mel
_KNEE = 1000.0  # Hz
_STEP = np.log(6.4) / 27


def _mel(hertz):
    if hertz < _KNEE:
        return hertz / _LINEAR
    return _KNEE / _LINEAR + np.log(hertz / _KNEE) / _STEP


def _hertz(mels):
    above = _KNEE * np.exp(_STEP * np.maximum(0, mels - _KNEE / _LINEAR))
    return np.where(mels < _KNEE / _LINEAR, mels * _LINEAR, above)
