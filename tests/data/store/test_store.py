"""The prepared store: what goes in comes out, whatever happens on the way."""

import dataclasses
import json
import os
import sys

import numpy as np
import pytest
import tiny_sources

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.data import Sample, SkippedSample, Store
from cmvq_keras.data.formats import npy
from cmvq_keras.data.split import SPLITS, Split
from cmvq_keras.data.store import check, contact_sheet
from cmvq_keras.data.store.reader import StoredArray, load
from cmvq_keras.data.store.rows import Rows
from cmvq_keras.recipe import Modality, Recipe

pytestmark = pytest.mark.once

CLASSES = ("cat", "dog", "cow")
SHAPES = {"image": (4, 4, 3), "sound": Modality((6, 5, 1), "audio")}


def samples(split, count=7):
    """Yields tiny samples, the same ones at every call."""
    generator = np.random.default_rng(len(split))
    for index in range(count):
        image = generator.integers(0, 256, (4, 4, 3), np.uint8)
        sound = generator.normal(size=(6, 5, 1)).astype(np.float16)
        x = {"image": image, "sound": sound}
        yield Sample(x, index % 3, f"{split}-{index}", {"actor": index, "sex": "f"})


def make(root, origin="samples", **changes):
    splits = {split: lambda split=split: samples(split) for split in SPLITS}
    return Store.create(root, (SHAPES, CLASSES), {**splits, **changes}, origin=origin)


@pytest.fixture
def store(tmp_path):
    return make(tmp_path)


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_samples_come_out_as_they_went_in(store):
    part = Store.open(store.folder).split("train")
    expected = list(samples("train"))
    assert len(part) == len(expected) == 7
    for index, sample in enumerate(expected):
        for name, values in sample.x.items():
            assert isinstance(part.x[name].values, np.memmap)
            assert part.x[name].dtype == values.dtype
            np.testing.assert_array_equal(part.x[name][[index]], values[None])
        assert part.y[index] == sample.y
    assert part.samples.tolist() == [sample.name for sample in expected]
    assert part.attributes["actor"].tolist() == [str(i) for i in range(7)]
    assert part.attributes["sex"].tolist() == ["f"] * 7
    assert store.recipe.classes == CLASSES
    assert list(store.recipe.modalities) == ["image", "sound"]


def test_arrays_a_split_and_samples_give_the_same_bytes(store, tmp_path):
    part = store.split("train")
    x = {name: values[:] for name, values in part.x.items()}
    arrays = (x, part.y, part.samples, part.attributes)
    again = make(tmp_path / "arrays", train=arrays)
    assert content(again.folder) == content(store.folder)
    bare = make(tmp_path / "split", train=Split(x, part.y, part.samples))
    np.testing.assert_array_equal(bare.split("train").x["sound"][:], x["sound"])
    unnamed = make(tmp_path / "unnamed", train=(x, part.y))
    assert unnamed.split("train").samples[3] == "train/3"


