"""Listings become stores: on any number of processes, after any kill, the same."""

import dataclasses
import json

import numpy as np
import pytest
import tiny_listing
from tiny_listing import PAIRS, RECIPE, clips, pairs

from cmvq_keras.batches import Batches
from cmvq_keras.data import Store, decoding
from cmvq_keras.data.listing import Group, SkippedSample
from cmvq_keras.data.store import check, listing_writer, split_writer
from cmvq_keras.data.store.reader import load

pytestmark = pytest.mark.once


def make(root, listing=clips, splits=("test",), **options):
    sources = dict.fromkeys(splits, listing)
    return Store.create(root, RECIPE, sources, **options)


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make(tmp_path_factory.mktemp("one"), workers=1)


def test_clips_come_out_as_they_were_decoded(store):
    part = store.split("test")
    assert part.samples.tolist() == [f"clip-{number}" for number in range(30)]
    assert part.attributes["actor"].tolist() == [str(n // 10) for n in range(30)]
    np.testing.assert_array_equal(part.y, np.arange(30) % 3)
    for number in (0, 13, 29):
        for name, made in (
            ("image", tiny_listing.image),
            ("sound", tiny_listing.sound),
        ):
            (found,) = part.x[name][[number]]
            np.testing.assert_array_equal(found, made(number))
            assert found.dtype == made(number).dtype
    assert not check.check(store).faults


def test_the_bytes_do_not_depend_on_the_number_of_processes(store, tmp_path):
    again = make(tmp_path, workers=3)
    assert content(again.folder) == content(store.folder)


@pytest.mark.parametrize("second", [0, listing_writer.SECONDS])
def test_a_kill_inside_a_split_costs_nothing_that_was_noted(
    store, tmp_path, monkeypatch, second
):
    monkeypatch.setattr(listing_writer, "SECONDS", second)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, lambda: clips(kill=17), workers=1)
    asked = []

    def counted(number):
        asked.append(number)
        return tiny_listing.Clip()(number)

    (group,) = clips().groups
    group = dataclasses.replace(group, read=counted)
    rest = dataclasses.replace(clips(), groups=(group,))
    again = make(tmp_path, lambda: rest, workers=1)
    assert asked == list(range(17, 30))
    assert content(again.folder) == content(store.folder)


def test_a_note_tells_of_rows_that_are_on_disk_and_of_no_damaged_one(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(listing_writer, "SECONDS", -1)
    partial = tmp_path / ".own.partial"

    def told(split, done, total):
        _, text = (partial / "progress.json").read_text().split("\n")
        noted = json.loads(text)["journals"]["test"]["0"]
        assert noted["next"] == done
        for name, (dtype, shape, rows) in noted["files"].items():
            assert rows == done - (done > 3)
            size = rows * np.dtype(dtype).itemsize * np.prod(shape)
            assert (partial / split / name).stat().st_size == 128 + size

    make(tmp_path, lambda: clips(damaged=(3,)), on_progress=told, workers=1)


def test_what_was_written_after_the_last_note_is_written_again(store, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, lambda: clips(kill=17), workers=1)
    # As after kill -9: rows that no note tells of, and half a row.
    for name in ("image", "sound"):
        with (tmp_path / ".own.partial" / "test" / f"{name}.npy").open("ab") as file:
            file.write(b"\1" * 77)
    again = make(tmp_path, workers=1)
    assert content(again.folder) == content(store.folder)


def test_a_remainder_that_lost_rows_is_made_again(store, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, lambda: clips(kill=17), workers=1)
    path = tmp_path / ".own.partial" / "test" / "sound.npy"
    path.write_bytes(path.read_bytes()[:-1])
    assert content(make(tmp_path, workers=1).folder) == content(store.folder)


def test_a_remainder_of_other_samples_is_made_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, lambda: clips(kill=17), workers=1)
    again = make(tmp_path, lambda: clips(first=3), workers=1)
    whole = make(tmp_path / "whole", lambda: clips(first=3), workers=1)
    assert content(again.folder) == content(whole.folder)


@pytest.mark.parametrize("number", [0, 17, 29])
def test_an_end_between_two_files_of_a_sample_shifts_no_row(
    store, tmp_path, monkeypatch, number
):
    written = []

    def torn(stack, files, path, *rest):
        written.append(path.name)
        if written.count("sound.npy") == number + 1:
            raise KeyboardInterrupt  # the image is in its file, the sound is not
        split_writer.write_rows(stack, files, path, *rest)

    monkeypatch.setattr(listing_writer, "write_rows", torn)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, workers=1)
    monkeypatch.undo()
    assert content(make(tmp_path, workers=1).folder) == content(store.folder)


