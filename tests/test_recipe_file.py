"""Recipe files outside the package: read when named, told when wrong, noted in runs."""

import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest
from command_line import error_of, invoke, shell

import cmvq_keras as cmvq
from cmvq_keras import recipe_file, recipes
from cmvq_keras.errors import RecipeFileError
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

DOCS = pathlib.Path(__file__).parents[1] / "docs"
EXAMPLE = DOCS / "examples" / "my_recipe.py"
SMALL = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.solver_units": 8,
    "training.epochs": 1,
    "training.batch_size": 4,
}
FAST = [word for pair in SMALL.items() for word in ("--set", "{}={}".format(*pair))]


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    """Each test starts as a fresh process does."""
    monkeypatch.setattr(recipe_file, "_loaded", {})


@pytest.fixture(scope="session")
def pets(tmp_path_factory):
    """Files as the example's first line says."""
    root = tmp_path_factory.mktemp("pets")
    generator = np.random.default_rng(0)
    for split, count in (("train", 4), ("validation", 2), ("test", 2)):
        for kind in ("cat", "dog"):
            for number in range(count):
                folder = root / split / kind / f"{number:04}"
                folder.mkdir(parents=True)
                image = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                np.save(folder / "image.npy", image)
                sound = generator.normal(size=(64, 64, 1)).astype("float32")
                np.save(folder / "audio.npy", sound)
    return root


@pytest.fixture(scope="session")
def pets_run(pets, tmp_path_factory):
    """A run of a copy of the example, with what the command line told."""
    folder = tmp_path_factory.mktemp("my")
    own = folder / "my_recipe.py"
    own.write_text(EXAMPLE.read_text())
    arguments = ("--recipe", own, "--data-dir", pets, "--out", folder / "run")
    result = invoke("train", *arguments, *FAST)
    assert result.exit_code == 0, result.output
    return folder / "run", own, result


def test_the_page_shows_the_example_as_it_is():
    page = (DOCS / "own_data.md").read_text()
    assert f"```python\n{EXAMPLE.read_text()}```" in page


def test_a_recipe_file_trains(pets_run):
    folder, own, result = pets_run
    assert f"Running the code of {own}" in result.stderr
    run = Run.open(folder)
    assert run.recipe.name == "my-pets"
    assert run.metrics["test"]["n"] == 4
    assert run.environment["recipe_file"] == {
        "path": str(own.resolve()),
        "sha256": hashlib.sha256(EXAMPLE.read_bytes()).hexdigest(),
    }


def test_evaluate_runs_no_file_that_was_not_named(pets_run, pets):
    folder, own, _ = pets_run
    told = error_of("evaluate", folder, "--data-dir", pets, code=1)
    assert str(own) in told
    assert "add --recipe with its path" in told
    assert "--store" in told
    told = error_of("predict", folder, "--data-dir", pets, code=1)
    assert "add --recipe with its path" in told
    assert recipe_file.loaded("my-pets") is None


def test_a_run_folder_cannot_run_a_file_by_its_recipes_name(pets_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(pets_run[0], folder)
    mark = tmp_path / "mark"
    evil = write(tmp_path, f"open({str(mark)!r}, 'w')", name="evil.py")
    content = json.loads((folder / "recipe.json").read_text())
    content["name"] = str(evil)
    (folder / "recipe.json").write_text(json.dumps(content))
    for noted in ({}, {"recipe_file": {"path": str(evil)}}):
        (folder / "environment.json").write_text(json.dumps(noted))
        for command in ("evaluate", "predict"):
            assert "evil.py" in error_of(command, folder, code=1)
    assert not mark.exists()


def test_evaluate_and_predict_take_the_file_again(pets_run, pets):
    folder, own, _ = pets_run
    before = Run.open(folder).metrics
    result = invoke("evaluate", folder, "--recipe", own, "--data-dir", pets)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"Running the code of {own}\n")
    assert "was changed" not in result.stderr
    assert Run.open(folder).metrics == before
    result = invoke("predict", folder, "--recipe", own, "--data-dir", pets)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 5
    assert result.stdout.startswith("sample,label,class,p_cat,p_dog\ntest/")


