"""Sound files: every make is read like soundfile does, or refused."""

import io
import os
import struct
from concurrent import futures

import av
import numpy as np
import pytest
import soundfile
from damage import refused
from tiny_sources import write_wav

from cmvq_keras.data.datasets import fsdd
from cmvq_keras.data.datasets.crema_d import clips
from cmvq_keras.data.formats import audio
from cmvq_keras.data.kinds.audio import ReadSpectrogram

pytestmark = pytest.mark.once

SHAPE = (64, 64, 1)


def _noise(count, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


@pytest.mark.parametrize(("width", "step"), [(1, 2**-7), (2, 2**-15), (3, 2**-23)])
def test_wav_files_of_every_width_give_the_signal_back(tmp_path, width, step):
    signal = _noise(1000)
    write_wav(tmp_path / "a.wav", signal, width=width)
    np.testing.assert_allclose(
        audio.read_sound(tmp_path / "a.wav", 8000), signal, atol=1.1 * step
    )


def test_channels_are_averaged_and_rates_resampled(tmp_path):
    tone = np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000)
    write_wav(tmp_path / "a.wav", np.stack([tone, 0 * tone], 1), rate=48000)
    signal = audio.read_sound(tmp_path / "a.wav", 8000)
    assert signal.shape == (8000,)
    expected = 0.5 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)
    np.testing.assert_allclose(signal[100:-100], expected[100:-100], atol=0.01)


@pytest.mark.parametrize("channels", [[[0]], [[1, -1]]])
def test_a_recording_of_silence_is_refused(channels, tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, _noise(4000)[:, None] * np.array(channels))
    with pytest.raises(ValueError, match=r"a\.wav is silent"):
        fsdd.read_log_mel(path, SHAPE)


def test_channels_that_cancel_each_other_are_refused(tmp_path):
    path, signal = tmp_path / "a.wav", 0.1 * _noise(4000)
    soundfile.write(path, np.stack([signal, -signal], 1), 8000)
    assert "its channels cancel each other" in refused(_read, path)
    soundfile.write(path, np.stack([signal, -0.9 * signal], 1), 8000)
    np.testing.assert_allclose(_read(path), 0.05 * signal, atol=2**-15)


def test_cut_and_empty_wav_files_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, _noise(1000))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"a\.wav is not a readable sound file: it is"):
        audio.read_sound(path, 8000)
    write_wav(path, np.zeros((0, 1)))
    with pytest.raises(ValueError, match="Received: 0 samples at 8000 Hz"):
        audio.read_sound(path, 8000)
    write_wav(path, np.zeros(61 * 4000), rate=4000)
    with pytest.raises(ValueError, match="up to 60 seconds"):
        audio.read_sound(path, 8000)


def _read(path):
    return audio.read_sound(path, 8000)


def _signal():
    """`(samples, channels)`: two tones."""
    time = np.arange(4000)[:, None] / 8000
    return 0.3 * np.sin(2 * np.pi * time * [440, 330])


def _save(path, **settings):
    """A sound file; gives what soundfile reads of it, as one channel."""
    soundfile.write(path, _signal(), 8000, **settings)
    return soundfile.read(path)[0].mean(axis=1).astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"]
)
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
def test_wav_files_of_every_make_are_read(kind, form, tmp_path):
    path = tmp_path / "a.wav"
    expected = _save(path, subtype=kind, format=form)
    assert len(expected) == 4000
    assert np.array_equal(_read(path), expected)


@pytest.mark.parametrize(
    "settings",
    [{"format": "FLAC"}, {"format": "OGG"}, {"format": "MP3"}, {"format": "RF64"}],
    ids=lambda each: each["format"],
)
def test_packed_sounds_are_read_whatever_their_name(settings, tmp_path):
    path = tmp_path / "a.wav"
    expected = _save(path, **settings)
    np.testing.assert_allclose(_read(path), expected, atol=1e-6)


def _spectrograms(path):
    """A sound as each of the readers of spectrograms gives it, in dB."""
    faces = clips.MEL(audio.read_sound(path, clips.MEL.rate), SHAPE)
    return fsdd.read_log_mel(path, SHAPE), ReadSpectrogram(0.5)(path, SHAPE), faces


@pytest.mark.parametrize(
    ("settings", "is_lossy"),
    [
        ({"format": "WAV", "subtype": "PCM_16"}, False),
        ({"format": "WAV", "subtype": "PCM_24"}, False),
        ({"format": "FLAC", "subtype": "PCM_16"}, False),
        ({"format": "FLAC", "subtype": "PCM_24"}, False),
        ({"format": "OGG"}, True),
        ({"format": "MP3"}, True),
    ],
)
def test_a_sound_has_one_mel_spectrogram_whatever_its_file(
    settings, is_lossy, tmp_path
):
    signal = 0.2 * _noise(4000) + _signal().mean(1)
    # What the signal itself gives, of which no digit was cut.
    soundfile.write(tmp_path / "exact.wav", signal, 8000, subtype="DOUBLE")
    soundfile.write(tmp_path / "a", signal, 8000, **settings)
    pairs = zip(
        _spectrograms(tmp_path / "a"),
        _spectrograms(tmp_path / "exact.wav"),
        strict=True,
    )
    for found, expected in pairs:
        assert found.shape == expected.shape == SHAPE
        off = np.abs(found.astype("f4") - expected)
        assert off.mean() < (3 if is_lossy else 0.001)
        # Of 80 dB, which are in float16 for faces; digits are cut at 16 bits.
        assert is_lossy or off.max() < 0.04