def test_a_row_writer_writes_the_bytes_of_numpy(tmp_path):
    values = np.random.default_rng(0).normal(size=(1000, 3, 2)).astype(np.float32)
    writer = npy.RowWriter(tmp_path / "a.npy", "float32", (3, 2))
    for part in (values[:1], values[1:400], values[400:]):
        writer.append(part)
    writer.close()
    np.save(tmp_path / "b.npy", values)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_a_killed_preparation_goes_on_and_ends_with_the_same_bytes(store, tmp_path):
    def killed():
        yield from samples("validation", 3)
        raise KeyboardInterrupt

    root = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        make(root, validation=killed)
    assert not (root / "own").exists()
    kept = (root / ".own.partial" / "train" / "image.npy").stat()
    asked = []

    def counted(split):
        asked.append(split)
        return samples(split)

    again = make(root, **{split: lambda s=split: counted(s) for split in SPLITS})
    assert asked == ["validation", "test"]
    assert content(again.folder) == content(store.folder)
    assert sorted(path.name for path in root.iterdir()) == [".own.lock", "own"]
    now = (again.folder / "train" / "image.npy").stat()
    assert (now.st_ino, now.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


@pytest.mark.parametrize("damage", ["cut", "progress", "origin"])
def test_a_damaged_or_another_remainder_is_made_again(store, tmp_path, damage):
    def killed():
        raise KeyboardInterrupt

    root = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        make(root, test=killed)
    partial = root / ".own.partial"
    asked = []
    if damage == "cut":
        path = partial / "train" / "sound.npy"
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "progress":
        (partial / "progress.json").write_text('{"plan"')
    splits = {
        split: lambda split=split: asked.append(split) or samples(split)
        for split in SPLITS
    }
    origin = "elsewhere" if damage == "origin" else "samples"
    again = Store.create(root, (SHAPES, CLASSES), splits, origin=origin)
    assert asked == (["train", "test"] if damage == "cut" else list(SPLITS))
    assert content(again.folder) == content(store.folder)


def test_nothing_is_overwritten_without_force(store, tmp_path):
    before = content(store.folder)
    with pytest.raises(FileExistsError, match="already holds a store"):
        make(tmp_path)
    assert content(store.folder) == before
    other = Store.create(
        tmp_path, (SHAPES, CLASSES), {"test": samples("test", 3)}, force=True
    )
    assert len(other.split("test")) == 3
    assert not (store.folder / "train").exists()


def test_force_replaces_a_store_and_nothing_else(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="exists and is not a store"):
        Store.create(tmp_path, (SHAPES, CLASSES), {"test": samples("a")}, force=True)
    assert (tmp_path / "own" / "thesis.txt").exists()


def test_what_was_left_out_is_in_the_manifest(tmp_path):
    mixed = [*samples("train", 2), SkippedSample("1076_MTI", "no audio")]
    store = make(tmp_path, train=mixed)
    expected = {"split": "train", "sample": "1076_MTI", "reason": "no audio"}
    assert store.manifest["left_out"] == [expected]
    assert len(store.split("train")) == 2


def changed(**changes):
    sample = next(samples("train"))
    x = {**sample.x, **changes.pop("x", {})}
    fields = {"y": 0, "name": "odd", "attributes": sample.attributes, **changes}
    return [*samples("train", 2), Sample(x, **fields)]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (changed(y=3), r"labels must be in \[0, 2\]. Received: 3"),
        (changed(y=0.5), "a label must be one integer. Received: .* float64"),
        (changed(name="train-1"), "a name of its own on one line. Received: 'train-1'"),
        (changed(name="a\nb"), "a name of its own on one line"),
        (changed(attributes={"actor": 1}), "must have the attributes"),
        (changed(x={"image": np.zeros((4, 4, 3))}), "image must be uint8, float16"),
        (changed(x={"image": np.zeros((4, 5, 3), np.uint8)}), r"must be \(4, 4, 3\)"),
        (changed(x={"image": np.zeros((4, 4, 3), np.float32)}), "as the samples"),
        (changed(x={"sound": np.full((6, 5, 1), np.nan, np.float16)}), "not finite"),
        (changed(x={"smell": np.zeros(1)}), "must have image, sound"),
        ([], "has no samples"),
        (({"image": np.zeros((2, 4, 4, 3), np.uint8)}, np.zeros(3, int)), "3 rows"),
    ],
)
def test_samples_that_do_not_fit_are_named(tmp_path, source, told):
    with pytest.raises(ValueError, match=told):
        make(tmp_path, train=source)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (None, "test has no labels. Received: None"),
        ([0, None, 1], "sample test/1 has no label. Received: None. Leave samples"),
        ([0.0, 1.0, np.nan], "sample test/2 has no label. Received: nan. Leave samp"),
    ],
)
@pytest.mark.parametrize("outputs", [("cat", "dog"), {"age": cmvq.Target()}])
def test_a_missing_label_is_told_with_its_sample(labels, told, outputs, tmp_path):
    x = {"sensor": np.zeros((3, 2), np.float32)}
    with pytest.raises(ValueError, match=told) as error:
        Store.create(tmp_path, ({"sensor": (2,)}, outputs), {"test": (x, labels)})
    assert "\n" not in str(error.value)


