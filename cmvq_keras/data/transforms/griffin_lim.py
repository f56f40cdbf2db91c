"""From a log-mel spectrogram back to sound, so that it can be heard."""

import dataclasses
import io
import wave

import numpy as np

ITERATIONS = 32  # of Griffin and Lim's algorithm, which guesses the phase
PEAK = 0.9


@dataclasses.dataclass(frozen=True)
class Spectrogram:
    """How a recipe's log-mel spectrograms were made.

    Args:
        rate: Hz.
        n_fft, window, hop: samples.
    """

    rate: int
    n_fft: int
    window: int
    hop: int

    @classmethod
    def of(cls, log_mel):
        """The inverse of a `mel.LogMel`."""
        return cls(log_mel.rate, log_mel.n_fft, log_mel.window, log_mel.hop)

    def to_signal(self, decibels):
        """A signal whose spectrogram is about this one; its phase is a guess.

        Args:
            decibels: `(mels, frames, 1)` raw values, low frequencies first.

        Returns:
            `(samples,)` float32 with 0.9 as its loudest value.
        """
        import librosa

        level = np.asarray(decibels, np.float32)[..., 0]
        signal = librosa.feature.inverse.mel_to_audio(
            10 ** ((level - level.max()) / 10),
            sr=self.rate,
            n_fft=self.n_fft,
            win_length=self.window,
            hop_length=self.hop,
            n_iter=ITERATIONS,
        )
        return signal * (PEAK / max(float(np.abs(signal).max()), 1e-9))

    def to_wav(self, decibels):
        """The same as a mono WAV file of 16 bits, bytes."""
        samples = np.round(self.to_signal(decibels) * 32767).astype("<i2")
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(samples.tobytes())
        return content.getvalue()