def _make_scenes(root):
    return Store.create(root, tiny_listing.SCENES, {"test": tiny_listing.scenes})


def _check_scenes(store):
    """Each sample has its own label map, without the damaged sample's."""
    part, numbers = store.split("test"), np.array([7, 2, 11, 4])
    assert part.samples.tolist() == [f"scene-{number}" for number in numbers]
    assert part.y.shape == (4, 4, 4)
    np.testing.assert_array_equal(part.y[:, 0, 0], numbers % 3)
    for row, number in enumerate(numbers):
        expected = tiny_listing.sound(number)
        np.testing.assert_array_equal(part.x["sound"][[row]][0], expected)
    counts = store.manifest["splits"]["test"]["class_counts"]
    assert counts == [0, 32, 32]
    assert not check.check(store).faults


def test_label_maps_are_in_the_samples_order(tmp_path):
    store = _make_scenes(tmp_path)
    _check_scenes(store)
    found = decoding.load(tiny_listing.scenes(), tiny_listing.SCENES, workers=1)
    np.testing.assert_array_equal(found.y, store.split("test").y)
    names = {path.name for path in (store.folder / "test").iterdir()}
    assert "labels.npy" in names
    assert "label_maps.npy" not in names


@pytest.mark.parametrize("moment", ["RowWriter", "entry"])
def test_a_kill_while_label_maps_are_ordered_changes_nothing(
    tmp_path, monkeypatch, moment
):
    place = listing_writer.npy if moment == "RowWriter" else listing_writer
    real = getattr(place, moment)

    def killed(path, *rest):
        if moment == "entry" or path.name == "labels.npy":
            raise KeyboardInterrupt
        return real(path, *rest)

    monkeypatch.setattr(place, moment, killed)
    with pytest.raises(KeyboardInterrupt):
        _make_scenes(tmp_path / "killed")
    monkeypatch.undo()
    store = _make_scenes(tmp_path / "killed")
    _check_scenes(store)
    assert content(store.folder) == content(_make_scenes(tmp_path / "whole").folder)


@dataclasses.dataclass(frozen=True)
class Locked:
    """Reads clips, of which one may not be read."""

    kill: int | None = None

    def __call__(self, number):
        if number == 3:
            raise PermissionError(13, "Permission denied", "clip-3.flv")
        return tiny_listing.Clip(kill=self.kill)(number)


def test_what_was_left_out_before_a_kill_keeps_its_reason(tmp_path):
    def listing(kill=None):
        (group,) = clips().groups
        group = dataclasses.replace(group, read=Locked(kill))
        return dataclasses.replace(clips(), groups=(group,))

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, lambda: listing(17), workers=1)
    again = make(tmp_path, listing, workers=1)
    assert again.manifest["left_out"] == [
        {
            "split": "test",
            "sample": "clip-3",
            "reason": "clip-3.flv: Permission denied",
        }
    ]
    whole = make(tmp_path / "whole", listing, workers=1)
    assert content(again.folder) == content(whole.folder)


def read_file(path):
    """A clip whose number stands in a file; a negative one kills."""
    number = int(path.read_text())
    if number < 0:
        raise KeyboardInterrupt
    return tiny_listing.Clip()(number)


def listed_files(folder, first):
    paths = [folder / f"{number}" for number in range(first, first + 10)]
    group = Group(paths, read_file, costly=False)
    return dataclasses.replace(clips(first, 10), groups=(group,))


