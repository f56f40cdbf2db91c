"""nyuv2 from files in the official format, and the real lists and scenes."""

import dataclasses
import shutil
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image
from tiny_nyuv2 import (
    COUNT,
    TEST,
    TRAIN,
    class_map,
    picture,
    write_class_map,
    write_labelled,
    write_nyuv2,
    write_splits,
)
from tiny_sources import REAL

from cmvq_keras import recipes
from cmvq_keras.data import decoding
from cmvq_keras.data.datasets.nyuv2 import lists, mat_file
from cmvq_keras.data.datasets.nyuv2.folder import DepthReader, open_folder
from cmvq_keras.runs import stores

pytestmark = pytest.mark.once

SPLITS = ("train", "validation", "test")
SAMPLES = REAL / "nyuv2" / "samples"
needs_lists = pytest.mark.skipif(
    not (REAL / "nyuv2").exists(), reason="the real lists are not here"
)
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the two real scenes are not here"
)


def _recipe(**settings):
    """The recipe without normalization."""
    raw = {f"modalities.{name}.offset": 0.0 for name in ("color", "depth")}
    raw |= {f"modalities.{name}.scale": 1.0 for name in ("color", "depth")}
    data = {f"data.{name}": value for name, value in settings.items()}
    share = {"data.validation_share": 0.25}
    return recipes.get("nyuv2").with_settings({**raw, **share, **data})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_nyuv2(folder)
    return folder


@pytest.fixture
def own(root, tmp_path):
    """Files that a test may spoil."""
    shutil.copytree(root / "nyuv2", tmp_path / "nyuv2")
    return tmp_path / "nyuv2"


def _labelled(folder):
    return folder / "nyu_depth_v2_labeled.mat"


def _number(sample):
    return int(sample.removeprefix("nyuv2/"))


def test_official_parts_and_a_seeded_validation_part(root):
    found = {}
    for part, count in zip(SPLITS, (3, 1, 2), strict=True):
        split = recipes.load_split(_recipe(), part, root)
        found[part] = [_number(sample) for sample in split.samples]
        assert split.y.shape == (count, 256, 256)
        assert split.y.dtype == np.int32
        for name, channels in (("color", 3), ("depth", 1)):
            assert split.x[name].shape == (count, 256, 256, channels)
            assert split.x[name].dtype == np.float32
    assert sorted(found["test"]) == sorted(TEST)
    assert sorted(found["train"] + found["validation"]) == sorted(TRAIN)
    again = recipes.open_split(_recipe(), "train", root)
    assert [_number(name) for name in again.names] == found["train"]
    orders = {
        tuple(recipes.open_split(_recipe(seed=seed), "train", root).names)
        for seed in range(8)
    }
    assert len(orders) > 1


def test_limit_takes_the_first_and_each_modality_stands_alone(root):
    whole = recipes.load_split(_recipe(), "train", root)
    few = recipes.load_split(_recipe(), "train", root, limit=2)
    assert few.samples.tolist() == whole.samples[:2].tolist()
    assert np.array_equal(few.y, whole.y[:2])
    depth = recipes.load_split(_recipe().with_modality("depth"), "train", root)
    assert list(depth.x) == ["depth"]
    assert np.array_equal(depth.x["depth"], whole.x["depth"])
    assert np.array_equal(depth.y, whole.y)


def test_values_are_those_of_pillow_at_the_official_places(root):
    for part in SPLITS:
        split = recipes.load_split(_recipe(), part, root)
        for index, sample in enumerate(split.samples):
            color, depth, labels = picture(_number(sample))
            expected = Image.fromarray(color).resize((256, 256), Image.BILINEAR)
            expected = np.asarray(expected) / np.float32(255)
            assert np.array_equal(split.x["color"][index], expected)
            nearest = Image.fromarray(depth).resize((256, 256), Image.NEAREST)
            assert np.array_equal(split.x["depth"][index, ..., 0], nearest)
            nearest = Image.fromarray(labels).resize((256, 256), Image.NEAREST)
            assert np.array_equal(split.y[index], class_map()[np.asarray(nearest)])


