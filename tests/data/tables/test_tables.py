"""A table of files: what its columns are, its splits, and what is wrong with it."""

import collections
import shutil

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_table import HEADER, read_rows, write_rows, write_table

from cmvq_keras import recipes
from cmvq_keras.data import decoding, kinds, tables
from cmvq_keras.data.formats import numbers_text
from cmvq_keras.data.kinds import audio, sequence
from cmvq_keras.data.split import SPLITS
from cmvq_keras.data.tables import listing, recipe_text, splitting
from cmvq_keras.runs.tables import prepare

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def table(path):
    return tables.open_table(path)


def test_kinds_and_shapes_are_guessed_from_endings_and_content(table):
    found = {name: (m.kind, m.shape) for name, m in table.recipe.modalities.items()}
    assert found == {
        "photo": ("image", (12, 20, 3)),
        "sound": ("audio", (64, 64, 1)),
        "motion": ("sequence", (64, 3)),
        "size": ("vector", (2,)),
    }
    assert table.recipe.classes == ("cat", "dog")
    assert table.recipe.data == {"seed": 0, "sound_seconds": 0.5}
    assert recipes.resolve(table.recipe).model.grid == 4
    assert table.listings["train"].attributes.keys() == {"owner", "group"}


def test_a_group_is_in_one_split_and_all_rows_are_there(table):
    groups = {split: set(table.listings[split].attributes["group"]) for split in SPLITS}
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 10
    assert sum(map(len, table.listings.values())) == 40
    assert len(table.listings["train"]) == 28
    again = tables.open_table(table.path)
    assert again.listings["train"].names == table.listings["train"].names
    other = tables.open_table(table.path, seed=1)
    assert other.listings["train"].names != table.listings["train"].names


def test_files_are_decoded_as_the_table_says(table, path):
    listing = table.listings["test"]
    raw = recipes.resolve(
        table.recipe.with_settings(
            {
                f"modalities.{name}.{key}": value
                for name in table.recipe.modalities
                for key, value in (("offset", 0.0), ("scale", 1.0))
            }
        )
    )
    split = decoding.load(listing, raw)
    rows = {row[0]: row for row in read_rows(path)}
    for place, name in enumerate(split.samples):
        row = rows[name]
        np.testing.assert_allclose(
            split.x["size"][place], [float(row[3]), float(row[4])], rtol=1e-6
        )
        steps = np.loadtxt(path.parent / row[2], delimiter=";")
        at = np.linspace(0, len(steps) - 1, 64)
        expected = [np.interp(at, np.arange(len(steps)), each) for each in steps.T]
        np.testing.assert_allclose(
            split.x["motion"][place], np.transpose(expected), atol=1e-5
        )
        assert 0 <= split.x["photo"][place].min() <= split.x["photo"][place].max() <= 1
        assert split.x["sound"][place].max() == 0
        assert raw.classes[split.y[place]] == row[5]


@pytest.mark.parametrize(
    "changes",
    [
        {"encoding": "utf-8-sig", "end": "\r\n"},
        {"delimiter": ";"},
        {"delimiter": "\t"},
    ],
)
def test_odd_tables_are_read_alike(table, path, changes):
    odd = write_rows(path.with_name("odd.csv"), read_rows(path), **changes)
    found = tables.open_table(odd)
    assert found.listings["train"].names == table.listings["train"].names


def test_quotes_hold_delimiters_and_columns_may_say_the_split(path, tmp_path):
    shutil.copy(path.parent / "p0.png", tmp_path / "a, b.png")
    shutil.copy(path.parent / "p1.png", tmp_path / "c.png")
    shutil.copy(path.parent / "p2.png", tmp_path / "d.png")
    rows = [["a, b.png", "1", "train"], ["c.png", "10", "val"], ["d.png", "2", "test"]]
    found = tables.open_table(
        write_rows(tmp_path / "t.csv", rows, ("photo", "label", "split"))
    )
    assert found.recipe.classes == ("1", "2", "10")
    assert found.listings["train"].names == ["a, b.png"]
    assert "train has no 2, 10" in found.notes