@pytest.mark.parametrize("changed", [1, 12])
def test_a_raw_file_that_changed_since_a_kill_is_read_again(tmp_path, changed):
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(20):
        (raw / f"{number}").write_text(f"{number}")
    (raw / "15").write_text("-1")

    def sources():
        return {"test": listed_files(raw, 0), "validation": listed_files(raw, 10)}

    with pytest.raises(KeyboardInterrupt):
        Store.create(tmp_path, RECIPE, sources())
    (raw / "15").write_text("15")
    (raw / f"{changed}").write_text("99")
    again = Store.create(tmp_path, RECIPE, sources())
    whole = Store.create(tmp_path / "whole", RECIPE, sources())
    assert content(again.folder) == content(whole.folder)


def test_labels_that_changed_since_a_kill_are_the_new_ones(tmp_path):
    sources = {"test": clips(), "validation": clips(30, kill=40)}
    with pytest.raises(KeyboardInterrupt):
        Store.create(tmp_path, RECIPE, sources, workers=1)
    other = dataclasses.replace(clips(), labels=(clips().labels + 1) % 3)
    sources = {"test": other, "validation": clips(30)}
    store = Store.create(tmp_path, RECIPE, sources, workers=1)
    np.testing.assert_array_equal(store.split("test").y, (np.arange(30) + 1) % 3)


@pytest.mark.parametrize("first", [0, 4])
def test_a_sample_without_one_of_its_modalities_is_told(tmp_path, first):
    def read(number):
        rows = tiny_listing.Clip()(number)
        return {"image": rows["image"]} if number >= first else rows

    (group,) = clips().groups
    listing = dataclasses.replace(
        clips(), groups=(dataclasses.replace(group, read=read),)
    )
    told = f"test: unit {first} must give image, sound. Received: image"
    with pytest.raises(ValueError, match=told):
        make(tmp_path, lambda: listing, workers=1)
    again = make(tmp_path, workers=1)  # once it is mended
    np.testing.assert_array_equal(
        again.split("test").x["image"][[29]][0], tiny_listing.image(29)
    )


def test_a_group_needs_an_item_for_every_sample(tmp_path):
    (group,) = clips().groups
    short = dataclasses.replace(group, items=group.items[:20])
    listing = dataclasses.replace(clips(), groups=(short,))
    with pytest.raises(ValueError, match="Received: 20 items, 30 samples"):
        make(tmp_path, lambda: listing, workers=1)


def test_of_shared_rows_a_limit_keeps_those_that_are_needed():
    first = pairs().first(1)
    image, sound = first.groups
    assert (list(image.items), sound.items) == ([0], [101])
    found = decoding.load(first, RECIPE).x["sound"]
    np.testing.assert_array_equal(found, np.float32(tiny_listing.sound(101)[None]))


def test_samples_that_share_a_row_share_it_in_the_file(tmp_path):
    store = make(tmp_path, pairs)
    part = store.split("test")
    files = store.manifest["splits"]["test"]["files"]
    assert files["sound.npy"]["shape"] == [2, 6, 5, 1]
    assert files["sound.rows.npy"]["shape"] == [5]
    assert "image.rows.npy" not in files
    expected = np.stack([tiny_listing.sound(100 + row) for row in PAIRS["sound"]])
    np.testing.assert_array_equal(part.x["sound"][:], expected)
    np.testing.assert_array_equal(part.x["sound"][1:4], expected[1:4])
    np.testing.assert_array_equal(part.x["sound"][[4, 0, 4]], expected[[4, 0, 4]])
    assert len(part.x["sound"].first(3)) == 3
    assert not check.check(store).faults


def test_rows_out_of_range_are_a_fault(tmp_path):
    store = make(tmp_path, pairs)
    path = store.folder / "test" / "sound.rows.npy"
    path.write_bytes(path.read_bytes()[:-4] + b"\2\0\0\0")
    faults = " ".join(check.check(store).faults)
    assert "sound.rows.npy holds rows that sound.npy does not have" in faults
    with pytest.raises(ValueError, match="holds rows that"):
        store.split("test")