def test_pictures_are_upright_and_not_mirrored(root):
    split = recipes.load_split(_recipe(), "test", root)
    red, green = split.x["color"][0, ..., 0], split.x["color"][0, ..., 1]
    assert red[0, 0] < 0.01 < 0.99 < red[0, -1]
    assert green[0, 0] < 0.01 < 0.99 < green[-1, 0]
    assert (split.y[0, :5, :-10] == -1).all()
    assert (split.y[0, 50:, -3:] == 893 % 40).all()
    # The left border's depth is the picture's number, as its blue is.
    number = _number(split.samples[0])
    assert (split.x["depth"][0, :, 0, 0] == number).all()
    assert split.x["color"][0, 0, 0, 2] == np.float32(10 * number) / np.float32(255)


def test_bilinear_depth_averages_what_was_measured_alone(root):
    recipe = _recipe(depth_resize="bilinear")
    split = recipes.load_split(recipe, "test", root)
    depth = picture(_number(split.samples[0]))[1].astype(np.float64)
    found = split.x["depth"][0, ..., 0]
    # A pixel far from every border is the weighted mean around its centre; the plane
    # has that mean's value there.
    assert found[200, 200] == pytest.approx(
        0.5 + ((200.5 * 480 / 256) - 0.5) / 100 + ((200.5 * 2.5) - 0.5) / 1000, abs=1e-3
    )
    assert found[64, 92] == 0
    positive = found[found > 0]
    assert positive.min() >= depth[depth > 0].min() - 1e-5
    with pytest.raises(ValueError, match=r"Unknown data\.depth_resize cubic"):
        recipes.open_split(_recipe(depth_resize="cubic"), "test", root)


@pytest.mark.parametrize(
    "storage",
    [
        {"chunks": (1, 3, 640, 480), "compression": "gzip"},
        {"chunks": (4, 2, 100, 70), "compression": "gzip", "shuffle": True},
        {"chunks": (2, 3, 640, 480)},
        {"chunks": None},
    ],
)
def test_every_layout_of_the_file_gives_the_same_picture(tmp_path, storage):
    path = tmp_path / "a.mat"
    write_labelled(path)
    with h5py.File(path, "r+") as file:
        for name in ("images", "depths", "labels"):
            values = file[name][:]
            chunks = storage["chunks"]
            if chunks and values.ndim == 3:
                chunks = (chunks[0], *chunks[2:])
            del file[name]
            file.create_dataset(name, data=values, **{**storage, "chunks": chunks})
    assert mat_file.count_pictures(path) == COUNT
    for row in range(COUNT):
        found = mat_file.read_picture(path, row, ("images", "depths", "labels"))
        for values, expected in zip(found.values(), picture(row + 1), strict=True):
            assert np.array_equal(values, expected)


def _write_full_size(path):
    """1,449 pictures of ones in little space: their chunks are packed only once."""
    with h5py.File(path, "w") as file:
        for name, (shape, dtype) in mat_file._LAYOUT.items():
            created = file.create_dataset(
                name, (1449, *shape), dtype, chunks=(1, *shape), compression="gzip"
            )
            packed = zlib.compress(np.ones(shape, dtype).tobytes())
            for row in range(1449):
                created.id.write_direct_chunk((row, *[0] * len(shape)), packed)


def test_a_file_of_official_size_is_read_in_slices(tmp_path):
    folder = write_nyuv2(tmp_path)
    write_splits(folder / "splits.mat", range(1, 796), range(796, 1450))
    _write_full_size(_labelled(folder))
    tracemalloc.start()
    counts = [len(recipes.open_split(_recipe(), part, tmp_path)) for part in SPLITS]
    listing = recipes.open_split(_recipe(), "test", tmp_path).first(3)
    (group,) = listing.groups
    for unit in group.units:
        group.read(group.items[unit])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts == [596, 199, 654]
    # A picture takes 2.7 MB as stored; the whole file would take 4 GB.
    assert peak < 40e6


