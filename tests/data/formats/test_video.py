"""Clips: the right picture, the whole sound, and no harm from damaged files."""

import io
import re
import struct

import av
import numpy as np
import pytest
from damage import EXAMPLES, PLAIN, damaged, outcome, refused, try_mutations
from tiny_clips import AVI, FLV, clip, gray, tone

from cmvq_keras.data.formats import containers, video

pytestmark = pytest.mark.once

LIMITS = video.Limits(max_seconds=10)
# One of each: what is in the official archives, and what people convert them to.
KINDS = [
    FLV,
    ("flv", "flv", "pcm_s16le"),
    ("flv", "libx264", "aac"),
    AVI,
    ("avi", "mpeg4", "pcm_s16le"),
    ("avi", "msmpeg4", "pcm_u8"),
    ("mp4", "libx264", "aac"),
    ("matroska", "mpeg4", "pcm_f32le"),
]


def _read(path):
    with video.open_clip(path, LIMITS) as opened:
        count = opened.frame_count
        return opened.frames([0, count // 2]), opened.sound()


def _save(path, **settings):
    path.write_bytes(clip(**settings))
    return path


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_picture_by_its_number(kind, tmp_path):
    path = _save(tmp_path / "clip", kind=kind)
    with video.open_clip(path, LIMITS) as opened:
        assert opened.frame_count == 45
        assert opened.rate == 30
        assert opened.size == (360, 480)
        assert opened.duration == pytest.approx(1.5, abs=0.1)
        pictures = opened.frames([30, 7, 44, 7])
    for picture, number in zip(pictures, [30, 7, 44, 7], strict=True):
        assert picture.shape == (360, 480, 3)
        assert picture.dtype == np.uint8
        # What tells neighbours apart is 3.
        assert abs(np.median(picture[:240, 150:]) - gray(number)) <= 1.4
        assert picture[300:].max() < 20
        assert picture[:, :80].max() < 20


def test_flv_states_no_number_of_pictures():
    with av.open(io.BytesIO(clip())) as container:
        assert container.streams.video[0].frames == 0


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_the_sound_has_all_channels_at_its_own_rate(kind, tmp_path):
    settings = {"kind": kind, "channels": 2, "sample_rate": 44_100}
    with video.open_clip(_save(tmp_path / "clip", **settings), LIMITS) as opened:
        signal, rate = opened.sound()
    expected = tone(1.5, 44_100)
    assert rate == 44_100
    assert signal.dtype == np.float32
    assert len(signal) == 2
    assert abs(signal.shape[1] - len(expected)) < 4000
    # Loudness does not depend on the delay that some codecs add.
    middle = signal[:, 8000:-8000]
    np.testing.assert_allclose(middle.std(axis=1), [0.212, 0.106], rtol=0.06)


@pytest.mark.parametrize(
    ("codec", "step"), [("pcm_s16le", 2**-15), ("pcm_u8", 2**-7), ("pcm_s32le", 2**-30)]
)
def test_uncompressed_sound_is_exact(codec, step, tmp_path):
    path = _save(tmp_path / "clip", kind=("avi", "mpeg4", codec))
    with video.open_clip(path, LIMITS) as opened:
        signal, _ = opened.sound()
    np.testing.assert_allclose(signal[0], tone(1.5, 44_100), atol=1.01 * step + 1e-7)


def test_a_clip_that_states_no_duration_lasts_as_long_as_its_pictures(tmp_path):
    options = (("flvflags", "no_metadata+no_duration_filesize"),)
    path = _save(tmp_path / "clip", options=options)
    with video.open_clip(path, LIMITS) as opened:
        assert opened.duration == pytest.approx(1.5, abs=0.1)
        assert opened.frame_count == 45


def _stating(name, value):
    """A clip of 1.5 seconds whose head states another number."""
    content, key = clip(), name.encode() + b"\x00"
    start = content.index(key) + len(key)
    return content[:start] + struct.pack(">d", value) + content[start + 8 :]


def test_what_a_head_cannot_mean_is_counted(tmp_path):
    path = tmp_path / "clip"
    for name, value in (("framerate", 1000.0), ("duration", 0.0)):
        path.write_bytes(_stating(name, value))
        with video.open_clip(path, LIMITS) as opened:
            assert opened.rate == pytest.approx(30, rel=0.02)
            assert opened.duration == pytest.approx(1.5, abs=0.1)
            assert opened.frame_count == 45
    path.write_bytes(_stating("duration", 60.0))
    assert "it lasts 60.0 seconds, not up to 10" in refused(_read, path)
    path.write_bytes(_stating("duration", 4.0))
    assert "it is truncated: it ends after 1.5" in refused(_read, path)


@pytest.mark.parametrize(
    ("settings", "limits", "reason"),
    [
        ({"seconds": 12}, {}, r"it lasts 12\.\d seconds, not up to 10"),
        ({}, {"max_bytes": 1000}, r"it has [\d,]+ bytes, not 1 to 1,000"),
        ({"size": (64, 48)}, {"max_pixels": 1000}, "is not a readable clip"),
    ],
)
def test_what_is_too_much_is_refused(settings, limits, reason, tmp_path):
    path = _save(tmp_path / "clip", **settings)
    limits = video.Limits(**{"max_seconds": 10, **limits})
    with (
        pytest.raises(ValueError, match=reason) as caught,
        video.open_clip(path, limits) as opened,
    ):
        opened.frames([0])
    assert str(path) in str(caught.value)


def test_a_picture_that_is_not_there_is_refused(tmp_path):
    path = _save(tmp_path / "clip")
    with (
        pytest.raises(ValueError, match="its picture 45 of 45 is missing"),
        video.open_clip(path, LIMITS) as opened,
    ):
        opened.frames([45])


def test_a_clip_without_sound_has_pictures(tmp_path):
    path = _save(tmp_path / "clip", kind=("flv", "flv", None))
    with video.open_clip(path, LIMITS) as opened:
        assert len(opened.frames([3])) == 1
        with pytest.raises(ValueError, match="it has no sound"):
            opened.sound()


def test_silence_and_a_sound_without_pictures_are_refused(tmp_path):
    silent = _save(tmp_path / "silent", kind=("avi", "mpeg4", "pcm_s16le"), pitch=0)
    assert "its sound is silent" in refused(_read, silent)
    path = tmp_path / "sound"
    with av.open(str(path), "w", format="flv") as container:
        stream = container.add_stream("libmp3lame", 44_100)
        block = av.AudioFrame.from_ndarray(
            np.zeros((1, 9216), np.float32), "fltp", "mono"
        )
        block.sample_rate = 44_100
        container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    assert "it has no pictures" in refused(_read, path)


@pytest.mark.parametrize("kind", [FLV, AVI], ids="-".join)
def test_a_clip_that_is_cut_in_the_middle_is_refused(kind, tmp_path):
    whole = clip(kind, seconds=2.5)
    path = tmp_path / "clip"
    for size in range(0, len(whole) * 7 // 10, len(whole) // 23):
        path.write_bytes(whole[:size])
        refused(_read, path)


@pytest.mark.parametrize("kind", [FLV, AVI], ids="-".join)
@pytest.mark.parametrize("what", ["pictures", "sound"])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (0.8, 1.8), (1.5, 2.5)])
def test_a_clip_without_much_of_its_pictures_or_sound_is_refused(
    kind, what, start, end, tmp_path
):
    path = _save(tmp_path / "clip", kind=kind, seconds=2.5, away=((what, start, end),))
    shown = "new picture" if what == "pictures" else "sound"
    assert re.search(f"it has no {shown} for (0.9|1.0)", refused(_read, path))
    if what == "sound":
        with video.open_clip(path, LIMITS) as opened:
            assert opened.frame_count == 75


def test_a_scrap_of_a_clip_is_refused(tmp_path):
    path = _save(tmp_path / "clip", seconds=0.3)
    assert "it has only 9 pictures" in refused(_read, path)


@pytest.mark.parametrize("what", ["pictures", "sound"])
def test_a_tail_of_pictures_or_sound_alone_is_harmless(what, tmp_path):
    path = _save(tmp_path / "clip", seconds=2.5, away=((what, 2, 2.5),))
    _read(path)


@pytest.mark.parametrize(("degrees", "sign"), [(0, 1), (180, -1)])
def test_pictures_that_a_player_would_turn_are_refused(degrees, sign, tmp_path):
    content = clip(("mp4", "libx264", "aac"))
    one, last = struct.pack(">i", 2**16), struct.pack(">i", 2**30)
    matrix = one + bytes(12) + one + bytes(12) + last
    # The first matrix is the whole clip's, the second the pictures'.
    place = content.index(matrix, content.index(matrix) + 1)
    turned = struct.pack(">i", sign * 2**16)
    matrix = turned + bytes(12) + turned + bytes(12) + last
    path = tmp_path / "clip"
    path.write_bytes(content[:place] + matrix + content[place + 36 :])
    if degrees:
        assert "its pictures are rotated" in refused(_read, path)
    else:
        _read(path)


@pytest.mark.parametrize("kind", [FLV, AVI], ids="-".join)
@pytest.mark.parametrize("damage", PLAIN)
def test_what_is_no_clip_is_refused(damage, kind, tmp_path):
    refused(_read, damaged(tmp_path / "clip", clip(kind), damage))


def test_a_pointer_of_git_lfs_is_called_that(tmp_path):
    path = tmp_path / "clip.flv"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1")
    for parse in (_read, containers.read_head):
        assert "it is a git-lfs pointer, not the file itself" in refused(parse, path)


@pytest.mark.parametrize(
    "content", ["#EXTM3U\n{0}\n", "ffconcat version 1.0\nfile '{0}'\n"]
)
def test_a_playlist_does_not_lead_to_other_files(content, tmp_path):
    good = _save(tmp_path / "good.flv")
    path = tmp_path / "clip.flv"
    path.write_text(content.format(good))
    assert "it must be an FLV, AVI, MP4 or Matroska clip. Received: text" in refused(
        _read, path
    )


@pytest.mark.parametrize("kind", [FLV, AVI], ids="-".join)
@EXAMPLES
def test_a_mutated_clip_is_refused_or_well_formed(examples, kind, tmp_path):
    def check(value):
        pictures, (signal, rate) = value
        assert all(picture.shape[2] == 3 for picture in pictures)
        assert len(signal) <= 8
        assert np.isfinite(signal).all()
        assert signal.shape[1] <= 10 * rate

    content = clip(kind, (96, 72), 0.6)
    refusals = try_mutations(_read, content, tmp_path / "clip", examples, check)
    assert refusals > 0.1 * examples


def test_a_head_is_read_of_a_good_clip(tmp_path):
    value, error = outcome(containers.read_head, _save(tmp_path / "clip"))
    assert error is None
    assert value.startswith(b"FLV\x01")


def _damaged_packet(content, number, length):
    """A clip with `length` bytes of one picture's packet set to zero."""
    with av.open(io.BytesIO(content)) as container:
        packets = [each for each in container.demux(video=0) if each.size]
    start = packets[number].pos + packets[number].size // 2
    assert packets[number].size > 2 * length
    return content[:start] + bytes(length) + content[start + length :]


@pytest.mark.parametrize("kind", [FLV, AVI, ("mp4", "mpeg4", "aac")], ids="-".join)
def test_damage_before_or_behind_the_wanted_picture_is_met(kind, tmp_path):
    path = tmp_path / "clip"
    # A keyframe has enough bytes to damage; pictures after it lean on it.
    content = clip(kind)
    with av.open(io.BytesIO(content)) as container:
        packets = [each for each in container.demux(video=0) if each.size]
    big = [n for n, each in enumerate(packets) if each.size > 200]
    for number in (big[0], big[-1]):
        path.write_bytes(_damaged_packet(content, number, 90))
        assert re.search(
            r"a picture is damaged in part|its picture \d+ is damaged",
            refused(_read, path),
        )
        with video.open_clip(path, LIMITS) as opened:
            opened.sound()  # it is whole


def _trimmed(hidden, count):
    """An MP4 clip whose edit list hides its first pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        for number in range(count):
            picture = np.full((72, 96, 3), gray(number), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number - hidden
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def test_pictures_that_an_edit_list_hides_are_not_counted(tmp_path):
    path = tmp_path / "clip"
    path.write_bytes(_trimmed(hidden=20, count=50))
    with av.open(str(path)) as container:
        assert sum(1 for each in container.demux(video=0) if each.size) == 50
    with video.open_clip(path, LIMITS) as opened:
        assert opened.frame_count == 30
        assert opened.duration == pytest.approx(1.0, abs=0.1)
        (middle,) = opened.frames_around_middle([0])
    assert abs(np.median(middle) - gray(20 + 15)) <= 1.4


def test_the_decoders_count_of_pictures_places_the_middle(tmp_path):
    path = _save(tmp_path / "clip")
    with video.open_clip(path, LIMITS) as opened:
        opened.frame_count = 60  # what packets alone would say
        first, middle, last = opened.frames_around_middle([-99, 0, 99])
        assert opened.frame_count == 45
    for picture, number in ((first, 0), (middle, 22), (last, 44)):
        assert abs(np.median(picture[:240, 150:]) - gray(number)) <= 1.4
