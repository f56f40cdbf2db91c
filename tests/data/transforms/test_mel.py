"""Log-mel spectrograms equal librosa's."""

import librosa
import numpy as np
import pytest

from cmvq_keras.data.transforms import mel

pytestmark = pytest.mark.once


def _signal(rate, seconds, seed=0):
    """Noise that gets louder, with a tone: (samples,) float32."""
    time = np.arange(int(rate * seconds)) / rate
    noise = np.random.default_rng(seed).normal(size=len(time))
    signal = 0.2 * np.sin(2 * np.pi * 440 * time) + 0.05 * noise * time
    return signal.astype(np.float32)


def _librosa(signal, rate, mels):
    power = librosa.feature.melspectrogram(
        y=signal, sr=rate, n_fft=2048, win_length=512, hop_length=353, n_mels=mels
    )
    return librosa.power_to_db(power)


@pytest.mark.parametrize("rate", [44_100, 32_000])
@pytest.mark.parametrize("mels", [256, 64])
def test_decibels_equal_librosas(rate, mels):
    signal = _signal(rate, 353 * 255.5 / rate)
    expected = _librosa(signal, rate, mels)
    assert expected.shape == (mels, 256)
    level = mel.levels(signal, rate, mels)
    np.testing.assert_allclose(level, expected, rtol=1e-4, atol=1e-4)
    rounded = mel.decibels(signal, rate, (mels, 256, 1))
    assert rounded.dtype == np.float16
    assert np.abs(rounded[..., 0] - expected).max() <= 0.0315


@pytest.mark.parametrize("samples", [1, 100, 353, 2047, 5000])
def test_short_signals_equal_librosas(samples):
    signal = _signal(44_100, 1)[-samples:]
    np.testing.assert_allclose(
        mel.levels(signal, 44_100, 64), _librosa(signal, 44_100, 64), rtol=1e-4
    )


@pytest.mark.parametrize("seconds", [0.1, 1.3, 2.05, 3.3])
def test_the_time_axis_is_reflected_or_cropped_around_its_centre(seconds):
    signal = _signal(44_100, seconds)
    expected = _librosa(signal, 44_100, 256)
    spare = 256 - expected.shape[1]
    if spare > 0:
        sides = (spare // 2, spare - spare // 2)
        expected = np.pad(expected, ((0, 0), sides), mode="reflect")
    else:
        expected = expected[:, -spare // 2 :][:, :256]
    fitted = mel.decibels(signal, 44_100, (256, 256, 1))[..., 0]
    np.testing.assert_allclose(fitted, expected, atol=0.032)


def test_silence_stays_finite():
    silence = mel.decibels(np.zeros(1000, np.float32), 44_100, (64, 32, 1))
    assert (silence == -100).all()
