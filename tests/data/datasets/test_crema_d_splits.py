"""How CREMA-D is split: the published lists, a user's own, by actors."""

import collections
import csv

import pytest
from damage import EXAMPLES, PLAIN, damaged, refused, try_mutations
from tiny_clips import clip, crema_d_names, write_demographics
from tiny_sources import REAL

from cmvq_keras import recipes
from cmvq_keras.data.datasets.crema_d import splits
from cmvq_keras.data.datasets.crema_d.actors import read_actors
from cmvq_keras.data.datasets.crema_d.names import EMOTIONS, parse

pytestmark = pytest.mark.once

RECIPE = recipes.get("crema-d")
SPLITS = ("train", "validation", "test")
needs_lists = pytest.mark.skipif(
    not (REAL / "crema_d").exists(), reason="the official lists are not here"
)


@pytest.fixture(scope="module")
def actors(tmp_path_factory):
    path = tmp_path_factory.mktemp("actors") / "VideoDemographics.csv"
    write_demographics(path)
    return read_actors(path)


def _members(actors, **settings):
    data = {**RECIPE.data, **settings}
    return {
        part: [name.clip for name in splits.members(data, part, actors)]
        for part in SPLITS
    }


def _write_lists(folder, lists):
    for name, lines in lists.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return str(folder)


def test_the_published_lists_are_whole(actors):
    parts = _members(actors)
    assert [len(parts[part]) for part in SPLITS] == [5954, 744, 744]
    assert len(set().union(*parts.values())) == 7442
    assert set().union(*parts.values()) == splits.known()
    people = [{name[:4] for name in names} for names in parts.values()]
    assert [len(each) for each in people] == [91, 91, 91]


@needs_lists
def test_the_published_lists_are_the_authors_own(actors):
    parts = _members(actors)
    for part, file in zip(SPLITS, ("train", "val", "test"), strict=True):
        rows = list(csv.DictReader((REAL / "crema_d" / f"{file}.csv").open()))
        assert parts[part] == [row["filename"] for row in rows]
        for row in rows:
            code = list(EMOTIONS)[int(row["emotion_idx"])]
            assert parse(row["filename"]).emotion == code


@needs_lists
def test_the_authors_own_lists_and_the_official_table_can_be_read():
    table = read_actors(REAL / "crema_d" / "VideoDemographics.csv")
    assert sorted(table) == list(range(1001, 1092))
    count = collections.Counter(actor.sex for actor in table.values())
    assert count == {"Male": 48, "Female": 43}
    parts = _members(table, split=str(REAL / "crema_d"))
    assert [len(parts[part]) for part in SPLITS] == [5954, 744, 744]
    for part in range(5):
        _check_folds(table, _members(table, split="actor-disjoint", fold=part))