def test_units_are_in_the_files_order_whatever_the_samples(root):
    listing = recipes.open_split(_recipe(), "train", root)
    (group,) = listing.groups
    assert list(group.items) == sorted(group.items)
    rows = [group.items[unit] for unit in group.units]
    assert listing.names == [f"nyuv2/{row + 1:04}" for row in rows]


def test_a_store_holds_what_belongs_together_in_whatever_order(tmp_path):
    count, values = 12, np.arange(12, dtype=np.uint16)
    labels = np.broadcast_to(values[:, None, None] + 1, (count, 640, 480))
    images = np.broadcast_to(values[:, None, None, None], (count, 3, 640, 480))
    changes = {"labels": labels, "images": images.astype(np.uint8)}
    write_nyuv2(tmp_path, count, range(1, 9), range(9, 13), changes)
    recipe = _recipe()
    store = stores.prepare(recipe, tmp_path, out=tmp_path / "store", workers=1)
    orders = []
    for split in SPLITS:
        part, direct = store.split(split), recipes.load_split(recipe, split, tmp_path)
        numbers = [_number(sample) for sample in part.samples]
        orders.append(numbers == sorted(numbers))
        np.testing.assert_array_equal(part.samples, direct.samples)
        np.testing.assert_array_equal(part.y, direct.y)
        np.testing.assert_array_equal(part.y[:, 0, 0], np.array(numbers) - 1)
        np.testing.assert_array_equal(
            part.x["color"][:][:, 0, 0, 0], np.array(numbers) - 1
        )
    assert not all(orders)
    # In an order of their own, or the manifest's bytes would differ from run to run.
    assert list(store.manifest["splits"]["train"]["files"]) == [
        *("color.npy", "depth.npy", "color.rows.npy", "depth.rows.npy"),
        *("labels.npy", "meta.csv"),
    ]


def test_worker_processes_read_the_same_values(root):
    listing = recipes.open_split(_recipe(), "train", root)
    (group,) = listing.groups
    # 24 units, so that there are several portions.
    group = dataclasses.replace(group, items=[*group.items] * 8, units=None)
    units = list(range(len(group.items)))
    alone = list(decoding.decode(group, _recipe(), units, workers=1))
    shared = list(decoding.decode(group, _recipe(), units, workers=2))
    for (_, one), (_, other) in zip(alone, shared, strict=True):
        for name in one:
            assert np.array_equal(one[name], other[name])


def _spoil_type(name, kind):
    shape = mat_file._LAYOUT[name][0]
    return {name: np.zeros((COUNT, *shape), kind)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": None}, "it lacks the data set depths"),
        (
            {"images": np.zeros((COUNT, 3, 480, 640), "u1")},
            r"images must be .*Received",
        ),
        (_spoil_type("depths", "f8"), r"depths must be .* float32\. Received"),
        (_spoil_type("labels", "u1"), r"labels must be .* uint16\. Received"),
        ({"labels": np.zeros((COUNT - 1, 640, 480), "u2")}, "hold .* pictures"),
        ({"labels": np.zeros((), "u2")}, "labels must be"),
    ],
)
def test_a_file_with_other_contents_is_refused_in_one_line(own, changes, message):
    write_labelled(_labelled(own), changes=changes)
    _refused(own, message)


def _refused(folder, message, name="nyu_depth_v2_labeled.mat", split="train"):
    with pytest.raises(ValueError, match=message) as caught:
        recipes.load_split(_recipe(), split, folder.parent)
    assert str(folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable file of NYUv2"),
        (b"MATLAB 5.0 MAT-file".ljust(4000), "it is not a MATLAB 7.3 file"),
        (b"MATLAB 7.3 MAT-file".ljust(4000), "file signature not found"),
    ],
)
def test_an_empty_or_foreign_file_is_refused(own, content, message):
    _labelled(own).write_bytes(content)
    _refused(own, message)


