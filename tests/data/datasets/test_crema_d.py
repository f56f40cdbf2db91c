"""crema-d from clips made in the official layout."""

import contextlib
import dataclasses
import pickle
import types

import av
import librosa
import numpy as np
import pytest
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations
from PIL import Image
from tiny_clips import (
    EMOTIONS,
    clip,
    crema_d_names,
    tone,
    write_crema_d,
    write_demographics,
)
from tiny_sources import write_wav

from cmvq_keras import recipes
from cmvq_keras.data.datasets.crema_d import clips as crema_d_clips
from cmvq_keras.data.datasets.crema_d.clips import Item, Reader
from cmvq_keras.data.transforms import clips

pytestmark = pytest.mark.once

RECIPE = recipes.get("crema-d")
SPLITS = ("train", "validation", "test")
BOTH = Reader(image=(128, 128, 3), audio=(256, 256, 1))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_crema_d(folder)
    return folder


@pytest.fixture
def own(tmp_path):
    """A data root that a test may spoil: a clip of every emotion in each list."""
    write_crema_d(tmp_path, (1, 1, 1))
    return tmp_path


def _recipe(root, modality=None, **settings):
    settings = {"split": str(root / "crema_d" / "lists"), **settings}
    recipe = RECIPE.with_settings({f"data.{key}": settings[key] for key in settings})
    return recipe.with_modality(modality) if modality else recipe


def _flv(root, name):
    return root / "crema_d" / "VideoFlash" / f"{name}.flv"


def _wav(root, name):
    return root / "crema_d" / "AudioWAV" / f"{name}.wav"