def test_labels_and_byte_orders_of_any_kind_are_taken(tmp_path):
    x = {
        "image": np.zeros((300, 4, 4, 3), ">f4"),
        "sound": np.ones((300, 6, 5, 1), "f"),
    }
    store = make(tmp_path, train=(x, np.arange(300, dtype=np.uint64) % 3))
    assert store.split("train").y.dtype == np.int32
    assert store.manifest["splits"]["train"]["class_counts"] == [100, 100, 100]
    assert not check.check(store).faults


def test_a_full_disk_is_told_with_the_files_name(tmp_path):
    resource = pytest.importorskip("resource", reason="not on this platform")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OSError, match=r"\w+\.npy") as caught:
            make(tmp_path, validation=samples("validation", 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename.endswith(".npy")
    assert (
        len(make(tmp_path, validation=samples("validation", 200)).split("train")) == 7
    )


def test_names_that_are_no_file_names_are_refused(tmp_path):
    for name in ("../out", "labels", "a/b", ".hidden", ""):
        with pytest.raises(ValueError, match="needs a name of letters"):
            Store.create(tmp_path, ({name: (4, 4, 1)}, CLASSES), {"test": []})
    with pytest.raises(ValueError, match="Unknown split tests"):
        Store.create(tmp_path, (SHAPES, CLASSES), {"tests": []})
    assert not list(tmp_path.iterdir())


def test_a_root_with_several_stores_wants_a_name(store, tmp_path):
    assert Store.open(tmp_path).folder == store.folder
    with pytest.raises(FileNotFoundError, match="holds no store"):
        Store.open(tmp_path / "none")
    cmvq.prepare(recipes.get("planted").with_settings(LIMIT), out=tmp_path)
    with pytest.raises(ValueError, match="several stores: own, planted"):
        Store.open(tmp_path)
    assert Store.open(tmp_path, "own").folder == store.folder


def edit(store, function):
    path = store.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    function(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("value", [False, True])
def test_a_store_of_0_1_0_is_read_without_a_removed_setting(store, value):
    edit(store, lambda manifest: manifest["recipe"]["training"].update(recompute=value))
    found = Store.open(store.folder)
    assert found.recipe == store.recipe
    assert not check.check(found).faults


FILES = "splits.train.files"


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("format", 2, '"format": 1'),
        ("recipe", None, "recipe"),
        ("recipe.name", "../other", "a name of letters"),
        ("recipe.modalities.image.shape", 7, "positive integers"),
        ("splits", {}, "no splits"),
        ("splits", {"../train": {}}, "unknown split"),
        ("splits.train", [], "count must be an integer"),
        ("splits.train.count", -1, "count must be an integer"),
        ("splits.train.samples_sha256", "0", "SHA-256"),
        (FILES, {"../../secret.npy": {}}, "files must be image.npy"),
        (f"{FILES}.image.npy.dtype", "object", "dtype must be one of"),
        (f"{FILES}.image.npy.shape", [7, 4, 4, 10**12], "shape must be"),
        (f"{FILES}.image.npy.bytes", True, "bytes must be an integer"),
        (f"{FILES}.labels.npy.sha256", 7, "SHA-256"),
        ("settings.limit", 5, "settings are not those of its recipe"),
        ("left_out", [1], "damaged"),
    ],
)
def test_a_damaged_manifest_is_told_in_one_line(store, place, value, told):
    def change(manifest):
        *parents, last = place.replace(".npy", "|npy").split(".")
        for key in parents:
            manifest = manifest[key.replace("|", ".")]
        manifest[last] = value

    edit(store, change)
    with pytest.raises(ValueError, match=told) as caught:
        Store.open(store.folder)
    assert "manifest.json is damaged: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_were_mutated_end_in_typed_errors(store):
    generator = np.random.default_rng(0)
    for name in ("manifest.json", "train/image.npy", "train/meta.csv"):
        path = store.folder / name
        good = path.read_bytes()
        for _ in range(100):
            bad = bytearray(good)
            start = generator.integers(len(bad) if name[0] == "m" else 150)
            bad[start : start + 3] = generator.bytes(generator.integers(6))
            path.write_bytes(bad)
            try:
                Store.open(store.folder).split("train")
            except (ValueError, FileNotFoundError) as error:
                assert str(path.parent) in str(error)  # noqa: PT017
        path.write_bytes(good)
    assert not check.check(Store.open(store.folder)).faults


def cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def save(values):
    return lambda path: np.save(path, values)


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("image.npy", cut, "must have .* bytes"),
        ("image.npy", save(np.zeros((7, 4, 3, 4), np.uint8)), r"must be \(7, 4, 4, 3"),
        ("sound.npy", save(np.zeros((7, 6, 5, 1), np.int16)), "must be .* float16"),
        ("labels.npy", save(np.full(7, 3, np.int32)), "labels out of range"),
        ("labels.npy", os.unlink, "labels.npy is missing"),
        ("meta.csv", cut, "manifest's size"),
    ],
)
def test_a_damaged_file_is_not_read(store, name, damage, told):
    damage(store.folder / "train" / name)
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        Store.open(store.folder).split("train")
    faults = check.check(Store.open(store.folder)).faults
    assert faults
    assert all(str(store.folder / "train" / name) in fault for fault in faults)