def _check_folds(actors, parts):
    people = {part: {int(name[:4]) for name in parts[part]} for part in SPLITS}
    assert sum(len(each) for each in people.values()) == 91
    assert len(set().union(*people.values())) == 91
    assert sum(map(len, parts.values())) == 7442
    sexes = {
        part: collections.Counter(actors[number].sex for number in people[part])
        for part in SPLITS
    }
    every = collections.Counter(actor.sex for actor in actors.values())
    for sex, number in every.items():
        for part in ("validation", "test"):
            assert sexes[part][sex] in (number // 5, number // 5 + 1)
    for part in ("validation", "test"):
        assert len(people[part]) in (18, 19)


def test_actors_are_in_one_part_each_and_balanced_by_sex(actors):
    folds = [
        _members(actors, split="actor-disjoint", fold=fold, seed=3) for fold in range(5)
    ]
    for parts in folds:
        _check_folds(actors, parts)
    assert len(set().union(*(parts["test"] for parts in folds))) == 7442
    for fold in range(5):
        assert folds[fold]["validation"] == folds[(fold + 1) % 5]["test"]
    again = _members(actors, split="actor-disjoint", fold=0, seed=3)
    other = _members(actors, split="actor-disjoint", fold=0, seed=4)
    assert again == folds[0]
    assert other != folds[0]


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_is_not_there_is_refused(fold, actors):
    with pytest.raises(ValueError, match=r"data\.fold must be in 0 to 4"):
        _members(actors, split="actor-disjoint", fold=fold)


@pytest.mark.parametrize(
    "form",
    [
        "{0},{1}",
        "{0}.flv,{1}",
        "{0}",
        "{0}.wav",
        " {0} , {2} ",
        '"{0}","{1}"',
        "filename,emotion_idx\n{0},{3}",
        "\ufefffilename,actor_idx,emotion\n{0},7,{2}",
        "label,clip_id\r\n{1},{0}\r\n\r\n",
    ],
)
def test_the_forms_that_a_list_may_have(form, tmp_path):
    path = tmp_path / "test.csv"
    word = "1001_IEO_SAD_HI"
    path.write_text(form.format(word, "SAD", "sad", 5), encoding="utf-8")
    assert [name.clip for name in splits.read_list(path)] == [word]


def test_without_a_validation_list_a_share_of_train_is_held_out(actors, tmp_path):
    lists = crema_d_names((10, 0, 2))
    del lists["validation"]
    folder = _write_lists(tmp_path, lists)
    parts = _members(actors, split=folder, validation_share=0.2)
    assert parts["test"] == lists["test"]
    assert sorted(parts["train"] + parts["validation"]) == sorted(lists["train"])
    held = collections.Counter(name.split("_")[2] for name in parts["validation"])
    assert held == dict.fromkeys(EMOTIONS, 2)
    assert _members(actors, split=folder, validation_share=0.2) == parts
    other = _members(actors, split=folder, validation_share=0.2, seed=1)
    assert other["validation"] != parts["validation"]


@pytest.mark.parametrize("name", ["val", "validation"])
def test_a_validation_list_has_either_name(name, actors, tmp_path):
    lists = crema_d_names((1, 1, 1))
    folder = _write_lists(
        tmp_path,
        {"train": lists["train"], name: lists["validation"], "test": lists["test"]},
    )
    assert _members(actors, split=folder) == lists


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1001_IEO_SAD_HI,ANG"], "line 1: 1001_IEO_SAD_HI is SAD by its name. Rec"),
        (["1001_IEO_SAD_HI,5"], "line 1: an emotion is one of ANG, DIS, .*Received"),
        (["filename,emotion_idx", "1001_IEO_SAD_HI,6"], "line 2: an emotion is one"),
        (["1001_IEO_SAD_HI"] * 2, "line 2: 1001_IEO_SAD_HI is there twice"),
        (["1001_IEO_SAD_HI", "1001_IEO_SAD_HI.flv"], "line 2: .* is there twice"),
        (["1001_IEO_SAD_XX"], "line 1: CREMA-D has no clip 1001_IEO_SAD_XX"),
        (["1099_DFA_SAD_XX"], "line 1: CREMA-D has no clip 1099_DFA_SAD_XX"),
        (["1001_IEO_SAD_HI", "nonsense"], "line 2: a clip is named like 1001_IEO_A"),
        (["1001_IEO_SAD_HI,SAD", "1001_IEO_ANG_HI"], "line 2: it has too few cells"),
        (["picture,number", "1,2"], "line 1: it must start with a clip"),
        (["filename"], "it lists no clips"),
        (["1001_IEO_SAD_HI\0"], "line 1: |it is not a CSV file"),
        (['"1001_IEO_SAD_HI'], "it is not a CSV file in UTF-8"),
    ],
)
def test_a_list_that_cannot_be_is_refused_in_one_line(lines, message, tmp_path):
    path = tmp_path / "test.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message) as caught:
        splits.read_list(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_that_contradict_each_other_are_refused(actors, tmp_path):
    lists = crema_d_names((1, 1, 1))
    lists["test"].append(lists["train"][3])
    with pytest.raises(ValueError, match=r"1001_DFA_HAP_XX is in train\.csv and in .*"):
        _members(actors, split=_write_lists(tmp_path, lists))
    lists["val"] = lists["validation"]
    with pytest.raises(ValueError, match=r"not have both validation\.csv and val\.csv"):
        _members(actors, split=_write_lists(tmp_path, lists))


def test_absent_lists_are_told(actors, tmp_path):
    with pytest.raises(ValueError, match=r"has no train\.csv"):
        _members(actors, split=str(tmp_path))
    with pytest.raises(ValueError, match=r"must be cmvqvae, actor-disjoint or a fol"):
        _members(actors, split="cmvqave")


def _lines(content):
    return "\n".join(content).encode()


LIST = _lines(f"{name},{name.split('_')[2]}" for name in crema_d_names()["train"])
HEADED = _lines(
    ["filename,actor_idx,emotion_idx"]
    + [
        f"{name},{index},{list(EMOTIONS).index(name.split('_')[2])}"
        for index, name in enumerate(crema_d_names()["train"])
    ]
)
TABLE = _lines(
    ['"ActorID","Age","Sex","Race","Ethnicity"']
    + [f'{who},{who - 980},"Male","Asian","Hispanic"' for who in range(1001, 1020)]
)


@pytest.mark.parametrize("damage", PLAIN)
def test_a_damaged_list_is_refused(damage, tmp_path):
    path = damaged(tmp_path / "train.csv", LIST[:-7], damage)
    refused(splits.read_list, path)


@pytest.mark.parametrize("content", [LIST, HEADED], ids=["plain", "headed"])
@EXAMPLES
def test_a_mutated_list_is_refused_or_well_formed(examples, content, tmp_path):
    def check(names):
        assert {name.clip for name in names} <= splits.known()
        assert len({name.clip for name in names}) == len(names)

    path = tmp_path / "train.csv"
    try_mutations(splits.read_list, content, path, examples, check)


@EXAMPLES
def test_a_mutated_table_of_actors_is_refused_or_well_formed(examples, tmp_path):
    def check(actors):
        for number, actor in actors.items():
            assert 1001 <= number <= 1999
            assert 1 <= actor.age <= 120
            assert actor.sex in ("Female", "Male")
            assert actor.race.isprintable()
            assert actor.ethnicity.isprintable()

    path = tmp_path / "VideoDemographics.csv"
    try_mutations(read_actors, TABLE, path, examples, check)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1001,30,Male,Asian,Hispanic\n" * 2, "line 3: actor 1001 is there twice"),
        ("1001,30,Male,Asian", "line 2: it has 4 cells, not 5"),
        ("1001,30,Man,Asian,Hispanic", "line 2: Unknown Sex Man. Did you mean Male"),
        ("1001,0,Male,Asian,Hispanic", "line 2: Age must be in 1 to 120. Received"),
        ("1001,30,Male,,Hispanic", "line 2: Race must have 1 to 40 characters"),
        ("2001,30,Male,Asian,Hispanic", "line 2: ActorID must be in 1001 to 1999"),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_one_line(line, message, tmp_path):
    path = tmp_path / "VideoDemographics.csv"
    path.write_text(f"ActorID,Age,Sex,Race,Ethnicity\n{line}")
    assert message in refused(read_actors, path)
    path.write_text("ActorID,Age,Sex\n1001,30,Male")
    reason = refused(read_actors, path)
    assert "line 1: it must have one column Race, Ethnicity" in reason


def test_a_whole_root_lists_every_clip_without_decoding(tmp_path):
    folder = tmp_path / "crema_d"
    (folder / "VideoFlash").mkdir(parents=True)
    write_demographics(folder / "VideoDemographics.csv")
    one = tmp_path / "one.flv"
    one.write_bytes(clip())
    for name in splits.known():
        (folder / "VideoFlash" / f"{name}.flv").hardlink_to(one)
    gone = sorted(splits.known())[:70:10]
    for name in gone:
        (folder / "VideoFlash" / f"{name}.flv").unlink()
    recipe = RECIPE.with_modality("image")
    parts = {part: recipes.open_split(recipe, part, tmp_path) for part in SPLITS}
    skipped = [each for part in parts.values() for each in part.skipped]
    expected = {each.name for each in skipped if each.expected}
    assert expected == {"1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_SAD_XX"}
    assert sorted(each.name for each in skipped if not each.expected) == gone
    assert sum(map(len, parts.values())) == 7442 - 3 - len(gone)
    # A few clips that are gone do not stop who wants the first ten.
    few = recipes.open_split(recipe, "train", tmp_path, limit=10)
    assert few.names == parts["train"].names[:10]
    assert not few.skipped
    assert not few.disjoint
    by_actor = recipe.with_settings({"data.split": "actor-disjoint"})
    few = recipes.open_split(by_actor, "test", tmp_path, limit=10)
    assert few.disjoint == ("actor",)
    for path in sorted((folder / "VideoFlash").iterdir())[::50]:
        path.unlink()
    with pytest.raises(ValueError, match=r"More than 1%.*To get it: .* with git lfs"):
        recipes.open_split(recipe, "train", tmp_path, limit=10)