def _decoded(path):
    """All pictures, and the sound's channels, by PyAV alone."""
    with av.open(str(path)) as container:
        pictures = [
            each.to_ndarray(format="rgb24") for each in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        blocks = [each.to_ndarray() for each in container.decode(audio=0)]
    return pictures, np.concatenate(blocks, axis=1)


def _expected_picture(picture):
    face = Image.fromarray(picture[0:280, 100:380])
    return np.asarray(face.resize((128, 128), Image.Resampling.BILINEAR))


def _expected_spectrogram(signal):
    power = librosa.feature.melspectrogram(
        y=signal, sr=44_100, n_fft=2048, win_length=512, hop_length=353, n_mels=256
    )
    level = librosa.power_to_db(power)
    spare = 256 - level.shape[1]
    if spare < 0:
        return level[:, -spare // 2 :][:, :256]
    return np.pad(level, ((0, 0), (spare // 2, spare - spare // 2)), mode="reflect")


def test_every_split_is_complete_and_as_the_recipe_says(root):
    for split in SPLITS:
        loaded = recipes.load_split(_recipe(root), split, root)
        assert sorted(loaded.samples) == sorted(crema_d_names()[split])
        codes = [name.split("_")[2] for name in loaded.samples]
        # Codes and classes are both in alphabetical order.
        assert loaded.y.tolist() == [EMOTIONS.index(code) for code in codes]
        for name, modality in RECIPE.modalities.items():
            assert loaded.x[name].shape == (len(loaded), *modality.shape)


@pytest.mark.slow(reason="makes clips of official size")
def test_frames_and_spectrogram_equal_an_independent_computation(root):
    path = _flv(root, "1001_DFA_FEA_XX")
    rows = BOTH(Item(str(path), None, (0, -15, 15, 3)))
    pictures, sound = _decoded(path)
    assert len(pictures) == 45
    assert rows["image"].dtype == np.uint8
    for view, number in zip(rows["image"], (22, 7, 37, 25), strict=True):
        np.testing.assert_array_equal(view, _expected_picture(pictures[number]))
    assert rows["audio"].shape == (256, 256, 1)
    assert rows["audio"].dtype == np.float16
    expected = _expected_spectrogram(sound.mean(axis=0))
    np.testing.assert_allclose(rows["audio"][..., 0], expected, atol=0.035)


def test_the_channels_are_averaged_and_another_rate_is_resampled(tmp_path):
    path = tmp_path / "a.flv"
    path.write_bytes(clip(seconds=2.5, channels=2))
    stereo = Reader(audio=(256, 256, 1))(Item(str(path), None))["audio"]
    _, sound = _decoded(path)
    assert sound.shape[0] == 2
    expected = _expected_spectrogram(sound.mean(axis=0))
    np.testing.assert_allclose(stereo[..., 0], expected, atol=0.035)
    path.write_bytes(clip(seconds=2.5, sample_rate=22_050))
    low = Reader(audio=(256, 256, 1))(Item(str(path), None))["audio"]
    # The tone is where it was, and as loud.
    assert low.max() == pytest.approx(stereo.max() + 20 * np.log10(4 / 3), abs=0.5)
    assert np.argmax(low.mean(axis=1)) == np.argmax(stereo.mean(axis=1))


def test_the_crop_is_exact_to_the_pixel(monkeypatch):
    # Noise: a column more or less changes every value.
    picture = np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8)
    opened = types.SimpleNamespace(
        rate=30, size=(360, 480), frames_around_middle=lambda offsets: [picture]
    )
    monkeypatch.setattr(
        crema_d_clips.video, "open_clip", lambda *_: contextlib.nullcontext(opened)
    )
    found = crema_d_clips.read_image("a.flv", (128, 128, 3))
    np.testing.assert_array_equal(found, _expected_picture(picture))


def test_channels_that_cancel_each_other_are_refused():
    signal = np.array([[0.5, -0.5], [-0.5, 0.5]], np.float32)
    clip_of_two = types.SimpleNamespace(sound=lambda: (signal, 44_100))
    with pytest.raises(ValueError, match="the mean of its sound's channels is silent"):
        clips.mono(clip_of_two, 44_100)


@pytest.mark.parametrize(("rate", "expected"), [(15, (14, 22, 30)), (30, (7, 22, 37))])
def test_the_range_is_one_second_whatever_the_rate(rate, expected, tmp_path):
    path = tmp_path / "a.flv"
    path.write_bytes(clip(rate=rate, seconds=45 / rate))
    rows = Reader(image=(128, 128, 3))(Item(str(path), None, (-15, 0, 15)))
    pictures, _ = _decoded(path)
    for view, number in zip(rows["image"], expected, strict=True):
        np.testing.assert_array_equal(view, _expected_picture(pictures[number]))


def test_a_short_clip_keeps_to_its_own_frames(tmp_path):
    path = tmp_path / "a.flv"
    path.write_bytes(clip(seconds=0.5))
    rows = BOTH(Item(str(path), None, (-15, 15)))
    pictures, sound = _decoded(path)
    for view, number in zip(rows["image"], (0, 14), strict=True):
        np.testing.assert_array_equal(view, _expected_picture(pictures[number]))
    expected = _expected_spectrogram(sound.mean(axis=0))
    np.testing.assert_allclose(rows["audio"][..., 0], expected, atol=0.035)


def test_training_frames_are_drawn_by_seed_and_name_alone(root):
    listing = recipes.open_split(_recipe(root, frames=31), "train", root)
    offsets = {
        name: item.offsets
        for name, item in zip(listing.names, listing.groups[0].items, strict=True)
    }
    assert all(sorted(drawn) == list(range(-15, 16)) for drawn in offsets.values())
    assert len(set(offsets.values())) == len(offsets)
    few = recipes.open_split(_recipe(root, frames=2), "train", root)
    for name, item in zip(few.names, few.groups[0].items, strict=True):
        assert item.offsets == offsets[name][:2]
    other = recipes.open_split(_recipe(root, seed=1), "train", root)
    assert all(
        item.offsets != offsets[name][:4]
        for name, item in zip(other.names, other.groups[0].items, strict=True)
    )
    for split in ("validation", "test"):
        listing = recipes.open_split(_recipe(root), split, root)
        assert {item.offsets for item in listing.groups[0].items} == {(0,)}


@pytest.mark.parametrize("frames", [0, 32])
def test_more_frames_than_the_range_has_are_refused(frames, root):
    with pytest.raises(ValueError, match=r"data\.frames must be in 1 to 31"):
        recipes.open_split(_recipe(root, frames=frames), "test", root)


def test_attributes_say_who_what_and_where_from(root):
    listing = recipes.open_split(_recipe(root, frames=2), "train", root)
    row = list(listing.names).index("1002_DFA_HAP_XX")
    attributes = {key: words[row] for key, words in listing.attributes.items()}
    drawn = [int(word) for word in attributes.pop("frames").split()]
    assert tuple(drawn) == listing.groups[0].items[row].offsets
    assert attributes == {
        "actor": "1002",
        "sex": "Female",
        "race": "Asian",
        "ethnicity": "Not Hispanic",
        "age": "22",
        "sentence": "DFA",
        "level": "XX",
        "sound": "clip",
    }
    assert listing.tolerant
    assert "clone the repository with git lfs" in listing.missing_hint


def test_items_and_their_reader_reach_other_processes(root):
    listing = recipes.open_split(_recipe(root), "test", root)
    (group,) = listing.groups
    again = pickle.loads(pickle.dumps((group.read, list(group.items))))
    assert again == (group.read, list(group.items))
    assert group.costly


@pytest.mark.parametrize(
    ("modality", "folder"), [("image", "AudioWAV"), ("audio", "VideoFlash")]
)
def test_one_modality_needs_its_own_files_alone(modality, folder, own):
    for path in (own / "crema_d" / folder).iterdir():
        path.unlink()
    (own / "crema_d" / folder).rmdir()
    loaded = recipes.load_split(_recipe(own, modality), "test", own)
    assert len(loaded) == 6
    assert list(loaded.x) == [modality]


def test_without_clips_it_is_told_how_to_get_them(own):
    (own / "crema_d" / "VideoFlash").rename(own / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"VideoFlash.* git lfs") as caught:
        recipes.open_split(_recipe(own), "test", own)
    assert "\n" not in str(caught.value)


def test_the_wav_file_is_taken_where_the_clip_has_no_sound(own):
    name = crema_d_names((1, 1, 1))["test"][0]
    _flv(own, name).write_bytes(clip(("flv", "flv", None)))
    listing = recipes.open_split(_recipe(own), "test", own)
    row = list(listing.names).index(name)
    assert listing.attributes["sound"][row] == "wav"
    rows = listing.groups[0].read(listing.groups[0].items[row])
    expected = librosa.resample(
        tone(1.5, 16_000, 300), orig_sr=16_000, target_sr=44_100, res_type="polyphase"
    )
    expected = _expected_spectrogram(expected.astype(np.float32))
    strong = expected > expected.max() - 60
    difference = np.abs(rows["audio"][..., 0] - expected)
    assert difference[strong].max() < 0.2
    _wav(own, name).unlink()
    (left,) = recipes.open_split(_recipe(own), "test", own).skipped
    assert left.name == name
    assert "has no sound" in left.reason
    assert len(recipes.open_split(_recipe(own, "image"), "test", own)) == 6


def test_the_wav_file_is_taken_where_the_sound_is_damaged(own, caplog):
    name = crema_d_names((1, 1, 1))["test"][0]
    silent = clip(("flv", "flv", "pcm_s16le"), pitch=0)
    _flv(own, name).write_bytes(silent)
    item = Item(str(_flv(own, name)), str(_wav(own, name)))
    rows = BOTH(item)
    assert np.array_equal(
        rows["audio"], crema_d_clips.read_audio(item.wav, (256, 256, 1))
    )
    assert "its sound is silent; its WAV file is taken instead" in caplog.text
    with pytest.raises(ValueError, match="its sound is silent"):
        BOTH(item._replace(wav=None))
    write_wav(_wav(own, name), np.zeros(16_000), 16_000)
    with pytest.raises(ValueError, match=r"XX\.wav is silent"):
        BOTH(item)
    write_wav(_wav(own, name), tone(0.3, 16_000), 16_000)
    with pytest.raises(ValueError, match=r"XX\.wav lasts only 0\.30 seconds"):
        BOTH(item)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"size": (320, 240)}, "it has 320 x 240 pixels, not 480 x 360"),
        ({"seconds": 12}, r"it lasts 12\.\d seconds, not up to 10"),
        ({"kind": ("flv", "flv", None)}, "it has no sound"),
    ],
)
def test_clips_out_of_the_ordinary_are_refused_with_the_reason(
    settings, reason, tmp_path
):
    path = tmp_path / "a.flv"
    path.write_bytes(clip(**settings))
    with pytest.raises(ValueError, match=reason) as caught:
        BOTH(Item(str(path), None))
    assert str(path) in str(caught.value)


