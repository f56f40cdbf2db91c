"""Stores of pandas frames, Hugging Face data sets and tf.data."""

import numpy as np
import pytest
from PIL import Image

from cmvq_keras.data import Store
from cmvq_keras.data.store import foreign
from cmvq_keras.recipe import Modality, Recipe, Target

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (12, 4, 4, 3)).astype("uint8")
NUMBERS = RNG.normal(size=(12, 2))
WORDS = ["cat", "dog"] * 6
SHAPES = {"image": (4, 4, 3), "sensor": (2,)}
SPLITS = {"train": slice(0, 8), "validation": slice(8, 12)}


def frame(**columns):
    pandas = pytest.importorskip("pandas", reason="a source of another library")
    content = {
        "image": list(PICTURES),
        "sensor_x": NUMBERS[:, 0],
        "sensor_y": NUMBERS[:, 1],
        "label": WORDS,
        "owner": [f"owner {row}" for row in range(12)],
    }
    return pandas.DataFrame({**content, **columns})


def made_of(root, source, outputs=("cat", "dog"), shapes=SHAPES):
    return Store.create(
        root, (shapes, outputs), {split: source[part] for split, part in SPLITS.items()}
    )


def check(store):
    part = store.split("train")
    np.testing.assert_array_equal(part.x["image"][:], PICTURES[:8])
    np.testing.assert_allclose(part.x["sensor"][:], NUMBERS[:8], rtol=1e-6)
    assert part.y.tolist() == [0, 1] * 4
    return part


def test_a_frame_is_a_split(tmp_path):
    part = check(made_of(tmp_path, frame()))
    assert part.samples[0] == "train/0"
    assert part.attributes["owner"][3] == "owner 3"


def test_a_frame_may_name_files_and_samples(tmp_path):
    paths = []
    for row, picture in enumerate(PICTURES):
        paths.append(str(tmp_path / f"{row}.png"))
        Image.fromarray(picture).save(paths[-1])
    paths[2] = str(tmp_path / "gone.png")
    names = [f"clip {row}" for row in range(12)]
    store = made_of(tmp_path / "store", frame(image=paths, name=names))
    part = store.split("train")
    np.testing.assert_array_equal(
        part.x["image"][:], np.delete(PICTURES[:8], 2, axis=0)
    )
    assert part.samples.tolist() == [names[row] for row in (0, 1, 3, 4, 5, 6, 7)]
    (skipped,) = store.skipped("train")
    assert skipped["sample"] == "clip 2"
    assert "gone.png" in skipped["reason"]


@pytest.mark.parametrize("other", [np.arange(12) % 2, WORDS], ids=("number", "word"))
def test_a_column_of_a_target_s_name_is_meant_beside_one_called_label(other, tmp_path):
    ages = 100.0 + np.arange(12)
    store = made_of(tmp_path, frame(age=ages, label=other), {"age": Target()})
    np.testing.assert_array_equal(store.split("train").y, ages[:8, None])


def test_two_columns_of_a_name_are_refused(tmp_path):
    pandas = pytest.importorskip("pandas", reason="a source of another library")
    twice = pandas.concat([frame(), frame()[["label"]][::-1]], axis=1)
    with pytest.raises(ValueError, match=r"once\. Received: 2 columns label"):
        made_of(tmp_path, twice)


def test_columns_of_targets_make_a_regression(tmp_path):
    ages = np.arange(12.0)
    targets = {"age": Target(), "size": Target()}
    store = made_of(
        tmp_path, frame(age=ages, size=2 * ages).drop(columns="label"), targets
    )
    expected = np.stack([ages, 2 * ages], axis=1)[:8]
    np.testing.assert_array_equal(store.split("train").y, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, None, "unknown"])
def test_a_row_without_its_number_is_skipped_as_in_a_table(value, tmp_path):
    ages = [*range(12)]
    ages[3] = value
    source = frame(age=ages, size=NUMBERS[:, 0]).drop(columns="label")
    store = made_of(tmp_path, source, {"age": Target(), "size": Target()})
    part = store.split("train")
    assert part.y[:, 0].tolist() == [0, 1, 2, 4, 5, 6, 7]
    np.testing.assert_array_equal(part.x["image"][3], PICTURES[4])
    (skipped,) = store.skipped("train")
    assert skipped["sample"] == "train/3"
    assert skipped["reason"].startswith("age is no number. Received: ")


def test_a_column_without_any_number_is_an_error(tmp_path):
    source = frame(age=[np.nan] * 12).drop(columns="label")
    with pytest.raises(ValueError, match=r"no samples\. train/0: age is no number"):
        made_of(tmp_path, source, {"age": Target()})


SEVERAL = Recipe(
    "tags",
    "pictures",
    {"sensor": Modality((2,), "vector")},
    ("cat", "dog"),
    task="multi-label",
)


def labels_of(source):
    return [each.y.tolist() for each in foreign.rows_of(source, SEVERAL, "train")]


@pytest.mark.parametrize(
    "labels", [[["cat"], ["dog", "cat"], []], ["cat", "dog | cat", ""]]
)
def test_names_are_several_labels(labels):
    found = labels_of(frame(label=labels * 4))
    assert found[:3] == [[1, 0], [1, 1], [0, 0]]