def test_a_changed_and_an_absent_file_are_told(pets_run, pets, tmp_path):
    folder, own, _ = pets_run
    changed = tmp_path / "my_recipe.py"
    changed.write_text(own.read_text() + "\n# changed\n")
    result = invoke("evaluate", folder, "--recipe", changed, "--data-dir", pets)
    assert result.exit_code == 0, result.output
    assert f"{changed} was changed since {folder} was trained" in result.stderr
    told = error_of("evaluate", folder, "--recipe", tmp_path / "no.py", code=1)
    assert f"There is no recipe file {tmp_path / 'no.py'}" in told
    told = error_of("evaluate", folder, "--recipe", "my-pets", code=2)
    assert "takes the recipe file (.py)" in told


def test_the_file_of_another_recipe_is_refused(trained, pets_run, tmp_path):
    result = invoke("evaluate", trained[0], "--recipe", pets_run[1])
    assert result.exit_code == 2
    assert "holds the recipe my-pets" in result.stderr
    assert "is of planted" in result.stderr


def test_prepare_takes_a_recipe_file_and_its_store_needs_none(pets, tmp_path):
    arguments = ("--recipe", EXAMPLE, "--data-dir", pets, "--out", tmp_path / "store")
    result = invoke("prepare", *arguments)
    assert result.exit_code == 0, result.output
    assert f"Running the code of {EXAMPLE}" in result.stderr
    store = cmvq.data.Store.open(tmp_path / "store")
    raw = np.load(pets / "test" / "cat" / "0000" / "image.npy")
    row = store.split("test").samples.tolist().index("test/cat/0000")
    stored = store.split("test").x["image"][row : row + 1]
    np.testing.assert_array_equal(stored[0], raw)
    recipe_file._loaded.clear()
    train = ("train", "--store", tmp_path / "store", "--out", tmp_path / "run", *FAST)
    for arguments in (train, ("evaluate", tmp_path / "run")):
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
        assert "Running" not in result.output


def test_cmvq_recipes_shows_a_recipe_file():
    result = invoke("recipes", EXAMPLE, "--preset", "paper")
    assert result.exit_code == 0, result.output
    assert "my-pets (preset paper): cats and dogs" in result.stdout
    assert "Cats and dogs, seen and heard" in result.stdout
    assert "modalities.audio.offset" in result.stdout


def test_worker_processes_get_the_files_functions(pets):
    """Enough samples, and cores, for several processes."""
    from cmvq_keras.data import decoding

    recipe = recipes.get(str(EXAMPLE))
    listing = recipes.open_split(recipe, "train", pets)
    (group,) = listing.groups
    units = list(range(len(group.items))) * 3
    found = list(decoding.decode(group, recipe, units, workers=2))
    assert [unit for unit, _ in found] == units
    assert all(rows["image"].shape[-3:] == (32, 32, 3) for _, rows in found)


def write(folder, text, name="wrong.py"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("RECIPE = ", "RECIPE == "), 10, "NameError: name 'RECIPE' is not defined"),
        (("INPUTS = {", "INPUTS = {{"), 8, "SyntaxError: "),
        (("import numpy", "import nothing_such"), 3, "ModuleNotFoundError: No module"),
        (
            ("grid=16", "grid=-1"),
            10,
            "Recipe my-pets: model.grid must be an integer >= 1, or auto. Received: -1",
        ),
        (
            ("glob(", "globe("),
            14,
            "AttributeError: 'PosixPath' object has no attribute",
        ),
        (('("cat", "dog")', '("cow", "dog")'), 16, "tuple.index(x): x not in tuple"),
        (("np.load(", "np.lode("), 21, "AttributeError: module 'numpy' has no attribu"),
    ],
)
def test_faults_are_told_in_one_line_with_the_lines_number(
    pets, tmp_path, change, line, message
):
    path = write(tmp_path, EXAMPLE.read_text().replace(*change, 1))
    with pytest.raises(RecipeFileError) as caught:
        recipes.load_split(recipes.get(str(path)), "train", pets)
    told = str(caught.value)
    assert told.startswith(f"{path}, line {line}: {message}")
    assert "\n" not in told