def test_known_damage_is_expected_and_any_other_counts(own):
    lists = own / "crema_d" / "lists"
    known = ("1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_SAD_XX")
    with (lists / "test.csv").open("a") as file:
        for name in (*known, "1076_MTI_NEU_XX"):
            file.write(f"{name},{name.split('_')[2]}\n")
    _flv(own, "1076_MTI_NEU_XX").write_bytes(clip())
    _wav(own, "1076_MTI_NEU_XX").write_bytes(_wav(own, "1003_DFA_SAD_XX").read_bytes())
    listing = recipes.open_split(_recipe(own), "test", own)
    assert {each.name for each in listing.skipped} == set(known)
    assert all(each.expected for each in listing.skipped)
    assert all(each.reason.startswith("known: ") for each in listing.skipped)
    row = list(listing.names).index("1076_MTI_NEU_XX")
    assert listing.attributes["sound"][row] == "wav"
    assert len(recipes.load_split(_recipe(own), "test", own)) == 7


def test_a_pointer_a_missing_and_a_cut_clip_are_left_out_with_the_reason(own):
    names = crema_d_names((1, 1, 1))["test"]
    _flv(own, names[0]).write_text("version https://git-lfs.github.com/spec/v1\n")
    listing = recipes.open_split(_recipe(own), "test", own)
    (left,) = listing.skipped
    assert (left.name, left.expected) == (names[0], False)
    assert "a git-lfs pointer, not the file itself. Run `git lfs pull`" in left.reason
    # One may be damaged; of the second one on, more than 1 % are.
    assert len(recipes.load_split(_recipe(own), "test", own)) == 5
    _flv(own, names[1]).unlink()
    with pytest.raises(ValueError, match=r"More than 1%.*git lfs pull") as caught:
        recipes.load_split(_recipe(own), "test", own)
    assert "No such file" in str(caught.value)
    assert "\n" not in str(caught.value)