def test_each_epoch_draws_one_of_several_views(tmp_path):
    store = make(tmp_path, lambda: clips(views=3))
    x = load(RECIPE, "test", store).x
    assert x["image"].shape == (30, 4, 4, 3)
    views = np.stack([tiny_listing.image(number, 3) for number in range(30)])
    views = (views / 255 - 0.5) / 0.25
    np.testing.assert_allclose(x["image"][:], views[:, 0], atol=1e-6)
    batches = Batches(x, np.arange(30), 10, shuffle_seed=7)
    drawn = np.zeros((6, 30), int)
    for epoch in range(6):
        for index in range(3):
            inputs, rows = batches[index]
            distance = np.abs(views[rows] - inputs["image"][:, None]).max((2, 3, 4))
            np.testing.assert_allclose(distance.min(axis=1), 0, atol=1e-6)
            drawn[epoch, rows] = distance.argmin(axis=1)
        batches.on_epoch_end()
    counts = np.bincount(drawn.ravel(), minlength=3)
    assert counts.min() > 40
    assert (drawn != drawn[0]).any(axis=0).sum() > 25
    again = Batches(x, np.arange(30), 10, shuffle_seed=7)
    np.testing.assert_array_equal(
        again[0][0]["image"], Batches(x, np.arange(30), 10, 7)[0][0]["image"]
    )


def test_damaged_samples_are_left_out_and_noted(tmp_path):
    store = make(tmp_path, lambda: clips(count=300, damaged=(5, 77, 299)), workers=2)
    part = store.split("test")
    kept = [number for number in range(300) if number not in (5, 77, 299)]
    assert part.samples.tolist() == [f"clip-{number}" for number in kept]
    np.testing.assert_array_equal(part.y, np.array(kept) % 3)
    np.testing.assert_array_equal(part.x["sound"][[5]][0], tiny_listing.sound(6))
    assert store.manifest["left_out"][1] == {
        "split": "test",
        "sample": "clip-77",
        "reason": "clip 77 is cut",
    }
    direct = decoding.load(clips(count=300, damaged=(5, 77, 299)), RECIPE, workers=1)
    np.testing.assert_array_equal(direct.samples, part.samples)
    np.testing.assert_array_equal(direct.x["sound"], np.float32(part.x["sound"][:]))
    np.testing.assert_array_equal(direct.y, part.y)


def test_more_than_one_percent_damaged_stops_with_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"More than 1% of 300 samples") as caught:
        make(tmp_path, lambda: clips(count=300, damaged=(5, 6, 7, 8)), workers=1)
    told = str(caught.value)
    assert "clip-5: clip 5 is cut" in told
    assert told.endswith("Fetch them again.")
    assert "\n" not in told
    assert not (tmp_path / "own").exists()


LABORATORY = "Ask the laboratory for them."
POINTER = "a.flv is a git-lfs pointer, not the file itself. Run `git lfs pull`"


@pytest.mark.parametrize(
    ("reasons", "hint", "told"),
    [
        (["a.flv: No such file or directory"] * 3, "", LABORATORY),
        (["a.flv is missing"] * 2 + [POINTER], "", LABORATORY),
        ([POINTER] * 3, "Fetch them again.", ""),
        ([POINTER] * 2 + ["a.flv is missing"], "", ""),
        (["a.flv is cut"] * 3, "Fetch them again.", "Fetch them again."),
        (["a.flv is cut"] * 3, "", "Fetch the damaged files anew."),
        (["a.flv: Permission denied"] * 3, "", "Fetch the damaged files anew."),
        (["a.flv is cut"] * 2 + [POINTER], "", "Fetch the damaged files anew."),
        (["a.flv is cut"] * 2 + ["a is missing"], "", "Fetch the damaged files anew."),
    ],
)
def test_a_hint_fits_what_most_samples_suffer_from(reasons, hint, told):
    lost = tuple(
        SkippedSample(f"clip-{row}", reason) for row, reason in enumerate(reasons)
    )
    listing = dataclasses.replace(
        clips(), skipped=lost, hint=hint, missing_hint=LABORATORY
    )
    with pytest.raises(ValueError, match="More than 1%") as caught:
        decoding.DamagedSamples(listing)
    shown, _, remedy = str(caught.value).partition("; ...).")
    assert remedy.strip() == told
    # The reason of a pointer says what to do.
    assert ("git lfs pull" in shown) == (POINTER in reasons)