def _rows(path, change):
    rows = read_rows(path)
    change(rows)
    return rows


@pytest.mark.parametrize(
    ("header", "change", "message"),
    [
        ([*HEADER[:5], "kind", *HEADER[6:]], None, "lacks the column label"),
        ([*HEADER[:6], "Label", HEADER[7]], None, "two columns label and Label"),
        (HEADER, lambda rows: rows.clear(), "it has no rows below its header"),
        (
            HEADER,
            lambda rows: [row.__setitem__(0, f"gone{row[0]}") for row in rows],
            r"photo: none of its 40 files is there, such as .*gonep0.png",
        ),
        (
            HEADER,
            lambda rows: rows[1].__setitem__(slice(3, 6), ["nan", "1", "bird"]),
            r"no row of the class bird can be used \(line 3: size_a is no number",
        ),
        (
            HEADER,
            lambda rows: [row.__setitem__(0, "gone.png") for row in rows[1::2]],
            r"no row of the class dog can be used \(line 3: photo gone.png is not the",
        ),
        (
            HEADER,
            lambda rows: [row.__setitem__(5, "cat") for row in rows],
            "only one class, cat",
        ),
        (
            HEADER,
            lambda rows: rows.append([*rows[0][:5], "dog", *rows[0][6:]]),
            "lines 2 and 42 are of the same sample and disagree: cat and dog",
        ),
        (HEADER, lambda rows: rows[1].append("x"), "line 3 must have 8 cells"),
        (HEADER, lambda rows: rows[1].__setitem__(5, ""), "line 3 has no label"),
        (
            [*HEADER[:6], "split", "owner"],
            None,
            "line 2: split must be train, validation or test. Received: g0",
        ),
        ((*HEADER[:7], ""), None, "column 8 has no name"),
    ],
)
def test_a_bad_table_gets_one_line(path, header, change, message):
    rows = _rows(path, change or (lambda rows: None))
    bad = write_rows(path.with_name("bad.csv"), rows, header)
    with pytest.raises(ValueError, match=message) as told:
        tables.open_table(bad)
    assert str(bad) in str(told.value)
    assert "\n" not in str(told.value)