def test_the_command_line_tells_a_fault_in_one_line(pets, tmp_path):
    path = write(tmp_path, EXAMPLE.read_text().replace("glob(", "globe("))
    out = tmp_path / "run"
    arguments = ("--recipe", path, "--data-dir", pets, "--out", out)
    done = shell("train", *arguments, folder=tmp_path)
    assert done.returncode == 1
    running, told = done.stderr.strip().splitlines()
    assert running == f"Running the code of {path}"
    assert told.startswith(f"Error: {path}, line 14: AttributeError")
    assert not out.exists()


def test_a_damaged_sample_is_told_by_its_own_message(pets, tmp_path):
    reads = (
        'return {name: np.load(folder / f"{name}.npy") for name in RECIPE.modalities}'
    )
    refuses = 'raise ValueError(f"{folder} is damaged")'
    path = write(tmp_path, EXAMPLE.read_text().replace(reads, refuses))
    with pytest.raises(ValueError, match=r"0000 is damaged"):
        recipes.load_split(recipes.get(str(path)), "train", pets)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold RECIPE, a cmvq_keras.Recipe, and a function open_split"),
        ("RECIPE = {}\ndef open_split(*a): pass", "must hold RECIPE"),
        ("from cmvq_keras.recipes.planted import RECIPE", "must hold RECIPE"),
        ("from cmvq_keras.recipes.planted import *", "needs a name of its own"),
        (
            "import dataclasses\nfrom cmvq_keras.recipes.planted import *\n"
            "RECIPE = dataclasses.replace(RECIPE, name='a/b')",
            "needs a name of letters, digits",
        ),
    ],
)
def test_files_that_are_no_recipe_are_refused(tmp_path, text, message):
    with pytest.raises(RecipeFileError, match=message):
        recipes.get(str(write(tmp_path, text)))


def test_open_split_has_to_return_a_listing(tmp_path):
    path = write(
        tmp_path,
        "import dataclasses\nfrom cmvq_keras.recipes import planted\n"
        "RECIPE = dataclasses.replace(planted.RECIPE, name='mine')\n"
        "def open_split(recipe, split, data_dir):\n    return []\n",
    )
    with pytest.raises(RecipeFileError, match=r"must return .* list"):
        recipes.load_split(recipes.get(str(path)), "test")


def test_a_file_may_load_its_splits_itself_and_have_presets(tmp_path):
    path = write(
        tmp_path,
        "import dataclasses\nfrom cmvq_keras.recipes import planted\n"
        "RECIPE = dataclasses.replace(planted.RECIPE, name='mine')\n"
        "PRESETS = {'paper': {'training.epochs': 77}}\n"
        "load_split = planted.load_split\nresolved = planted.resolved\n",
    )
    recipe = recipes.get(str(path), preset="paper")
    assert recipe.training.epochs == 77
    assert recipe.training.optimizer == "sgd"
    three = recipes.resolve(recipe.with_settings({"data.variant": "three"}))
    assert list(three.modalities) == ["image", "audio", "text"]
    assert recipes.get("mine") == recipes.get(str(path))
    split = recipes.load_split(recipe, "test", limit=3)
    ours = recipes.load_split(recipes.get("planted", "paper"), "test", limit=3)
    np.testing.assert_array_equal(split.x["image"], ours.x["image"])


def test_a_run_of_one_recipe_file_starts_another(pets_run, pets, tmp_path):
    text = EXAMPLE.read_text().replace("my-pets", "other-pets")
    other = write(tmp_path, text.replace('("cat", "dog")', '("dog", "cat", "owl")'))
    arguments = ("--recipe", other, "--data-dir", pets, "--out", tmp_path / "run")
    result = invoke("train", *arguments, *FAST, "--init-from", pets_run[0])
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "run")
    assert run.environment["init_from"]["recipe"] == "my-pets"
    assert run.metrics["test"]["shared"]["classes"] == ["dog", "cat"]
    assert run.metrics["test"]["shared"]["n"] == 4
