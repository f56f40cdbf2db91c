"""rml from clips made in the official layout."""

import contextlib
import dataclasses
import types

import av
import librosa
import numpy as np
import pytest
from damage import EXAMPLES, PLAIN, damaged, outcome, try_mutations
from PIL import Image
from tiny_clips import AVI, clip, tone, write_rml

from cmvq_keras import recipes
from cmvq_keras.data.datasets.rml import reader

pytestmark = pytest.mark.once

RECIPE = recipes.get("rml")
SPLITS = ("train", "validation", "test")
BOTH = reader.Reader(image=(128, 128, 3), audio=(256, 256, 1))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_rml(folder)
    return folder


@pytest.fixture
def own(tmp_path):
    """A data root that a test may spoil: three speakers."""
    write_rml(tmp_path, speakers=3)
    return tmp_path


def _recipe(preset="default", **settings):
    recipe = recipes.get("rml", preset)
    return recipe.with_settings({f"data.{key}": settings[key] for key in settings})


def _open(root, **settings):
    recipe = _recipe(**settings)
    return {part: recipes.open_split(recipe, part, root) for part in SPLITS}


def _decoded(path):
    """All pictures, and the sound's channels, by PyAV alone."""
    with av.open(str(path)) as container:
        pictures = [
            each.to_ndarray(format="rgb24") for each in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        blocks = [each.to_ndarray() for each in container.decode(audio=0)]
    return pictures, np.concatenate(blocks, axis=1)


def _expected_spectrogram(signal, rate=32_000):
    power = librosa.feature.melspectrogram(
        y=signal, sr=rate, n_fft=2048, win_length=512, hop_length=353, n_mels=256
    )
    level = librosa.power_to_db(power)
    assert level.shape == (256, 227)
    return np.pad(level, ((0, 0), (14, 15)), mode="reflect")


def test_random_splits_hold_every_class_once(root):
    parts = _open(root)
    assert [len(parts[part]) for part in SPLITS] == [36, 6, 6]
    assert len(set().union(*(listing.names for listing in parts.values()))) == 48
    codes = ("an", "di", "fe", "ha", "sa", "su")
    for listing in parts.values():
        assert set(listing.labels) == set(range(6))
        for name, label in zip(listing.names, listing.labels, strict=True):
            assert name.split("/")[-1] == f"{codes[label]}1"
    again, other = _open(root), _open(root, seed=1)
    assert again["test"].names == parts["test"].names
    assert set(other["test"].names) != set(parts["test"].names)


def test_a_tenth_of_every_class_is_held_out(tmp_path):
    write_rml(tmp_path, speakers=10, takes=4)
    parts = _open(tmp_path)
    for part, count in zip(SPLITS, (32, 4, 4), strict=True):
        assert np.bincount(parts[part].labels).tolist() == [count] * 6


@pytest.mark.parametrize("fold", [0, 3, 7])
def test_a_speaker_is_in_one_part(fold, root):
    parts = _open(root, split="speaker", fold=fold)
    speakers = {part: set(parts[part].attributes["speaker"]) for part in SPLITS}
    assert speakers["test"] == {f"s{fold + 1}"}
    assert speakers["validation"] == {f"s{(fold + 1) % 8 + 1}"}
    assert len(speakers["train"]) == 6
    assert {listing.disjoint for listing in parts.values()} == {("speaker",)}
    assert sum(map(len, parts.values())) == 48


def test_the_language_is_the_folder_between(root):
    for listing in _open(root).values():
        columns = listing.attributes
        for name, who, language in zip(
            listing.names, columns["speaker"], columns["language"], strict=True
        ):
            assert name.startswith(f"rml/{who}/")
            assert language == ("English" if who == "s8" else "unknown")


def test_splits_load_as_the_recipe_says(root):
    for preset in ("default", "code"):
        loaded = recipes.load_split(_recipe(preset), "test", root)
        for name, modality in RECIPE.modalities.items():
            assert loaded.x[name].shape == (6, *modality.shape)
    image = recipes.load_split(_recipe().with_modality("image"), "test", root)
    assert list(image.x) == ["image"]


@pytest.mark.parametrize(
    ("size", "side"), [((320, 240), 190), ((720, 480), 380), ((640, 400), 380)]
)
def test_frames_are_the_centre_around_the_middle_one(size, side, tmp_path):
    path = tmp_path / "an1.avi"
    path.write_bytes(clip(AVI, size, 3))
    views = reader.Reader(image=(128, 128, 3))(reader.Item(str(path), (0, -22, 23)))[
        "image"
    ]
    pictures, _ = _decoded(path)
    assert len(pictures) == 90
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    for view, number in zip(views, (45, 23, 68), strict=True):
        centre = Image.fromarray(pictures[number]).crop(
            (left, top, left + side, top + side)
        )
        expected = np.asarray(centre.resize((128, 128), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(view, expected)


def test_a_hundred_of_a_class_are_split_80_10_10():
    parts = reader._at_random(np.repeat(np.arange(6), 100), 0)
    for split, count in (("train", 80), ("validation", 10), ("test", 10)):
        assert np.bincount(parts[split] // 100).tolist() == [count] * 6
    assert sorted(np.concatenate(list(parts.values()))) == list(range(600))


def test_the_middle_of_the_sound_is_taken_and_nothing_else(monkeypatch):
    # Loud in the middle 2.5 of 4 seconds alone, so any other part is quieter.
    signal = np.random.default_rng(0).normal(0, 0.1, (1, 128_000)).astype(np.float32)
    signal[:, :24_000] = signal[:, 104_000:] = 1e-3
    opened = types.SimpleNamespace(sound=lambda: (signal, 32_000))
    monkeypatch.setattr(
        reader.video, "open_clip", lambda *_: contextlib.nullcontext(opened)
    )
    found = reader.read_audio("a.avi", (256, 256, 1))[..., 0]
    power = librosa.feature.melspectrogram(
        y=signal[0, 24_000:104_000],
        sr=32_000,
        n_fft=2048,
        win_length=512,
        hop_length=353,
        n_mels=256,
    )
    expected = np.pad(librosa.power_to_db(power), ((0, 0), (14, 15)), mode="reflect")
    np.testing.assert_allclose(found, expected, atol=0.04)


@pytest.mark.parametrize(
    ("size", "top", "left", "side"),
    [((240, 320), 25, 65, 190), ((480, 720), 50, 170, 380), ((576, 720), 98, 170, 380)],
)
def test_the_crop_is_exact_to_the_pixel(size, top, left, side, monkeypatch):
    # Noise: a column more or less changes every value.
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    opened = types.SimpleNamespace(
        rate=30, size=size, frames_around_middle=lambda offsets: [picture]
    )
    monkeypatch.setattr(
        reader.video, "open_clip", lambda *_: contextlib.nullcontext(opened)
    )
    found = reader.read_image("a.avi", (128, 128, 3))
    face = Image.fromarray(picture[top : top + side, left : left + side])
    expected = np.asarray(face.resize((128, 128), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(found, expected)


def test_the_sound_is_the_middle_at_32_khz(tmp_path):
    path = tmp_path / "an1.avi"
    kind = ("avi", "mpeg4", "pcm_s16le")
    path.write_bytes(clip(kind, (320, 240), 4, sample_rate=32_000, channels=2))
    rows = BOTH(reader.Item(str(path)))
    signal = tone(4, 32_000)[24_000:104_000] * 0.75  # the mean of 1 and a half
    expected = _expected_spectrogram(signal.astype(np.float32))
    strong = expected > expected.max() - 60
    difference = np.abs(rows["audio"][..., 0] - expected)
    assert rows["audio"].dtype == np.float16
    assert difference[strong].max() < 0.05


def test_preset_code_takes_the_sound_for_one_of_twice_its_rate(tmp_path):
    assert recipes.get("rml", "code").data["rate_factor"] == 2
    assert recipes.get("rml", "paper").data["rate_factor"] == 1
    path = tmp_path / "an1.avi"
    kind = ("avi", "mpeg4", "pcm_s16le")
    path.write_bytes(clip(kind, (320, 240), 6, sample_rate=16_000))
    half = reader.Reader(audio=(256, 256, 1), rate_factor=2)
    rows = half(reader.Item(str(path)))
    # 80,000 samples, 5 seconds at 16 kHz, are the 2.5 seconds at 32 kHz.
    signal = tone(6, 16_000)[8_000:88_000]
    expected = _expected_spectrogram(signal.astype(np.float32))
    strong = expected > expected.max() - 60
    assert np.abs(rows["audio"][..., 0] - expected)[strong].max() < 0.05


def test_training_frames_are_drawn_from_46(root):
    listing = recipes.open_split(_recipe(frames=46), "train", root)
    for item in listing.groups[0].items:
        assert sorted(item.offsets) == list(range(-22, 24))
    for part in ("validation", "test"):
        listing = recipes.open_split(_recipe(), part, root)
        assert {item.offsets for item in listing.groups[0].items} == {(0,)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 47}, "data.frames must be in 1 to 46. Received: 47"),
        ({"rate_factor": 3}, "data.rate_factor must be 1 or 2. Received: 3"),
        ({"seconds": 0.0}, "data.seconds must be in 0.1 to 30"),
        ({"seconds": float("nan")}, "data.seconds must be in 0.1 to 30"),
        ({"split": "speakers"}, "Unknown data.split speakers. Did you mean speaker"),
        ({"split": "speaker", "fold": 8}, "data.fold must be in 0 to 7. Received: 8"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message, root):
    recipe = dataclasses.replace(RECIPE, data={**RECIPE.data, **settings})
    with pytest.raises(ValueError, match=message):
        recipes.open_split(recipe, "test", root)


def test_what_is_no_clip_is_listed_with_the_reason(own):
    folder = own / "rml"
    (folder / "readme.txt").write_text("hello")
    (folder / "an9.avi").write_bytes(clip(AVI))
    (folder / "s1" / "zz1.avi").write_bytes(clip(AVI))
    (folder / "s2" / "Di 7.AVI").write_bytes(clip(AVI))
    (folder / "s2" / "su8.mp4").write_bytes(clip(("mp4", "mpeg4", "aac")))
    (folder / "s2" / "a" / "b").mkdir(parents=True)
    (folder / "s2" / "a" / "b" / "an1.avi").write_bytes(clip(AVI))
    (folder / "s1" / "loop").symlink_to(folder, target_is_directory=True)
    parts = _open(own)
    assert {"rml/s2/Di 7", "rml/s2/su8"} <= set().union(
        *(each.names for each in parts.values())
    )
    left = {each.name: each for each in parts["train"].skipped}
    assert not parts["test"].skipped
    assert "it is not an .avi file" in left["rml/readme.txt"].reason
    assert left["rml/readme.txt"].expected
    assert "not in a speaker's folder" in left["rml/an9"].reason
    assert not left["rml/an9"].expected
    assert "starts with none of an, di, fe" in left["rml/s1/zz1"].reason
    assert "rml/s2/a/b" in left
    assert left["rml/s1/loop"].expected
    assert sum(map(len, parts.values())) == 20


def test_a_speakers_folder_that_is_a_broken_link_counts_as_damaged(own):
    folder = own / "rml" / "s9"
    folder.symlink_to("nowhere")
    (left,) = _open(own)["train"].skipped
    assert (left.name, left.expected) == ("rml/s9", False)
    assert left.reason == f"{folder}: No such file or directory"


def test_one_name_twice_is_refused(own):
    (own / "rml" / "s1" / "AN1.mkv").write_bytes(clip(AVI))
    with pytest.raises(ValueError, match=r"an1\.avi appears twice, with") as caught:
        _open(own)
    assert "\n" not in str(caught.value)


def test_absent_and_too_few_clips_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="ask the Ryerson Multimedia"):
        _open(tmp_path)
    (tmp_path / "rml").mkdir()
    with pytest.raises(ValueError, match="RML has no clips for the train split: 0 in"):
        _open(tmp_path)
    write_rml(tmp_path, speakers=2)
    with pytest.raises(ValueError, match=r"needs 3 speakers or more\. Found: 2"):
        _open(tmp_path, split="speaker")


@pytest.mark.parametrize("damage", PLAIN)
def test_a_damaged_clip_is_left_out(damage, own):
    path = own / "rml" / "s1" / "an1.avi"
    damaged(path, path.read_bytes(), damage)
    names = set()
    for part in SPLITS:
        value, error = outcome(
            lambda _, part=part: recipes.load_split(_recipe(), part, own), path
        )
        assert error is None
        names |= set(value.samples)
    assert len(names) == 17
    assert "rml/s1/an1" not in names


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"size": (160, 120)}, "it must have 380 x 380 pixels or more. Received: 160"),
        ({"kind": ("avi", "mpeg4", None), "size": (320, 240)}, "it has no sound"),
        ({"seconds": 31, "rate": 10, "size": (320, 240)}, r"it lasts 31\.\d seconds"),
    ],
)
def test_clips_out_of_the_ordinary_are_refused_with_the_reason(
    settings, reason, tmp_path
):
    path = tmp_path / "an1.avi"
    path.write_bytes(clip(**{"kind": AVI, **settings}))
    with pytest.raises(ValueError, match=reason) as caught:
        BOTH(reader.Item(str(path)))
    assert str(path) in str(caught.value)