def test_a_cut_file_is_refused(own):
    whole = _labelled(own).read_bytes()
    for size in (100, 600, 3000, len(whole) // 2, len(whole) - 1):
        _labelled(own).write_bytes(whole[:size])
        _refused(own, "not a readable file of NYUv2")


def test_links_groups_and_external_storage_are_refused(own):
    path = _labelled(own)
    other = own / "other.h5"
    path.rename(other)
    for link, message in (
        (h5py.ExternalLink("other.h5", "/depths"), "depths is a link"),
        (h5py.SoftLink("/images"), "depths is a link"),
        (None, "depths is not a data set"),
    ):
        shutil.copy(other, path)
        with h5py.File(path, "r+") as file:
            del file["depths"]
            if link is None:
                file.create_group("depths")
            else:
                file["depths"] = link
        _refused(own, message)
    with h5py.File(path, "r+") as file:
        del file["depths"]
        file.create_dataset(
            "depths", (COUNT, 640, 480), "f4", external=[(str(other), 0, 2**31)]
        )
    _refused(own, "depths lies in other files")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chunks": (60, 640, 480)}, "depths has chunks of 73,728,000 bytes, above"),
        ({"compression": "lzf"}, "depths is packed with unknown filters"),
        ({"chunks": (1, 640, 480)}, "picture"),
    ],
)
def test_huge_unknown_and_absent_chunks_are_refused(own, settings, message):
    with h5py.File(_labelled(own), "r+") as file:
        del file["depths"]
        shape, most = (COUNT, 640, 480), (None, 640, 480)
        file.create_dataset("depths", shape, "f4", maxshape=most, **settings)
    _refused(own, message)


def test_a_chunk_that_unpacks_to_more_than_it_states_is_refused(own):
    with h5py.File(_labelled(own), "r+") as file:
        for row in range(COUNT):
            bomb = zlib.compress(bytes(10 * 640 * 480 * 4))
            file["depths"].id.write_direct_chunk((row, 0, 0), bomb)
    _refused(own, "has more than 1,228,800 bytes")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("depths", np.nan, "depth holds values that are not finite"),
        ("depths", -1.0, "depth must be 0 to 12 metres. Received: -1"),
        ("depths", 4000.0, "depth must be 0 to 12 metres. Received: .* to 4000"),
        ("depths", 0.2, "depth must be 0.4 metres or more. Received: 0.2"),
        ("labels", 895, "labels must be in 0 to 894. Received: 895"),
    ],
)
def test_values_out_of_range_are_refused_with_the_pictures_number(
    own, name, value, message
):
    with h5py.File(_labelled(own), "r+") as file:
        file[name][TEST[0] - 1, 3, 4] = value
    _refused(own, f"picture {TEST[0]}: {message}", split="test")
    assert len(recipes.load_split(_recipe(), "train", own.parent)) == 3


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((2, 5, 1, 4, 7), TEST, "must be in 1 to 6. Received: 1 to 7"),
        ((2, 5, 1, 4, 0), TEST, "must be in 1 to 6. Received: 0 to 6"),
        ((2, 5, 1, 4, 4), TEST, "picture 4 is there twice"),
        (TRAIN, (6, 3, 2), "picture 2 is there twice"),
        ((2, 5, 1), TEST, "picture 4 is in no part"),
    ],
)
def test_a_split_list_that_is_no_partition_is_refused(own, train, test, message):
    write_splits(own / "splits.mat", train, test)
    _refused(own, message, "splits.mat")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mapClass": np.ones((1, 893))}, "must hold 894 numbers. Received: 893"),
        ({"mapClass": np.full((1, 894), 41)}, "must hold 1 to 40. Received: 41"),
        ({"mapClass": np.full((1, 894), np.nan)}, "must hold whole numbers"),
        ({"mapClass": np.full((1, 894), 1.5)}, "must hold whole numbers"),
        ({"mapClass": "wall"}, "must be one row or column of numbers"),
        ({"className": "wall"}, "className must hold 40 names: wall"),
        ({"className": np.array([["a"] * 40], object)}, "className must hold 40"),
    ],
)
def test_another_class_map_is_refused(own, changes, message):
    write_class_map(own / "classMapping40.mat", **changes)
    _refused(own, message, "classMapping40.mat")