def test_values_are_checked_byte_by_byte(store):
    for split in ("train", "test"):
        path = store.folder / split / "sound.npy"
        np.save(path, np.full((7, 6, 5, 1), np.nan, np.float16))
    image = store.folder / "test" / "image.npy"
    image.write_bytes(image.read_bytes()[:-1] + b"?")
    faults = "\n".join(check.check(store).faults)
    assert faults.count("not finite, first in row 0") == 2
    assert faults.count("checksum") == 3


def test_samples_in_two_splits_are_found(tmp_path):
    store = make(tmp_path, test=lambda: samples("train", 2))
    (fault,) = check.check(store).faults
    assert fault == "train and test share 2: train-0, train-1"
    pairs = {"train": ["a + b", "c + d"], "test": ["e + b"], "validation": ["f"]}
    assert check.leakage(pairs) == ["train and test share 1: b"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_no_path_leaves_the_store(store, tmp_path):
    image = store.folder / "train" / "image.npy"
    image.rename(tmp_path / "outside.npy")
    image.symlink_to(tmp_path / "outside.npy")
    with pytest.raises(ValueError, match=r"image.npy is a link, or leads out of"):
        store.split("train")
    image.unlink()
    image.symlink_to(image)
    with pytest.raises(ValueError, match=r"image.npy is a link, or leads out of"):
        store.split("train")
    (store.folder / "manifest.json").rename(tmp_path / "manifest.json")
    (store.folder / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(ValueError, match=r"manifest.json is a link, or leads out of"):
        Store.open(store.folder)


def test_stored_rows_are_normalized_in_any_order():
    values = np.arange(60, dtype=np.uint8).reshape(10, 2, 3, 1)
    modality = Modality((2, 3, 1), offset=0.5, scale=0.25)
    rows = StoredArray(Rows(values), modality)
    expected = (np.float32(values) / np.float32(255) - np.float32(0.5)) / 0.25
    for part in (slice(2, 5), np.array([7, 0, 7, 3]), slice(None)):
        np.testing.assert_array_equal(rows[part], expected[part])
        assert rows[part].dtype == np.float32
    depth = StoredArray(Rows(values), Modality((2, 3, 1), "depth"))
    np.testing.assert_array_equal(depth[:], np.float32(values))


LIMIT = {"training.limit": 50}


@pytest.mark.parametrize("name", ["planted", "digits", "av-digits"])
def test_what_a_model_is_fed_is_exactly_the_same(name, tmp_path):
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_svhn(tmp_path, 40, 20)
    tiny_sources.write_fsdd(tmp_path)
    recipe = recipes.get(name).with_settings(LIMIT)
    store = cmvq.prepare(recipe, tmp_path, out=tmp_path / "store")
    for split in SPLITS:
        direct = recipes.load_split(recipe, split, tmp_path, 50)
        stored = recipes.load_split(recipe, split, limit=50, store=store.folder)
        assert list(stored.x) == list(direct.x)
        for modality, values in direct.x.items():
            np.testing.assert_array_equal(stored.x[modality][:], values)
        np.testing.assert_array_equal(stored.y, direct.y)
        np.testing.assert_array_equal(stored.samples, direct.samples)
        dtypes = {str(array.dtype) for array in store.split(split).x.values()}
        assert (
            dtypes
            == {
                "planted": {"float32"},
                "digits": {"uint8"},
                "av-digits": {"uint8", "float32"},
            }[name]
        )
    assert not check.check(store).faults


def test_a_store_of_other_data_is_refused(tmp_path):
    recipe = recipes.get("planted").with_settings(LIMIT)
    cmvq.prepare(recipe, out=tmp_path)
    assert len(load(recipe.with_modality("audio"), "test", tmp_path, 20)) == 20
    for change, told in (
        ({"data.seed": 1}, "data.seed is 0, not 1"),
        ({"training.limit": 51}, "the first 50 samples only"),
        ({"training.limit": None}, "the first 50 samples only"),
    ):
        with pytest.raises(ValueError, match=told):
            load(recipe.with_settings(change), "test", tmp_path)
    small = dataclasses.replace(recipe.modalities["image"], shape=(16, 16, 1))
    other = dataclasses.replace(
        recipe, modalities={**recipe.modalities, "image": small}
    )
    with pytest.raises(ValueError, match="image is"):
        load(other, "test", tmp_path)
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_fsdd(tmp_path)
    pairs = recipes.get("av-digits").with_settings(LIMIT)
    cmvq.prepare(pairs, tmp_path, out=tmp_path / "store")
    with pytest.raises(ValueError, match="it holds pairs of image and audio"):
        load(pairs.with_modality("audio"), "test", tmp_path / "store")


def test_a_sheet_joins_the_visible_ends_of_limbs(tmp_path):
    shapes = {"pose": Modality((12, 13, 3), "pose")}
    pose = np.zeros((3, 12, 13, 3), np.float32)
    pose[:, :, 1] = 1
    pose[:2, :, 0, 2] = 1
    pose[2, :, 2] = (0, 0, 1)
    store = Store.create(
        tmp_path, (shapes, CLASSES), {"test": ({"pose": pose}, np.arange(3))}
    )
    part = {"test": store.split("test")}
    gap, side = contact_sheet.GAP, contact_sheet.SIDE
    middle = gap + 2 * contact_sheet.LINE + side // 2

    def middles(limbs):
        sheet = np.asarray(contact_sheet.draw(store, part, limbs))
        columns = [gap + side // 2 + sample * (side + 2 + gap) for sample in range(3)]
        return [sheet[middle - 2 : middle + 3, left].max() for left in columns]

    dark = middles(None)
    assert len(set(dark)) == 1
    joined = middles({"pose": ((0, 1),)})
    assert joined[0] == joined[1] > 200
    assert joined[2] == dark[2]


def test_a_sheet_shows_every_split_and_kind(tmp_path):
    generator = np.random.default_rng(0)
    shapes = {
        "image": (8, 8, 3),
        "sound": Modality((6, 9, 1), "audio"),
        "pose": Modality((12, 13, 3), "pose"),
        "depth": Modality((8, 8, 1), "depth"),
    }
    x = {
        name: generator.random((5, *getattr(shape, "shape", shape)), np.float32)
        for name, shape in shapes.items()
    }
    y = np.arange(5) % 3
    store = Store.create(tmp_path, (shapes, CLASSES), {"test": (x, y)})
    sheet = contact_sheet.draw(store, {"test": store.split("test")})
    pixels = np.asarray(sheet)
    side, top = contact_sheet.SIDE, 3 * contact_sheet.GAP
    for row in range(2):
        for column in range(4 if row == 0 else 1):
            for number in range(4):
                left = contact_sheet.GAP + (4 * column + number) * (side + 2)
                left += column * contact_sheet.GAP
                start = (
                    top + 8 + row * (side + 2 * contact_sheet.LINE + contact_sheet.GAP)
                )
                shown = pixels[start : start + side, left : left + side]
                assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 4


def test_a_sheet_shows_label_maps(tmp_path):
    labels = np.repeat(np.array([-1, 0, 1, 2]), 16).reshape(1, 8, 8)
    recipe = Recipe(
        "own", "tiny", {"image": Modality((8, 8, 3))}, CLASSES, task="segmentation"
    )
    arrays = ({"image": np.zeros((1, 8, 8, 3), np.uint8)}, labels)
    store = Store.create(tmp_path, recipe, {"test": arrays})
    sheet = contact_sheet.draw(store, {"test": store.split("test")})
    side, gap = contact_sheet.SIDE, contact_sheet.GAP
    left, top = gap + side + 2, gap + 2 * contact_sheet.LINE
    shown = np.asarray(sheet)[top : top + side, left : left + side]
    bands = [shown[side // 8 + row * side // 4] for row in range(4)]
    assert all(len(np.unique(band, axis=0)) == 1 for band in bands)
    assert len({tuple(band[0]) for band in bands}) == 4
    assert tuple(bands[0][0]) == (0, 0, 0)


def filled(value, count=8):
    """Arrays of one value and labels."""
    shapes = {"image": (4, 4, 3), "sound": (6, 5, 1)}
    x = {n: np.full((count, *shape), value, "float32") for n, shape in shapes.items()}
    return x, np.arange(count) % 3


@pytest.mark.parametrize("origin", ["", "a word"])
def test_rows_of_a_failed_call_are_kept_only_where_origin_says_what_they_are(
    tmp_path, origin
):
    def unplugged():
        yield from samples("test", 2)
        raise RuntimeError("disk unplugged")

    old = {"train": filled(1.0), "validation": filled(1.0), "test": unplugged}
    with pytest.raises(RuntimeError, match="unplugged"):
        make(tmp_path, origin, **old)
    store = make(tmp_path, origin, **{split: filled(7.0) for split in SPLITS})
    values = [store.split(split).x["image"][:1].max() for split in SPLITS]
    assert values == ([1.0, 1.0, 7.0] if origin else [7.0, 7.0, 7.0])


@pytest.mark.parametrize("word", ["a\rb", "a\nb", "a\x00b", "\udc80", "\u2028"])
def test_an_attribute_that_meta_csv_would_not_give_back_is_refused(tmp_path, word):
    x, y = filled(1.0)
    names = [f"sample {row}" for row in range(8)]
    arrays = (x, y, names, {"sex": ["f"] * 7 + [word]})
    with pytest.raises(ValueError, match=r"sample 7: the attribute sex must be one li"):
        make(tmp_path, train=arrays)
    with pytest.raises(ValueError, match=r"an attribute needs a name of one line"):
        make(tmp_path, train=(x, y, names, {word: ["f"] * 8}))
    assert not (tmp_path / "own").exists()


def test_words_with_commas_and_quotes_come_out_as_they_went_in(tmp_path):
    x, y = filled(1.0)
    words = ["a,b", 'a"b', "a;b", " a ", "=1+1", "\u00e9", "", "'"]
    names = [f"{word} {row}" for row, word in enumerate(words)]
    store = make(tmp_path, train=(x, y, names, {"word": words}))
    part = store.split("train")
    assert part.attributes["word"].tolist() == words
    assert part.samples.tolist() == names


def test_a_store_to_train_from_has_validation_samples(tmp_path):
    splits = {"train": filled(1.0), "test": filled(1.0)}
    with pytest.raises(ValueError, match=r"needs a validation split.*: train, "):
        Store.create(tmp_path, (SHAPES, CLASSES), splits)
    assert not (tmp_path / "own").exists()
    # To measure a run on, a test split is enough.
    assert Store.create(tmp_path, (SHAPES, CLASSES), {"test": filled(1.0)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a-1", {"image": 0}, 1), "`x` of a Sample.* must be a dictionary of arrays"),
        (({"image": 0}, "a-1", 1), "`name` of a Sample.* must be text. Received: 1"),
        (({"image": 0}, 1, "a-1", "f"), "`attributes` of a Sample.* Received: 'f'"),
    ],
)
def test_a_samples_parts_in_the_wrong_order_are_told(arguments, message):
    with pytest.raises(TypeError, match=message):
        Sample(*arguments)