@pytest.mark.parametrize(("count", "most"), [(5, 1), (199, 1), (200, 2), (399, 3)])
def test_one_percent_and_at_least_one_may_be_damaged(count, most):
    listing = clips(count=count)
    casualties = decoding.DamagedSamples(listing)
    for unit in range(most):
        casualties.add(listing.groups[0], unit, ValueError("cut"))
    with pytest.raises(ValueError, match=f"More than 1% of {count} samples"):
        casualties.add(listing.groups[0], most, ValueError("cut"))


def test_a_row_of_a_sample_that_another_file_lacks_is_not_read(tmp_path):
    clip = tiny_listing.Clip(damaged=(4,))
    groups = (
        Group(range(5), tiny_listing.read_image, costly=False),
        Group(range(5), lambda number: {"sound": clip(number)["sound"]}, costly=False),
    )
    listing = dataclasses.replace(clips(count=5), groups=groups)
    part = make(tmp_path, lambda: listing).split("test")
    assert part.samples.tolist() == [f"clip-{number}" for number in range(4)]
    expected = np.stack([tiny_listing.image(number) for number in range(4)])
    np.testing.assert_array_equal(part.x["image"][:], expected)


def test_samples_known_to_be_damaged_do_not_count(tmp_path):
    known = tuple(
        SkippedSample(f"known-{i}", "no sound", expected=True) for i in range(9)
    )
    listing = dataclasses.replace(clips(damaged=(4,)), skipped=known)
    store = make(tmp_path, lambda: listing, workers=1)
    assert len(store.manifest["left_out"]) == 10


def test_without_tolerance_the_first_damaged_sample_ends_it(tmp_path):
    strict = dataclasses.replace(clips(damaged=(4,)), tolerant=False)
    with pytest.raises(ValueError, match="clip 4 is cut"):
        make(tmp_path, lambda: strict, workers=1)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"image": np.zeros((4, 4, 1), np.uint8)}, r"image must be \(4, 4, 3\)"),
        ({"image": np.zeros((4, 4, 3), np.int64)}, "image must be uint8"),
        ({"image": np.full((4, 4, 3), np.nan, np.float32)}, "not finite"),
    ],
)
def test_decoded_values_are_checked(tmp_path, rows, told):
    (group,) = clips(count=3).groups
    read = lambda number: {**tiny_listing.Clip()(number), **rows}  # noqa: E731
    listing = dataclasses.replace(
        clips(count=3),
        groups=(dataclasses.replace(group, read=read),),
        tolerant=False,
    )
    with pytest.raises(ValueError, match=told):
        make(tmp_path, lambda: listing, workers=1)


def test_an_actor_in_two_splits_is_a_fault_where_none_may_be(tmp_path):
    def listing(first):
        return dataclasses.replace(clips(first, 15), disjoint=("actor",))

    sources = {"test": lambda: listing(0), "validation": lambda: listing(15)}
    store = Store.create(tmp_path, RECIPE, sources, workers=1)
    (fault,) = check.check(store).faults
    assert fault == "actor: test and validation share 1: 1"
    sources["validation"] = lambda: listing(20)
    apart = Store.create(tmp_path, RECIPE, sources, force=True, workers=1)
    assert not check.check(apart).faults
    assert json.loads((apart.folder / "manifest.json").read_text())["disjoint"] == [
        "actor"
    ]


def test_two_preparations_of_one_store_do_not_meet(tmp_path):
    def second():
        with pytest.raises(FileExistsError, match="Another process is writing"):
            make(tmp_path)
        return clips()

    make(tmp_path, second, workers=1)


def test_where_the_raw_files_lie_is_not_in_the_manifest(tmp_path):
    lost = SkippedSample("clip-x", f"{tmp_path}/raw/clip-x.flv is cut")
    listing = dataclasses.replace(
        clips(count=200), skipped=(lost,), root=str(tmp_path / "raw")
    )
    store = make(tmp_path, lambda: listing, workers=1)
    assert store.manifest["left_out"][0]["reason"] == "clip-x.flv is cut"
    assert str(tmp_path) not in json.dumps(store.manifest)