def test_an_empty_table_and_files_of_mixed_shapes_are_told(path, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        tables.open_table(empty)
    for number, size in enumerate((3, 3, 4)):
        np.save(tmp_path / f"{number}.npy", np.zeros(size))
    rows = [[f"{number}.npy", str(number % 2)] for number in range(3)]
    mixed = write_rows(tmp_path / "mixed.csv", rows, ("values", "label"))
    with pytest.raises(ValueError, match="values: the files have mixed shapes"):
        tables.open_table(mixed)


def test_files_that_no_kind_reads_are_told(path, tmp_path):
    for row in range(6):
        (tmp_path / f"{row}.heic").write_bytes(b"....ftypheic")
    rows = [[f"{row}.heic", str(row), str(row % 2), "ab"[row % 2]] for row in range(6)]
    header = ("photo", "size_a", "size_b", "label")
    found = tables.open_table(write_rows(tmp_path / "t.csv", rows * 4, header))
    assert "No kind reads .heic: the files of photo are not used" in found.notes
    alone = write_rows(
        tmp_path / "alone.csv", [[row[0], row[3]] for row in rows], ("photo", "label")
    )
    with pytest.raises(ValueError, match=r"it has no modality: no column of paths"):
        tables.open_table(alone)
    with pytest.raises(ValueError, match=r"no file of kind image ends in \.heic"):
        tables.open_table(alone, {"photo": "image"})


def test_one_column_of_numbers_is_a_vector_where_its_kind_is_chosen(tmp_path):
    rows = [[f"{row}.5", str(-row), f"note {row}", "ab"[row % 2]] for row in range(20)]
    header = ("age", "weight", "note", "label")
    path = write_rows(tmp_path / "people.csv", rows, header)
    found = tables.open_table(path, {"age": "vector", "note": "tokens"})
    shapes = {name: (m.kind, m.shape) for name, m in found.recipe.modalities.items()}
    assert shapes == {"age": ("vector", (1,)), "note": ("tokens", (16,))}
    assert (
        "Kept as attributes, not trained on: weight. To train on such columns: "
        "--kind weight=vector" in found.notes
    )
    # The recipe alone reads the same, as a run does later.
    again = tables.open_split(found.recipe, "train", path)
    assert list(again.names) == list(found.listings["train"].names)
    ages = next(group for group in again.groups if isinstance(group.items[0], tuple))
    expected = [float(rows[int(name.split()[1]) - 2][0]) for name in again.names]
    assert [ages.read(item)["age"].tolist() for item in ages.items] == [
        [age] for age in expected
    ]


def test_columns_that_are_not_trained_on_are_noted_with_what_would_use_them(tmp_path):
    rows = [
        [
            *map(str, (row, -row, row % 7)),
            "some words",
            f"{row % 3} of 3",
            "ab"[row % 2],
        ]
        for row in range(20)
    ]
    header = ("body_x", "body_y", "age", "note", "visit", "label")
    found = tables.open_table(write_rows(tmp_path / "t.csv", rows, header))
    assert list(found.recipe.modalities) == ["body"]
    assert (
        "Kept as attributes, not trained on: age, note, visit. To train on such "
        "columns: --kind age=vector and --kind note=tokens" in found.notes
    )


@pytest.mark.parametrize(
    ("kinds", "shapes", "message"),
    [
        (
            {"age": "sequence"},
            {},
            "age holds numbers: its kind must be vector, by --kind age=vector. "
            "Received: sequence",
        ),
        ({"age": "image"}, {}, "age holds numbers: its kind must be vector"),
        (
            {},
            {"age": (1,)},
            "age holds numbers: its kind must be vector, by --kind age=vector. "
            "Received: a shape alone",
        ),
        ({"age": "vector"}, {"age": (2,)}, r"age has 1 column: its shape is \(1,\)"),
    ],
)
def test_a_column_of_numbers_is_nothing_but_a_vector(tmp_path, kinds, shapes, message):
    rows = [[str(16.5 + row), "ab"[row % 2]] for row in range(20)]
    path = write_rows(tmp_path / "people.csv", rows, ("age", "label"))
    with pytest.raises(ValueError, match=message):
        tables.open_table(path, kinds, shapes)


def _written(folder, write, count=10):
    """A table of `count` files; `write` takes a path without ending and a number."""
    rows = [[write(folder / f"{n}", n).name, "ab"[n % 2]] for n in range(count)]
    return write_rows(folder / "files.csv", rows, ("thing", "label"))


@pytest.mark.parametrize("ending", [".npy", ".csv"])
def test_steps_come_first_where_features_differ(ending, tmp_path):
    def write(path, number):
        values = np.zeros((20, 3 + number % 2), np.float32)
        path = path.with_suffix(ending)
        if ending == ".npy":
            np.save(path, values)
        else:
            np.savetxt(path, values, delimiter=",")
        return path

    with pytest.raises(ValueError, match=r"mixed shapes: \(20, 3\), \(20, 4\)"):
        tables.open_table(_written(tmp_path, write))


def test_arrays_with_their_channels_first_are_refused(tmp_path):
    def write(path, number):
        path = path.with_suffix(".npy")
        np.save(path, np.full((3, 16, 16), number, np.uint8))
        return path

    path = _written(tmp_path, write)
    with pytest.raises(ValueError, match=r"np\.moveaxis\(x, 0, -1\)"):
        tables.open_table(path)
    found = tables.open_table(path, chosen_shapes={"thing": (3, 16, 16)})
    assert found.recipe.modalities["thing"].shape == (3, 16, 16)


def test_a_column_of_two_kinds_of_files_is_refused(tmp_path):
    def write(path, number):
        if number % 4 > 1:
            path = path.with_suffix(".wav")
            soundfile.write(path, np.zeros(800), 8000)
            return path
        path = path.with_suffix(".png")
        Image.fromarray(np.full((16, 16), number, np.uint8)).save(path)
        return path

    with pytest.raises(ValueError, match="thing: its files must be of one kind"):
        tables.open_table(_written(tmp_path, write))


def test_a_modality_that_is_damaged_everywhere_is_told(tmp_path):
    def write(path, number):
        path = path.with_suffix(".npy")
        np.save(path, np.full((20, 3), np.nan, np.float32))
        return path

    path = _written(tmp_path, write, count=40)
    lines = path.read_text().splitlines()
    more = (f"{line},0.5,{number}" for number, line in enumerate(lines[1:]))
    path.write_text("\n".join([f"{lines[0]},x_a,x_b", *more]))
    found = tables.open_table(path)
    with pytest.raises(ValueError, match=r"no sample can be used \(.*not finite"):
        prepare(found, tmp_path / "store")


def test_python_is_told_what_of_a_table_is_skipped(tmp_path, caplog):
    rows = [[f"{row}.5", "1", "train", "ab"[row % 2]] for row in range(40)]
    rows[5][0], rows[8][0] = "1e400", "x"
    rows[36][2] = rows[37][2] = "test"
    rows[38][2] = rows[39][2] = "validation"
    path = write_rows(tmp_path / "t.csv", rows, ("s_x", "s_y", "split", "label"))
    store = prepare(path, tmp_path / "store")
    (record,) = caplog.records
    assert record.getMessage() == (
        "train: 2 rows are skipped. The first is line 7: s_x is 1e400, which "
        "float32 cannot hold. store.skipped('train') lists all"
    )
    assert len(store.skipped("train")) == 2
    caplog.clear()
    prepare(tables.open_table(path), tmp_path / "again")
    assert not caplog.records  # a table that was opened has its notes


def test_cells_without_a_path_are_no_file_in_two_splits(path, tmp_path):
    def change(rows):
        for row in rows[:6]:
            row[0] = ""

    header = [*HEADER[:6], "split", "owner"]
    rows = _rows(path, change)
    for number, row in enumerate(rows):
        row[6] = ("train", "train", "validation", "test")[number % 4]
    found = tables.open_table(write_rows(path.parent / "empty.csv", rows, header))
    assert not [note for note in found.notes if "file of photo is in two" in note]


def test_columns_of_numbers_alone_say_how_to_take_them(tmp_path):
    rows = [[str(0.5 * row), str(row), "ab"[row % 2]] for row in range(20)]
    path = write_rows(tmp_path / "t.csv", rows, ("f0", "f1", "label"))
    with pytest.raises(ValueError, match="To train on a column of numbers: --kind f0="):
        tables.open_table(path)


def test_damage_duplicates_and_leaks_are_listed(path, tmp_path):
    def change(rows):
        rows[5][3] = "nan"
        rows.append(rows[0])

    header = [*HEADER[:6], "split", "owner"]
    rows = _rows(path, change)
    for number, row in enumerate(rows):
        row[6] = ("train", "train", "validation", "test")[number % 4]
    rows[2][1] = rows[0][1]
    found = tables.open_table(write_rows(path.with_name("listed.csv"), rows, header))
    assert "1 row is there twice: taken once" in found.notes
    assert any(note.startswith("1 file of sound is in two") for note in found.notes)
    (skipped,) = found.listings["train"].skipped
    assert skipped.reason == "line 7: size_a is no number"


def test_numbers_with_decimal_commas_are_no_attributes(tmp_path):
    rows = [[f"{row},5", f"-{row},25", "1", "ab"[row % 2]] for row in range(40)]
    header = ("x_a", "x_b", "x_c", "label")
    table = write_rows(tmp_path / "t.csv", rows, header, delimiter=";")
    said = r"the numbers in x_a must have decimal points\. Received: 0,5"
    with pytest.raises(ValueError, match=said):
        tables.open_table(table)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1e400", "which float32 cannot hold"),
        ("-1e39", "which float32 cannot hold"),
        ("True", "which is no number: write 1 or 0"),
        ("FALSE", "which is no number: write 1 or 0"),
    ],
)
def test_numbers_that_cannot_be_used_are_told_from_words(cell, why, tmp_path):
    said = f"s_x is {cell}, {why}"

    def table(cells, header=("s_x", "s_y", "label")):
        rows = [[text, f"{row}.5", "ab"[row % 2]] for row, text in enumerate(cells)]
        return write_rows(tmp_path / "t.csv", rows, header)

    # In some rows, which are skipped; in all of them; beside two columns of numbers.
    few = tables.open_table(table(["1"] * 20 + [cell] + ["2"] * 19))
    assert f"1 row is skipped: line 22: {said}" in few.notes
    with pytest.raises(ValueError, match=f"has no modality.*In line 2 {said}"):
        tables.open_table(table([cell] * 40))
    with pytest.raises(ValueError, match=f"s_x must hold numbers. In line 2 {said}"):
        tables.open_table(table([cell] * 40), {"s_x": "vector"})
    rows = [["1.5", "2", cell, "ab"[row % 2]] for row in range(40)]
    path = write_rows(tmp_path / "t.csv", rows, ("a_x", "a_y", "s_x", "label"))
    said = f"Kept as attributes, not trained on: s_x. In line 2 {said}"
    assert said in tables.open_table(path).notes