@pytest.mark.parametrize("name", ["splits.mat", "classMapping40.mat"])
def test_lists_that_are_empty_foreign_or_folders_are_refused(own, name):
    cut = (own / name).read_bytes()[:-100]
    for content in (b"", b"nonsense", cut):
        (own / name).write_bytes(content)
        _refused(own, "is not a readable MATLAB 5 file", name)
    (own / name).unlink()
    (own / name).mkdir()
    _refused(own, "is not a readable MATLAB 5 file: it is not a file", name)
    (own / name).rmdir()
    with pytest.raises(FileNotFoundError, match=rf"{name} is not in .*To get it"):
        recipes.open_split(_recipe(), "test", own.parent)


def test_a_folder_or_a_loop_of_links_instead_of_the_file(own):
    path = _labelled(own)
    path.unlink()
    path.symlink_to(path.name)
    with pytest.raises(FileNotFoundError, match=r"labeled\.mat is not in"):
        recipes.open_split(_recipe(), "test", own.parent)
    path.unlink()
    path.mkdir()
    _refused(own, "not a readable file of NYUv2")


def test_a_file_that_may_not_be_read_is_named(own):
    path = _labelled(own)
    path.chmod(0)
    try:
        with path.open("rb"):
            pytest.skip("this user may read every file")
    except PermissionError:
        with pytest.raises(PermissionError, match=r"nyu_depth_v2_labeled\.mat"):
            recipes.open_split(_recipe(), "test", own.parent)


@needs_lists
def test_the_real_lists_have_their_official_sizes():
    folder = REAL / "nyuv2"
    parts = lists.read_splits(folder / "splits.mat", 1449)
    assert [len(part) for part in parts] == [795, 654]
    assert sorted(np.concatenate(parts).tolist()) == list(range(1449))
    expected = scipy.io.loadmat(folder / "splits.mat")["testNdxs"].ravel() - 1
    assert parts[1].tolist() == sorted(expected.tolist())
    classes = recipes.get("nyuv2").classes
    found = lists.read_class_map(folder / "classMapping40.mat", classes)
    mapping = scipy.io.loadmat(folder / "classMapping40.mat")["mapClass"].ravel()
    assert found[0] == -1
    assert np.array_equal(found[1:], mapping.astype(int) - 1)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (1000, "0.4 metres or more. Received: 0.2"),
        (13_000, "0 to 12 metres. Received: 0 to 13"),
    ],
)
def test_a_depth_map_of_another_scale_is_refused(scale, message, tmp_path):
    metres = np.tile(np.linspace(1, 5, 40), (30, 1))
    metres[:, 0] = 0
    path = tmp_path / "depth.png"
    Image.fromarray(np.rint(metres * scale).astype(np.uint16)).save(path)
    reader = DepthReader(5000.0)
    with pytest.raises(ValueError, match=message) as caught:
        reader(path, (30, 40, 1))
    assert str(path) in str(caught.value)
    assert "data.depth_scale is 5000" in str(caught.value)


def test_a_depth_map_of_nothing_is_refused(tmp_path):
    path = tmp_path / "depth.png"
    Image.fromarray(np.zeros((30, 40), np.uint16)).save(path)
    with pytest.raises(ValueError, match="nothing was measured"):
        DepthReader()(path, (30, 40, 1))


@needs_samples
def test_the_real_scenes_are_read_as_their_files_say():
    listing = open_folder(_recipe(), SAMPLES)
    split = decoding.load(listing, _recipe())
    assert split.samples.tolist() == ["000433", "000464"]
    for index, name in enumerate(split.samples):
        stored = Image.open(SAMPLES / f"depth_gt_{name}.png").resize(
            (256, 256), Image.NEAREST
        )
        metres = np.asarray(stored) / 5000
        np.testing.assert_allclose(split.x["depth"][index, ..., 0], metres, rtol=1e-6)
        stored = Image.open(SAMPLES / f"segm_gt_{name}.png").resize(
            (256, 256), Image.NEAREST
        )
        expected = np.asarray(stored).astype(int)
        expected[expected == 255] = -1
        assert np.array_equal(split.y[index], expected)