def test_labels_beside_a_column_for_each_class_are_refused():
    labels = ["cat", "dog | cat", ""] * 4
    assert labels_of(frame(label=labels, cat="a word"))[:2] == [[1, 0], [1, 1]]
    both = frame(label=labels, cat=0, dog=1)
    with pytest.raises(ValueError, match="both label and a column for each class"):
        labels_of(both)
    assert labels_of(both.drop(columns="label"))[0] == [0, 1]


def test_no_label_is_not_no_class():
    source = frame(label=[np.nan] + ["cat"] * 11)
    with pytest.raises(ValueError, match=r"train/0: label must .*Received: nan"):
        labels_of(source)


def test_a_data_set_of_hugging_face_may_number_several_labels():
    datasets = pytest.importorskip("datasets", reason="no dependency of the tests")
    names = datasets.Sequence(datasets.ClassLabel(names=["dog", "cat"]))
    features = {"sensor": datasets.Sequence(datasets.Value("float32")), "label": names}
    content = {"sensor": NUMBERS[:3].tolist(), "label": [[1], [0, 1], []]}
    features = datasets.Features(features)
    source = datasets.Dataset.from_dict(content, features=features)
    assert labels_of(source) == [[1, 0], [1, 1], [0, 0]]


def test_sequences_of_any_length_get_a_mask(tmp_path):
    shapes = {"motion": Modality((4, 3), "padded")}
    motions = [np.ones((1 + row % 5, 2)) for row in range(12)]
    store = made_of(tmp_path, frame(motion=motions), shapes=shapes)
    stored = store.split("train").x["motion"][:]
    np.testing.assert_array_equal(stored.sum(axis=1)[:, -1], [1, 2, 3, 4, 4, 1, 2, 3])
    np.testing.assert_array_equal(stored[..., 0], stored[..., -1])


@pytest.mark.parametrize("value", [-1, 256])
def test_numbers_that_are_no_bytes_are_no_pictures(value, tmp_path):
    pictures = PICTURES.astype(int)
    pictures[2, 0, 0] = value
    store = made_of(tmp_path, frame(image=list(pictures)))
    (skipped,) = store.skipped("train")
    assert skipped["sample"] == "train/2"
    assert "must be in [0, 255]. Received: " in skipped["reason"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": ["cow"] * 12}, "train/0: label must be one of cat, dog"),
        (
            {"sensor_x": ["a"] * 12},
            r"train has no samples\. train/0: sensor: it must hold numbers",
        ),
    ],
)
def test_bad_rows_are_told(columns, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        made_of(tmp_path, frame(**columns))


def test_skipped_rows_are_told(tmp_path, caplog):
    sensors = [list(row) for row in NUMBERS]
    sensors[1], sensors[4] = [1.0], [1.0, 2.0, 3.0]
    source = frame(sensor=sensors).drop(columns=["sensor_x", "sensor_y"])
    store = made_of(tmp_path, source)
    assert [each["sample"] for each in store.skipped("train")] == ["train/1", "train/4"]
    (record,) = caplog.records
    assert record.getMessage() == (
        "train: 2 rows are skipped. The first is train/1: sensor: it must be (2,). "
        "Received: (1,). store.skipped('train') lists all"
    )


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([None, *WORDS[1:]], "train/0 has no label. Received: "),
        ([1.0, *[0.0] * 11], "train/0: label must be a class's name or its place. Rec"),
        ([np.nan, *[0.0] * 11], "train/0 has no label. Received: nan. Leave rows"),
    ],
)
def test_a_frame_without_a_label_is_refused_in_one_line(labels, said, tmp_path):
    with pytest.raises(ValueError, match=said) as told:
        made_of(tmp_path, frame(label=labels))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("column", ["label", "image"])
def test_a_missing_column_is_named(column, tmp_path):
    with pytest.raises(ValueError, match=f"train/0 lacks .*{column}"):
        made_of(tmp_path, frame().drop(columns=column))


def test_a_data_set_of_hugging_face_is_a_split(tmp_path):
    datasets = pytest.importorskip("datasets", reason="no dependency of the tests")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "sensor": datasets.Sequence(datasets.Value("float32")),
            "label": datasets.ClassLabel(names=["dog", "cat"]),
        }
    )

    def part(rows):
        content = {
            "image": [Image.fromarray(each) for each in PICTURES[rows]],
            "sensor": NUMBERS[rows].tolist(),
            "label": WORDS[rows],
        }
        return datasets.Dataset.from_dict(content, features=features)

    splits = {split: part(rows) for split, rows in SPLITS.items()}
    # The names count, whatever numbers the data set gives them.
    check(Store.create(tmp_path, (SHAPES, ("cat", "dog")), splits))


