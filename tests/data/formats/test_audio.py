"""WAV files and log-mel spectrograms."""

import librosa
import numpy as np
import pytest
from tiny_sources import write_wav

from cmvq_keras.data.formats import audio

pytestmark = pytest.mark.once

SHAPE = (64, 64, 1)


def _noise(count, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


@pytest.mark.parametrize(("width", "step"), [(1, 2**-7), (2, 2**-15), (3, 2**-23)])
def test_wav_files_of_every_width_give_the_signal_back(tmp_path, width, step):
    signal = _noise(1000)
    write_wav(tmp_path / "a.wav", signal, width=width)
    np.testing.assert_allclose(
        audio.read_wav(tmp_path / "a.wav"), signal, atol=1.1 * step
    )


def test_channels_are_averaged_and_rates_resampled(tmp_path):
    tone = np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000)
    write_wav(tmp_path / "a.wav", np.stack([tone, 0 * tone], 1), rate=48000)
    signal = audio.read_wav(tmp_path / "a.wav")
    assert signal.shape == (8000,)
    expected = 0.5 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)
    np.testing.assert_allclose(signal[100:-100], expected[100:-100], atol=0.01)


def test_the_spectrogram_is_librosas_own():
    signal = _noise(64 * 128 - 1)
    mel = librosa.feature.melspectrogram(
        y=signal, sr=8000, n_fft=512, hop_length=128, n_mels=64
    )
    expected = librosa.power_to_db(mel, ref=np.max, top_db=80)
    values = audio.log_mel(signal, SHAPE)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, :, 0], expected, atol=1e-3)


def test_loudness_does_not_matter():
    signal = _noise(5000)
    np.testing.assert_allclose(
        audio.log_mel(signal, SHAPE), audio.log_mel(signal / 1000, SHAPE), atol=1e-3
    )


def test_short_clips_are_centred_and_long_ones_cropped():
    short = audio.log_mel(_noise(1280), SHAPE)[:, :, 0]
    assert np.all(short[:, :26] == -80)
    assert np.all(short[:, 37:] == -80)
    assert short[:, 26:37].min() > -80
    long = np.concatenate([_noise(16000), 100 * _noise(8192), _noise(16000)])
    assert audio.log_mel(long, SHAPE)[:, 2:-2].mean() > -20


def test_silence_and_the_shortest_clip_are_fine():
    assert np.all(audio.log_mel(np.zeros(4000, np.float32), SHAPE) == -80)
    assert audio.log_mel(np.ones(1, np.float32), SHAPE).max() == 0


@pytest.mark.parametrize("channels", [[[0]], [[1, -1]]])
def test_a_recording_of_silence_is_refused(channels, tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, _noise(4000)[:, None] * np.array(channels))
    with pytest.raises(ValueError, match=r"a\.wav is silent"):
        audio.read_log_mel(path, SHAPE)


def test_cut_and_empty_wav_files_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, _noise(1000))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"a\.wav is not a readable WAV file: it is"):
        audio.read_wav(path)
    write_wav(path, np.zeros((0, 1)))
    with pytest.raises(ValueError, match="Received: 0 samples at 8000 Hz"):
        audio.read_wav(path)
    write_wav(path, np.zeros(61 * 4000), rate=4000)
    with pytest.raises(ValueError, match="up to 60 seconds"):
        audio.read_wav(path)
