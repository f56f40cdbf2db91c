"""Log-mel spectrograms equal librosa's."""

import librosa
import numpy as np
import pytest

from cmvq_keras.data.transforms import mel

pytestmark = pytest.mark.once

FACES = mel.LogMel(44_100, n_fft=2048, window=512, hop=353)
DIGITS = mel.LogMel(8000, n_fft=512, window=512, hop=128, relative=True)
SHAPE = (64, 64, 1)


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
    log_mel = mel.LogMel(rate, n_fft=2048, window=512, hop=353)
    level = log_mel.levels(signal, mels)
    np.testing.assert_allclose(level, expected, rtol=1e-4, atol=1e-4)
    rounded = log_mel(signal, (mels, 256, 1))
    assert rounded.dtype == np.float16
    assert np.abs(rounded[..., 0] - expected).max() <= 0.0315


@pytest.mark.parametrize("samples", [1, 100, 353, 2047, 5000])
def test_short_signals_equal_librosas(samples):
    signal = _signal(44_100, 1)[-samples:]
    np.testing.assert_allclose(
        FACES.levels(signal, 64), _librosa(signal, 44_100, 64), rtol=1e-4
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
    fitted = FACES(signal, (256, 256, 1))[..., 0]
    np.testing.assert_allclose(fitted, expected, atol=0.032)


def test_silence_stays_finite():
    silence = FACES(np.zeros(1000, np.float32), (64, 32, 1))
    assert (silence == -100).all()


def _noise(count, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


def test_relative_decibels_equal_librosas():
    signal = _noise(64 * 128 - 1)
    mel = librosa.feature.melspectrogram(
        y=signal, sr=8000, n_fft=512, hop_length=128, n_mels=64
    )
    expected = librosa.power_to_db(mel, ref=np.max, top_db=80)
    values = DIGITS(signal, SHAPE)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, :, 0], expected, atol=1e-3)


def test_loudness_does_not_matter_to_relative_decibels():
    signal = _noise(5000)
    np.testing.assert_allclose(
        DIGITS(signal, SHAPE), DIGITS(signal / 1000, SHAPE), atol=1e-3
    )


def test_short_clips_are_centred_and_long_ones_cropped():
    short = DIGITS(_noise(1280), SHAPE)[:, :, 0]
    assert np.all(short[:, :26] == -80)
    assert np.all(short[:, 37:] == -80)
    assert short[:, 26:37].min() > -80
    long = np.concatenate([_noise(16000), 100 * _noise(8192), _noise(16000)])
    assert DIGITS(long, SHAPE)[:, 2:-2].mean() > -20


def test_silence_and_the_shortest_clip_are_fine():
    assert np.all(DIGITS(np.zeros(4000, np.float32), SHAPE) == -80)
    assert DIGITS(np.ones(1, np.float32), SHAPE).max() == 0
