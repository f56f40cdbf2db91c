"""Links, pipes and hard links in a folder that somebody else made."""

import os
import pathlib
import shutil

import pytest
from command_line import error_of, invoke
from opened_files import Opened, planted

from cmvq_keras.data.store import store as stores
from cmvq_keras.runs.locking import FILES

pytestmark = pytest.mark.once

TRAIN = ("train", "--recipe", "planted", "--limit", 64, "--epochs", 1)
COMPARE = ("compare", "--recipe", "planted", "--limit", 64, "--epochs", 1)
COMPARE += ("--methods", "ours", "--seeds", 1)
KINDS = ("link", "hard link", "pipe")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run, a comparison and a store, and what was opened in it."""
    root = tmp_path_factory.mktemp("made")
    opened = Opened(root)
    with opened.watching():
        for words in (
            (*TRAIN, "--out", root / "run"),
            ("evaluate", root / "run"),
            ("report", root / "run"),
            ("prepare", "--recipe", "planted", "--limit", 64, "--out", root),
            ("data", "check", root / "planted"),
            (*COMPARE, "--out", root / "compared"),
        ):
            result = invoke(*words)
            assert result.exit_code == 0, result.output
    return root, opened


#: Commands that read a run, and a store with it; what they write lies elsewhere.
READERS = {
    "predict": ("-o", "answers.csv"),
    "reconstruct": ("-o", "pictures"),
    "contribution": ("-o", "bits.json"),
    "export": ("-o", "model.keras"),
}


def _words(name, root, out):
    store = () if name == "export" else ("--store", root / "planted")
    flag, file = READERS[name]
    return (name, root / "run", *store, flag, out / file)


@pytest.fixture(scope="module")
def read(trained, tmp_path_factory):
    """A folder with a run and a store, and what each command opened in it."""
    root, found = tmp_path_factory.mktemp("read"), {}
    shutil.copytree(trained[0], root / "run")
    invoke("prepare", "--recipe", "planted", "--limit", 64, "--out", root)
    for name in READERS:
        found[name] = Opened(root)
        with found[name].watching():
            result = invoke(*_words(name, root, tmp_path_factory.mktemp(name)))
        assert result.exit_code == 0, result.output
    return root, found


@pytest.mark.parametrize("kind", ["link", "pipe"])
@pytest.mark.parametrize("name", READERS)
def test_what_reads_a_run_and_a_store_reads_their_own_files(
    name, kind, read, victim, tmp_path
):
    made, opened = read[0], read[1][name]
    names = {each for each in opened.names if (made / each).exists()}
    assert names >= {"run/recipe.json", "run/environment.json", "run/model.weights.h5"}
    if name != "export":
        assert names >= {"planted/manifest.json", "planted/test/image.npy"}
    assert not opened.followed
    for each in names:
        root = tmp_path / "copy"
        for part in ("run", "planted"):
            shutil.copytree(made / part, root / part)
        planted(root / each, victim, kind)
        told = error_of(*_words(name, root, tmp_path), code=1)
        assert str(root / each) in told
        shutil.rmtree(root)
    assert os.listdir(tmp_path) == ["away"]  # the victim's folder


def test_no_link_is_followed_to_any_file(made):
    _, opened = made
    names = {pathlib.PurePath(name).name for name in opened.names}
    assert names >= {
        "recipe.json",
        "environment.json",
        f".history.csv.{os.getpid()}.tmp",
        f".state.h5.{os.getpid()}.tmp",
        "state.h5",
        "model.weights.h5",
        "metrics.json",
        "manifest.json",
        "meta.csv",
        "labels.npy",
        "comparison.json",
        "trial.json",
        "predictions.npy",
        f".table.csv.{os.getpid()}.tmp",
    } - {"state.h5"}  # of a training that was never stopped
    assert not opened.followed


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "away" / "victim"
    path.parent.mkdir()
    path.write_text("precious")
    yield path
    assert path.read_text() == "precious"
    assert os.listdir(path.parent) == ["victim"]


@pytest.mark.parametrize("kind", ["link", "pipe"])
@pytest.mark.parametrize("words", [TRAIN, COMPARE], ids=["train", "compare"])
@pytest.mark.parametrize("name", [*FILES, "backup", "ours", "comparison.json"])
def test_a_new_folder_with_a_plant_is_refused(name, words, kind, victim, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    planted(out / name, victim, kind)
    told = error_of(*words, "--out", out, code=1)
    assert str(out) in told


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_each_file_of_a_run_is_a_file_of_its_own(made, kind, victim, tmp_path):
    root, opened = made
    names = {pathlib.PurePath(name) for name in opened.names}
    for name in {each.name for each in names if each.parts[0] == "run"}:
        run = tmp_path / "run"
        shutil.copytree(root / "run", run)
        planted(run / name, victim, kind)
        told = error_of("evaluate", run, code=1)
        assert str(run / name) in told
        shutil.rmtree(run)


def test_a_training_writes_to_no_other_name_of_a_file(made, victim, tmp_path):
    root, opened = made
    run = tmp_path / "run"
    places = {pathlib.PurePath(name) for name in opened.names}
    known = {each.relative_to("run") for each in places if each.parts[0] == "run"}
    known -= {pathlib.PurePath(name) for name in os.listdir(root / "run")}
    # A folder with a backup holds a run: nothing is trained into it.
    names = [name for name in (*known, *FILES) if not str(name).startswith("backup")]
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        planted(run / name, victim, "hard link")
    result = invoke(*TRAIN, "--out", run)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_comparison_is_read_in_its_folder_alone(made, kind, victim, tmp_path):
    trial = next((made[0] / "compared").glob("*/seed-0")).relative_to(made[0])
    for name in (
        "compared/comparison.json",
        "compared/table.csv",
        trial.parent,
        trial / "trial.json",
        trial / "predictions.npy",
    ):
        out = tmp_path / "compared"
        shutil.copytree(made[0] / "compared", out)
        planted(tmp_path / name, victim, kind)
        told = error_of("compare", "--table-only", "--out", out, code=1)
        assert str(tmp_path / name) in told
        shutil.rmtree(out)


def test_another_folder_is_not_removed_with_a_trial(victim, tmp_path):
    """`DIR/ours -> outside` once led to the removal of outside/seed-0."""
    from cmvq_keras.experiments import plan, trial
    from cmvq_keras.runs.data_source import DataSource

    outside = tmp_path / "outside"
    (outside / "seed-0").mkdir(parents=True)
    (outside / "seed-0" / "mine").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "ours").symlink_to(outside)
    made, _ = plan.of_methods(_planted(), ["ours"])
    (one,) = plan.order(made, [0])
    with pytest.raises(ValueError, match="ours is a link, or leads out of"):
        trial.do(one, out, DataSource(), lambda _: (None, None), _Silent())
    assert (outside / "seed-0" / "mine").read_text() == "mine"


class _Silent:
    preparing = None


def _planted():
    from cmvq_keras import recipes

    return recipes.get("planted")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_store_is_read_in_its_folder_alone(made, kind, victim, tmp_path):
    for name in ("manifest.json", "train/image.npy", "train/meta.csv", "train"):
        folder = tmp_path / "store"
        shutil.copytree(made[0] / "planted", folder)
        planted(folder / name, victim, kind)
        with pytest.raises((ValueError, FileNotFoundError), match=str(folder)):
            stores.Store.open(folder).split("train")
        shutil.rmtree(folder)