def test_columns_of_keys_in_a_guessed_vector_are_told(tmp_path):
    rows = [[str(7 * row), str(row % 5), "ab"[row % 2]] for row in range(40)]
    path = write_rows(tmp_path / "t.csv", rows, ("id_1", "id_2", "label"))
    said = "id_1 differs in every row, as keys do, and is trained on in the vector id."
    assert any(note.startswith(said) for note in tables.open_table(path).notes)
    chosen = tables.open_table(path, {"id": "vector"})
    assert not any("keys" in note for note in chosen.notes)


def test_a_header_that_names_no_modality_is_told_once(tmp_path):
    rows = [["1.5"] * 4 + ["ab"[row % 2]] for row in range(40)]
    header = ("my heart_x", "my heart_y", "a.b_x", "a.b_y", "label")
    path = write_rows(tmp_path / "t.csv", rows, header)
    said = (
        r"letters, digits, _ and -\. Received: 'my heart', 'a\.b'\. Rename them in the"
    )
    with pytest.raises(ValueError, match=said) as told:
        tables.open_table(path)
    assert str(told.value).count("letters") == 1


def test_a_number_has_no_underscores(tmp_path):
    rows = [[str(row), "1", "ab"[row % 2]] for row in range(40)]
    rows[3][0] = "1_0"
    table = write_rows(tmp_path / "t.csv", rows, ("x_a", "x_b", "label"))
    assert any("line 5: x_a is no number" in n for n in tables.open_table(table).notes)