@EXAMPLES
def test_a_mutated_clip_is_refused_or_well_formed(examples, tmp_path):
    def check(rows):
        assert rows["image"].shape == (128, 128, 3)
        assert rows["audio"].shape == (256, 256, 1)
        assert np.isfinite(rows["audio"]).all()

    content = clip(AVI, (320, 240), 0.5)
    path = tmp_path / "an1.avi"
    try_mutations(
        lambda path: BOTH(reader.Item(str(path))), content, path, examples, check
    )


def test_a_clip_of_ones_own(root):
    path = root / "rml" / "s1" / "an1.avi"
    rows = BOTH(reader.Item(str(path)))
    image = recipes.read_sample(recipes.get("rml", "paper"), "image", path)
    np.testing.assert_allclose(image, rows["image"] / 255, atol=1e-6)
    audio = recipes.read_sample(recipes.get("rml", "paper"), "audio", path)
    assert np.array_equal(audio, rows["audio"])


@pytest.mark.parametrize("size", [(320, 240), (720, 480), (640, 400)])
def test_a_picture_of_a_frame_is_cropped_like_the_frame(size, tmp_path):
    path = tmp_path / "an1.avi"
    path.write_bytes(clip(AVI, size, 1))
    pictures, _ = _decoded(path)
    Image.fromarray(pictures[15]).save(tmp_path / "a.png")
    found = recipes.read_sample(RECIPE, "image", tmp_path / "a.png")
    expected = recipes.read_sample(RECIPE, "image", path)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("size", [(128, 128), (200, 260), (900, 900)])
def test_of_another_picture_the_central_square_is_taken(size, tmp_path):
    width, height = size
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    found = reader.read_picture(tmp_path / "a.png", (128, 128, 3))
    top, left, side = (height - min(size)) // 2, (width - min(size)) // 2, min(size)
    square = Image.fromarray(picture[top : top + side, left : left + side])
    expected = square.resize((128, 128), Image.Resampling.BILINEAR)
    assert np.array_equal(found, np.asarray(expected))