def _is_well_formed(rows):
    for name, values in rows.items():
        assert values.shape == RECIPE.modalities[name].shape
        assert np.isfinite(values).all()


@EXAMPLES
def test_a_mutated_clip_is_refused_or_well_formed(examples, tmp_path):
    path = tmp_path / "a.flv"
    try_mutations(
        lambda path: BOTH(Item(str(path), None)),
        clip(seconds=0.5),
        path,
        examples,
        _is_well_formed,
    )


@EXAMPLES
def test_a_mutated_wav_file_is_refused_or_well_formed(examples, tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, tone(0.5, 16_000), 16_000)
    reader = Reader(audio=(256, 256, 1))
    try_mutations(
        lambda path: reader(Item(None, str(path))),
        path.read_bytes(),
        path,
        examples,
        _is_well_formed,
    )


@pytest.mark.parametrize("damage", PLAIN)
@pytest.mark.parametrize("folder", ["VideoFlash", "AudioWAV"])
def test_damaged_files_are_left_out(folder, damage, own):
    name = crema_d_names((1, 1, 1))["test"][0]
    flv, wav = _flv(own, name), _wav(own, name)
    path = flv if folder == "VideoFlash" else wav
    if path == wav:
        flv.write_bytes(clip(("flv", "flv", None)))
    damaged(path, path.read_bytes(), damage)
    loaded = recipes.load_split(_recipe(own), "test", own)
    assert len(loaded) == 5
    assert name not in loaded.samples


# What a cut table lacks is noticed where it is needed.
@pytest.mark.parametrize("damage", [each for each in PLAIN if each != "cut"])
def test_a_damaged_table_of_actors_is_refused(damage, own):
    path = own / "crema_d" / "VideoDemographics.csv"
    damaged(path, path.read_bytes(), damage)
    refused(lambda _: recipes.open_split(_recipe(own), "test", own), path, path.name)


def test_an_actor_without_an_entry_is_named(own):
    path = own / "crema_d" / "VideoDemographics.csv"
    write_demographics(path, [1001, 1002])
    with pytest.raises(ValueError, match=r"Demographics\.csv lacks actor 1003"):
        recipes.open_split(_recipe(own), "test", own)
    with pytest.raises(ValueError, match=r"lacks actor 1003"):
        recipes.open_split(_recipe(own, split="actor-disjoint"), "test", own)


def test_a_clip_and_a_wav_file_of_ones_own(root, tmp_path):
    name = "1001_DFA_FEA_XX"
    row = BOTH(Item(str(_flv(root, name)), None))
    plain = dataclasses.replace(
        RECIPE,
        modalities={
            key: dataclasses.replace(each, offset=0.0, scale=1.0)
            for key, each in RECIPE.modalities.items()
        },
    )
    image = recipes.read_sample(plain, "image", _flv(root, name))
    np.testing.assert_allclose(image, row["image"] / 255, atol=1e-6)
    audio = recipes.read_sample(plain, "audio", _flv(root, name))
    assert np.array_equal(audio, row["audio"])
    assert recipes.read_sample(plain, "audio", _wav(root, name)).shape == (256, 256, 1)
    with pytest.raises(ValueError, match=r"must end in .npy or .flv or .avi"):
        recipes.read_sample(plain, "image", tmp_path / "a.gif")


def test_a_picture_of_a_frame_is_cropped_like_the_frame(tmp_path):
    path = tmp_path / "a.flv"
    path.write_bytes(clip())
    with av.open(str(path)) as container:
        frames = [each.to_ndarray(format="rgb24") for each in container.decode(video=0)]
    Image.fromarray(frames[len(frames) // 2]).save(tmp_path / "a.png")
    found = recipes.read_sample(RECIPE, "image", tmp_path / "a.png")
    assert np.array_equal(found, recipes.read_sample(RECIPE, "image", path))
    # A square picture counts as cropped already.
    Image.fromarray(frames[0][:200, :200]).save(tmp_path / "a.png")
    found = recipes.read_sample(RECIPE, "image", tmp_path / "a.png")
    whole = Image.fromarray(frames[0][:200, :200]).resize(
        (128, 128), Image.Resampling.BILINEAR
    )
    np.testing.assert_allclose(found, np.asarray(whole) / 127.5 - 1, atol=1e-6)