def test_a_column_that_float32_rounds_is_noted(tmp_path):
    rows = [[str(1.7e9 + row), "1e9", "ab"[row % 2]] for row in range(40)]
    table = write_rows(tmp_path / "t.csv", rows, ("x_time", "x_b", "label"))
    noted = [each for each in tables.open_table(table).notes if "float32" in each]
    assert [each.partition(" ")[0] for each in noted] == ["x_time"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,1\n0.5,0.25\n", "its first line counts the columns. Write it without"),
        (",a,b\n0,0.5,1\n1,2,3\n", "its first column counts the rows. Write it"),
        ("1.0,abc\n2,3\n", "line 1 must hold numbers alone"),
        ("1,,2\n3,4,5\n", "line 1 must hold numbers alone"),
        ("1_0,2\n3,4\n", "line 1 must hold numbers alone"),
        ("1,5;2,5\n3,5;4,5\n", "alone, with decimal points"),
        ("a,b\nc,d\n", "it holds no numbers"),
    ],
)
def test_the_first_line_of_numbers_is_not_lost(text, said, tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        numbers_text.read(path)


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_an_array_without_numbers_is_no_sequence(shape, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ValueError, match=r"with one number at least\. Received: shape"):
        sequence.array_of(tmp_path / "a.npy")


@pytest.mark.parametrize("text", ["a b\n0 1\n2 3\n", "0,1\n2,3\n", "# x\n0.5\n"])
def test_a_header_is_words(text, tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text(text)
    expected = {"a": [[0, 1], [2, 3]], "0": [[0, 1], [2, 3]], "#": [[0.5]]}[text[0]]
    np.testing.assert_array_equal(numbers_text.read(path), expected)


def test_a_kind_or_a_shape_may_be_chosen(path):
    found = tables.open_table(path, {"motion": "sequence"}, {"sound": (32, 32, 1)})
    assert found.recipe.modalities["sound"].shape == (32, 32, 1)
    assert not next(each for each in found.sources if each.name == "motion").guessed
    with pytest.raises(ValueError, match=r"Unknown modality fotos\. Did you mean"):
        tables.open_table(path, {"fotos": "image"})
    with pytest.raises(ValueError, match=r"no file of kind depth ends in \.png"):
        tables.open_table(path, {"photo": "depth"})


def test_a_column_of_texts_is_a_modality_when_it_is_chosen(path):
    found = tables.open_table(path, {"owner": "tokens"})
    assert found.recipe.modalities["owner"].shape == (16,)
    group = found.listings["test"].groups[-2]
    (values,) = group.read(group.items[0]).values()
    assert values.tobytes().rstrip(b"\0").decode() == group.items[0]
    assert group.items[0].startswith("owner ")
    texts = path.with_name("letter.txt")
    texts.write_text("Dear all, 3 of 4")
    rows = [["letter.txt", str(number)] for number in range(3)]
    (source,) = tables.columns.find(
        tables.reading.Cells(["letter", "label"], [2, 3, 4], rows),
        path.parent,
        {},
        {},
        {},
    )[0]
    assert (source.kind, source.shape) == ("tokens", (16,))


def test_each_class_and_group_gets_its_share():
    labels = np.repeat([0, 1, 2], [100, 40, 7])
    parts = splitting.draw(labels, None, 0)
    counts = collections.Counter(zip(labels.tolist(), parts.tolist(), strict=True))
    assert [counts[0, split] for split in SPLITS] == [70, 15, 15]
    assert [counts[1, split] for split in SPLITS] == [28, 6, 6]
    assert [counts[2, split] for split in SPLITS] == [5, 1, 1]
    groups = np.arange(147) % 21
    parts = splitting.draw(labels, groups, 0)
    assert len(set(zip(groups.tolist(), parts.tolist(), strict=True))) == 21
    shares = [np.mean(parts == split) for split in SPLITS]
    np.testing.assert_allclose(shares, [0.7, 0.15, 0.15], atol=0.05)


def test_few_groups_leave_no_split_empty_nor_without_a_class():
    generator = np.random.default_rng(0)
    for seed in range(200):
        # Of each class three groups at least, each of one class, of any size.
        counts = generator.integers(3, 7, size=2)
        of_group = np.repeat([0, 1], counts)
        sizes = generator.integers(1, 30, size=len(of_group))
        labels = np.repeat(of_group, sizes)
        groups = np.repeat(np.arange(len(of_group)), sizes)
        parts = splitting.draw(labels, groups, seed)
        for split in SPLITS:
            assert set(labels[parts == split]) == {0, 1}
        for group in range(len(of_group)):
            assert len(set(parts[groups == group])) == 1


def test_two_groups_of_a_class_are_split_too():
    labels, groups = np.repeat([0, 0, 1, 1, 1], 12), np.repeat(np.arange(5), 12)
    assert set(splitting.draw(labels, groups, 0)) == set(SPLITS)


def test_a_row_without_a_path_hides_no_modality(path):
    rows = _rows(path, lambda rows: rows[2].__setitem__(2, ""))
    rows[4][0] = "gone.png"
    found = tables.open_table(write_rows(path.with_name("lacking.csv"), rows))
    reasons = {
        each.reason for listing in found.listings.values() for each in listing.skipped
    }
    missing = "line 6: photo gone.png is not there"
    assert reasons == {"line 4 has no path in the column motion", missing}
    assert any(note.startswith("2 rows are skipped: line 4") for note in found.notes)
    assert sum(map(len, found.listings.values())) == 38
    assert set(found.recipe.modalities) == {"photo", "sound", "motion", "size"}


def test_whole_numbers_of_any_width_are_pictures_alike(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (8, 8, 1))
    for name in ("uint8", "int32"):
        np.save(tmp_path / f"{name}.npy", values.astype(name))
    read = listing.ReadFile("photo", "image", (8, 8, 1), ())
    found = read(tmp_path / "int32.npy")["photo"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values / 255, rtol=1e-6)
    assert read(tmp_path / "uint8.npy")["photo"].dtype == np.uint8


def test_numbers_alone_may_be_the_same_in_two_rows(tmp_path):
    rows = [[str(row % 3), str(row % 2), "ab"[row % 5 == 0]] for row in range(60)]
    header = ("s_x", "s_y", "label")
    found = tables.open_table(write_rows(tmp_path / "counts.csv", rows, header))
    assert sum(map(len, found.listings.values())) == 60


def test_columns_of_a_label_are_no_vector(tmp_path):
    rows = [[str(row), str(row), str(row % 2), "1", "ab"[row % 2]] for row in range(40)]
    header = ("s_x", "s_y", "label_id", "label_code", "label")
    found = tables.open_table(write_rows(tmp_path / "coded.csv", rows, header))
    assert list(found.recipe.modalities) == ["s"]
    assert found.listings["train"].attributes.keys() == {"label_id", "label_code"}


def test_a_modality_alone_is_read_from_the_same_rows(path, tmp_path):
    out = path.with_name("alone.py")
    out.write_text(recipe_text.written(tables.open_table(path), out))
    recipe = recipes.get(str(out))
    found = recipes.open_split(recipe.with_modality("photo"), "test")
    assert found.names == recipes.open_split(recipe, "test").names


def test_no_sample_of_a_long_sound_lies_between_two_windows(tmp_path):
    signal = np.zeros(20 * 16_000)
    hop = len(signal) // 128
    # A click between the places where windows of 512 samples would be.
    signal[hop // 2 :: hop] = 0.5
    soundfile.write(tmp_path / "long.wav", signal, 16_000)
    spectrogram = audio.ReadSpectrogram(20.0)(tmp_path / "long.wav", (64, 128, 1))
    loudest = spectrogram[..., 0].max(axis=0)
    assert (loudest > -40).mean() > 0.9


def test_a_vector_has_its_columns_by_name_in_whatever_order_they_stand(tmp_path):
    rows = [[str(row), str(-row), "ab"[row % 2]] for row in range(1, 41)]
    header = ("s_y", "s_x", "label")
    (source,) = tables.open_table(
        write_rows(tmp_path / "y_x.csv", rows, header)
    ).sources
    assert source.columns == ("s_x", "s_y")


@pytest.fixture(scope="module")
def leveled(tmp_path_factory):
    """A table whose sequences start far apart, and what they do from there."""
    folder = tmp_path_factory.mktemp("leveled")
    generator = np.random.default_rng(0)
    levels, moves, rows = 50 * generator.normal(size=(40, 3)), [], []
    for number, level in enumerate(levels):
        moves.append(generator.normal(number % 2, 1, (20 + number % 5, 3)))
        np.savetxt(folder / f"m{number}.csv", moves[-1] + level, delimiter=";")
        rows.append([f"m{number}.csv", str(float(number)), "ab"[number % 2]])
    path = write_rows(folder / "leveled.csv", rows, ("motion", "size", "label"))
    return path, [each - each.mean(axis=0) for each in moves]


@pytest.mark.parametrize("kind", ["sequence", "padded"])
def test_a_sequence_is_read_less_its_mean_where_its_level_tells_nothing(leveled, kind):
    path, moves = leveled
    found = tables.open_table(path, {"motion": kind}, centered=("motion",))
    assert found.recipe.data["motion_center"] is True
    alone = found.recipe.with_settings(
        {f"modalities.motion.{key}": v for key, v in (("offset", 0.0), ("scale", 1.0))}
    )
    # As a recipe of the table reads it, and as a single file for a prediction.
    split = decoding.load(tables.open_split(found.recipe, "test", path), alone)
    options = kinds.options(found.recipe, "motion")
    read = kinds.get(kind).readers(options)[".csv"]
    steps = alone.modalities["motion"].shape[0]
    for place, name in enumerate(split.samples):
        expected = moves[int(name.removeprefix("m").removesuffix(".csv"))]
        if kind == "sequence":
            at = np.linspace(0, len(expected) - 1, steps)
            places = np.arange(len(expected))
            expected = np.transpose([np.interp(at, places, f) for f in expected.T])
        else:
            beyond = np.zeros((steps - len(expected), 4))
            there = np.c_[expected, np.ones(len(expected))]
            expected = np.concatenate([there, beyond])
        shape = alone.modalities["motion"].shape
        for values in (split.x["motion"][place], read(path.parent / name, shape)):
            np.testing.assert_allclose(values, expected, atol=1e-4)


def test_levels_that_differ_more_than_what_happens_are_told(leveled, table):
    path, _ = leveled
    note = "lies between its files. If levels tell nothing, as where a person stands"
    (told,) = [each for each in tables.open_table(path).notes if note in each]
    assert told.startswith("100% of the variance of motion")
    assert told.endswith("add --center motion")
    for quiet in (table, tables.open_table(path, centered=("motion",))):
        assert not [each for each in quiet.notes if note in each]
    with pytest.raises(ValueError, match=r"mean \(motion\)\. Received: size$"):
        tables.open_table(path, {"size": "vector"}, centered=("size",))


def test_a_feature_that_does_not_change_is_0_when_read_less_its_mean(tmp_path):
    generator = np.random.default_rng(0)
    rows = []
    for number in range(40):
        steps = generator.normal(size=(20 + number % 5, 2))
        still = np.full((len(steps), 1), 1.7 + 0.1 * number)
        np.save(tmp_path / f"m{number}.npy", np.c_[steps, still])
        rows.append([f"m{number}.npy", "ab"[number % 2]])
    path = write_rows(tmp_path / "still.csv", rows, ("motion", "label"))
    store = prepare(path, tmp_path / "store", centered=("motion",))
    assert store.recipe.modalities["motion"].scale[2] == 1.0
    read = sequence.ReadSequence(center=True)
    assert not read(tmp_path / "m3.npy", (20, 3))[:, 2].any()
    # It counts for a level that tells something, but not for one that is rounding.
    share = sequence.SEQUENCE.level_share(sorted(tmp_path.glob("m*.npy")), {})
    assert 1 / 3 < share < 0.5
    for each in tmp_path.glob("m*.npy"):
        values = np.load(each)
        values[:, 2] = 1.7
        np.save(each, values)
    assert sequence.SEQUENCE.level_share(sorted(tmp_path.glob("m*.npy")), {}) < 0.2


def test_a_vector_may_not_be_named_like_the_validation(tmp_path):
    rows = [
        [*map(str, (row, row % 7, -row, row % 5)), "ab"[row % 2]] for row in range(40)
    ]
    header = ("val_a", "val_b", "s_x", "s_y", "label")
    with pytest.raises(ValueError, match=r"t\.csv: .* must not be named val beside"):
        tables.open_table(write_rows(tmp_path / "t.csv", rows, header))


def test_a_sequence_that_is_nothing_but_its_level_is_not_centered(tmp_path):
    rows = []
    for number in range(40):
        np.save(
            tmp_path / f"m{number}.npy", np.full((9, 1), 0.1 + number % 2, "float32")
        )
        rows.append([f"m{number}.npy", "ab"[number % 2]])
    path = write_rows(tmp_path / "level.csv", rows, ("motion", "label"))
    told = {"motion": "sequence"}
    with pytest.raises(
        ValueError, match=r"not change over .*\. Leave --center motion o"
    ):
        tables.open_table(path, told, centered=("motion",))
    assert any(
        "add --center motion" in each for each in tables.open_table(path, told).notes
    )