@pytest.mark.parametrize("batched", [False, True])
def test_tf_data_is_a_split(batched, tmp_path):
    tensorflow = pytest.importorskip("tensorflow", reason="a source of its own")
    labels = np.arange(12) % 2

    def part(rows):
        x = {"image": PICTURES[rows], "sensor": NUMBERS[rows]}
        made = tensorflow.data.Dataset.from_tensor_slices((x, labels[rows]))
        return made.batch(3) if batched else made

    splits = {split: part(rows) for split, rows in SPLITS.items()}
    check(Store.create(tmp_path, (SHAPES, ("cat", "dog")), splits))


def test_a_label_that_hugging_face_hides_is_no_class(tmp_path):
    datasets = pytest.importorskip("datasets", reason="no dependency of the tests")
    names = datasets.ClassLabel(names=["cat", "dog"])
    features = {"sensor": datasets.Sequence(datasets.Value("float32")), "label": names}
    for label, kind in ((-1, names), ([0, -1], datasets.Sequence(names))):
        content = {"sensor": NUMBERS[:2].tolist(), "label": [label, label]}
        source = datasets.Dataset.from_dict(
            content, features=datasets.Features({**features, "label": kind})
        )
        said = r"row 0: label must be in \[0, 1\]\. Received: -1\. Leave rows"
        with pytest.raises(ValueError, match=said):
            labels_of(source)


def test_a_number_that_is_another_class_s_name_is_refused(tmp_path):
    labels = np.arange(12) % 2 + 1
    said = r"train/0: label 1 may be the class 1 or the one at place 1.*astype\(str\)"
    with pytest.raises(ValueError, match=said):
        made_of(tmp_path, frame(label=labels), outputs=("1", "2", "3"))
    store = made_of(tmp_path, frame(label=labels.astype(str)), outputs=("1", "2", "3"))
    assert store.split("train").y.tolist() == [0, 1] * 4
    store = made_of(tmp_path / "0", frame(label=labels - 1), outputs=("0", "1"))
    assert store.split("train").y.tolist() == [0, 1] * 4


@pytest.mark.parametrize("mode", ["P", "1", "L", "LA", "YCbCr", "HSV", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_mode_are_read_as_their_files_are(mode, channels, tmp_path):
    picture = Image.fromarray(PICTURES[0]).convert(mode)
    wanted = picture.convert("L" if channels == 1 and mode != "HSV" else "RGB")
    shapes = {**SHAPES, "image": (4, 4, channels)}
    store = made_of(tmp_path, frame(image=[picture] * 12), shapes=shapes)
    if mode == "HSV" and channels == 1:
        wanted = wanted.convert("L")
    found = store.split("train").x["image"][:][0]
    np.testing.assert_array_equal(
        found,
        np.asarray(wanted.convert("L" if channels == 1 else "RGB")).reshape(
            4, 4, channels
        ),
    )


def test_pictures_of_16_bits_or_with_holes_are_refused(tmp_path):
    clear = Image.fromarray(PICTURES[0]).convert("RGBA")
    clear.putalpha(128)
    wide = Image.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4))
    for picture, said in ((clear, "transparent pixels"), (wide, "8 bits per colour")):
        with pytest.raises(ValueError, match=said):
            made_of(tmp_path, frame(image=[picture] * 12))


def test_a_picture_stands_upright(tmp_path):
    turned = Image.fromarray(PICTURES[0])
    turned.getexif()[0x0112] = 6
    store = made_of(tmp_path, frame(image=[turned] * 12))
    expected = np.rot90(PICTURES[0], -1)
    np.testing.assert_array_equal(store.split("train").x["image"][:][0], expected)


def test_tf_data_without_an_end_is_refused():
    tensorflow = pytest.importorskip("tensorflow", reason="a source of its own")
    source = ({"sensor": NUMBERS}, np.zeros((12, 2), int))
    source = tensorflow.data.Dataset.from_tensor_slices(source).repeat()
    with pytest.raises(ValueError, match="must end"):
        labels_of(source)


def test_tf_data_with_weights_is_refused():
    tensorflow = pytest.importorskip("tensorflow", reason="a source of its own")
    labels = np.zeros((12, 2), int)
    source = ({"sensor": NUMBERS}, labels, np.zeros(12))
    source = tensorflow.data.Dataset.from_tensor_slices(source)
    with pytest.raises(ValueError, match="label\\), without weights"):
        labels_of(source)


def test_tf_data_of_another_shape_is_named():
    tensorflow = pytest.importorskip("tensorflow", reason="a source of its own")
    source = ({"sensor": NUMBERS[:, :1]}, np.zeros((12, 2), int))
    source = tensorflow.data.Dataset.from_tensor_slices(source)
    with pytest.raises(ValueError, match=r"train/0: sensor: it must be \(2,\)\. Rec"):
        labels_of(source)


def test_tf_data_must_have_the_modalities():
    tensorflow = pytest.importorskip("tensorflow", reason="a source of its own")
    x = {"sensor": NUMBERS, "more": NUMBERS}
    labels = np.zeros((12, 2), int)
    source = tensorflow.data.Dataset.from_tensor_slices((x, labels))
    assert len(labels_of(source)) == 12
    source = tensorflow.data.Dataset.from_tensor_slices(({"more": NUMBERS}, labels))
    with pytest.raises(ValueError, match=r"train/0 lacks sensor\. Received: more"):
        labels_of(source)