def test_m4a_is_read_through_ffmpeg(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", 8000, layout="stereo")
        values = np.ascontiguousarray(_signal().T, np.float32)
        block = av.AudioFrame.from_ndarray(values, "fltp", "stereo")
        block.sample_rate, block.pts = 8000, 0
        container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    # AAC ends with a whole block.
    found = _read(path)
    assert 0 <= len(found) - 4000 < 2048
    np.testing.assert_allclose(
        found[1000:3500], _signal().mean(1)[1000:3500], atol=0.06
    )


def _with_sizes(content, riff, data):
    start = content.index(b"data") + 4
    content = content[:4] + struct.pack("<I", riff) + content[8:]
    return content[:start] + struct.pack("<I", data) + content[start + 4 :]


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (2**32 - 1, 2**32 - 1),  # FFmpeg to a pipe
        (0, 0),
        (2**31, 0x7FFFF000),  # SoX to a pipe
        (0, 16_000),
        (99, 16_000),
        (2**32 - 1, 16_000),
    ],
)
def test_wrong_sizes_of_a_header_are_put_right(riff, data, tmp_path):
    path = tmp_path / "a.wav"
    expected = _save(path)
    path.write_bytes(_with_sizes(path.read_bytes(), riff, data))
    assert np.array_equal(_read(path), expected)


def test_a_chunk_behind_the_samples_is_no_sound(tmp_path):
    path = tmp_path / "a.wav"
    expected = _save(path)
    notes = b"LIST" + struct.pack("<I", 4) + b"INFO"
    path.write_bytes(path.read_bytes() + notes)
    assert np.array_equal(_read(path), expected)
    # Nothing but chunks follow: there is no sound, and no size to put right.
    soundfile.write(path, np.zeros((0, 1)), 8000)
    path.write_bytes(path.read_bytes() + notes)
    assert "Received: 0 samples" in refused(_read, path)


@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3"])
def test_damage_in_packed_sounds_is_met(form, tmp_path):
    path = tmp_path / "a"
    _save(path, format=form)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(200) + content[middle + 200 :])
    refused(_read, path)
    path.write_bytes(content[:middle])
    refused(_read, path)


def _mp3(codec, path):
    """Writes an MP3 file as LAME, or as FFmpeg with LAME, does."""
    if codec == "lame":
        soundfile.write(path, _signal(), 8000, format="MP3")
        return
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", 16000, layout="mono")
        values = (_noise(8000) * 9000).astype(np.int16)[None]
        block = av.AudioFrame.from_ndarray(values, "s16", "mono")
        block.sample_rate = 16000
        container.mux(stream.encode(block))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("codec", ["lame", "ffmpeg"])
def test_one_changed_byte_of_an_mp3_is_met(codec, tmp_path, capfd):
    path = tmp_path / "a.mp3"
    _mp3(codec, path)
    content = path.read_bytes()
    whole = _read(path)
    # Tags before and after it are no sound.
    notes = b"ID3\3\0\0\0\0\1\1" + bytes(129)
    path.write_bytes(notes + content + b"TAG" + bytes(125))
    assert np.array_equal(_read(path), whole)
    for place in np.linspace(len(content) // 3, len(content) - 1, 20).astype(int):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        refused(_read, path)
    for place in np.linspace(len(content) // 2, len(content) - 1, 20).astype(int):
        path.write_bytes(content[:place])
        assert "truncated" in refused(_read, path)
    assert capfd.readouterr().err == ""


def test_an_mp3_without_a_checksum_is_followed_frame_by_frame(tmp_path, capfd):
    path = tmp_path / "a.mp3"
    _mp3("lame", path)
    content = path.read_bytes()
    info = content.index(b"Xing")
    content = content[:info] + b"Nope" + content[info + 4 :]
    path.write_bytes(content)
    assert len(_read(path)) >= 4000
    last = content.rindex(content[:2])
    path.write_bytes(content[:last] + bytes(7) + content[last:])
    assert "there is no frame at byte" in refused(_read, path)
    assert capfd.readouterr().err == ""


def test_an_ogg_without_its_last_page_is_refused(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, _noise(16000), 8000, format="OGG")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    assert "its last page is missing" in refused(_read, path)


def test_a_sound_that_is_not_finite_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    signal = np.full(2000, 0.1)
    signal[77] = np.nan
    soundfile.write(path, signal, 8000, subtype="FLOAT")
    assert "it holds impossible values" in refused(_read, path)


def test_a_sound_of_an_hour_takes_no_memory(tmp_path):
    path = tmp_path / "a.flac"
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000 * 600, np.int16), 8000, format="FLAC")
    path.write_bytes(file.getvalue())
    assert "up to 60 seconds" in refused(_read, path)


@pytest.mark.parametrize(
    ("content", "kind"), [(b"GIF89a", "a GIF picture"), (b"{}", "text")]
)
def test_what_is_no_sound_is_called_what_it_is(content, kind, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert f"it must be a WAV, FLAC, OGG, MP3 or M4A file. Received: {kind}" in refused(
        _read, path
    )


def test_threads_that_read_leave_the_terminal_as_it_was(tmp_path):
    path = tmp_path / "sound.mp3"
    soundfile.write(path, _signal(), 8000, format="MP3")
    before = os.fstat(2)
    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: audio.read_sound(path, 8000), range(100)))
    assert os.path.samestat(before, os.fstat(2))
