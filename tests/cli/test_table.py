"""A table of files, from the command line: one command from files to a verdict."""

import csv
import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from command_line import error_of, invoke
from tiny_table import CLASSES, HEADER, read_rows, write_rows, write_table

import cmvq_keras as cmvq
from cmvq_keras.cli import table_options
from cmvq_keras.data import tables
from cmvq_keras.runs import tables as named_tables
from cmvq_keras.runs.run import Run

# Kinds on each backend: tests/runs/test_every_kind.py.
pytestmark = pytest.mark.once

SMALL = [
    "--epochs=1",
    *(
        f"--set=model.{name}={value}"
        for name, value in {
            "hidden_channels": 8,
            "embedding_dim": 4,
            "num_embeddings": 8,
        }.items()
    ),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def run(path, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        out = tmp_path_factory.mktemp("runs") / "pets"
        done = invoke("train", "--table", path, "--out", out, *SMALL)
        assert done.exit_code == 0, done.output
        for line in ("sound     audio (guessed)", "Note: No column split"):
            assert line in done.stderr
    return Run.open(out)


def test_one_command_trains_on_files_of_four_kinds(run):
    assert list(run.recipe.modalities) == ["photo", "sound", "motion", "size"]
    assert run.metrics["test"]["n"] == 4
    assert isinstance(run.recipe.modalities["motion"].offset, tuple)


def test_the_run_is_measured_again_without_files(run):
    done = invoke("evaluate", run.directory, "--without", "photo")
    assert done.exit_code == 0, done.output
    assert "photo" in done.output


def test_a_new_table_and_single_files_are_predicted_alike(run, path):
    rows = [row[:5] for row in read_rows(path)[:3]]
    new = write_rows(path.with_name("new.csv"), rows, HEADER[:5], delimiter=";")
    done = invoke("predict", run.directory, "--table", new)
    assert done.exit_code == 0, done.output
    of_table = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [set(row) for row in of_table] == [{"sample", "class", "p_cat", "p_dog"}] * 3
    numbers = path.with_name("size.csv")
    numbers.write_text("\n".join(rows[0][3:]))
    files = dict(zip(HEADER, map(path.parent.joinpath, rows[0]), strict=False))
    inputs = {**{name: files[name] for name in HEADER[:3]}, "size": numbers}
    options = [f"--input={name}={file}" for name, file in inputs.items()]
    done = invoke("predict", run.directory, *options)
    assert done.exit_code == 0, done.output
    (found,) = csv.DictReader(io.StringIO(done.stdout))
    assert abs(float(found["p_cat"]) - float(of_table[0]["p_cat"])) < 1e-3


def test_columns_of_a_vector_are_found_by_name(run, path):
    rows = [row[:5] for row in read_rows(path)[:3]]
    straight = write_rows(path.with_name("straight.csv"), rows, HEADER[:5])
    header = [*HEADER[:3], HEADER[4], HEADER[3], "size_note"]
    rows = [[*row[:3], row[4], row[3], "of a pet"] for row in rows]
    other = write_rows(path.with_name("other.csv"), rows, header)
    one, two = (
        invoke("predict", run.directory, "--table", table)
        for table in (straight, other)
    )
    assert one.exit_code == 0, one.output
    assert one.stdout == two.stdout
    fewer = write_rows(
        path.with_name("fewer.csv"), [row[:4] for row in rows], header[:4]
    )
    told = error_of("predict", run.directory, "--table", fewer, code=1)
    assert "lacks the column size, or 2 columns of numbers size_..." in told
    for cell, why in (("x", ""), ("True", ", which is no number: write 1 or 0")):
        bad = write_rows(path.with_name("bad.csv"), [[*rows[0][:4], cell]], HEADER[:5])
        told = error_of("predict", run.directory, "--table", bad, code=1)
        said = f"is {cell}{why}" if why else "is no number"
        assert f"line 2: size_b {said}. Received: '{cell}'" in told


def test_one_number_is_predicted_from_its_column(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = [[str(row - 20.5), CLASSES[row % 2]] for row in range(40)]
    path = write_rows(tmp_path / "ages.csv", rows, ("age", "label"))
    words = ["--table", path, "--kind", "age=vector", "--out", tmp_path / "run"]
    done = invoke("train", *words, *SMALL)
    assert done.exit_code == 0, done.output
    new = write_rows(tmp_path / "new.csv", [["3.5"], ["-4"]], ("age",))
    done = invoke("predict", tmp_path / "run", "--table", new)
    assert done.exit_code == 0, done.output
    predicted = list(csv.DictReader(io.StringIO(done.stdout)))
    x = {"age": np.array([[3.5], [-4]], np.float32)}
    modality = Run.open(tmp_path / "run").recipe.modalities["age"]
    normalized = {"age": (x["age"] - modality.offset) / modality.scale}
    expected = cmvq.predict(tmp_path / "run", normalized)
    for row, probabilities in zip(predicted, expected, strict=True):
        assert abs(float(row["p_cat"]) - probabilities[0]) < 1e-4


def test_its_recipe_file_is_compared_and_starts_from_its_run(run, path, tmp_path):
    recipe = path.with_name("compared.py")
    assert invoke("init", path, "-o", recipe).exit_code == 0
    words = ["--recipe", recipe, *SMALL, "--out"]
    compared = tmp_path / "compared"
    done = invoke(
        "compare", *words, compared, "--seeds", 1, "--methods", "all-features"
    )
    assert done.exit_code == 0, done.output
    begun = tmp_path / "begun"
    done = invoke("train", *words, begun, "--init-from", run.directory)
    assert done.exit_code == 0, done.output
    found = Run.open(begun).recipe.modalities["motion"]
    assert found == run.recipe.modalities["motion"]


def test_a_table_may_be_named_like_a_recipe(path):
    found = named_tables.opened(shutil.copy(path, path.with_name("digits.csv")))
    assert found.recipe.name == "digits-table"


def test_init_writes_a_recipe_file_that_reads_the_same(run, path, tmp_path):
    out = path.with_name("pets_recipe.py")
    done = invoke("init", path, "-o", out)
    assert done.exit_code == 0, done.output
    recipe = cmvq.recipes.get(str(out))
    table = tables.open_table(path)
    assert recipe == table.recipe
    listing = cmvq.recipes.open_split(recipe, "test")
    assert list(listing.names) == list(table.listings["test"].names)
    assert "already exists. --force" in error_of("init", path, "-o", out, code=1)


@pytest.mark.slow(reason="two processes train")
def test_two_trainings_on_one_table_may_begin_together(tmp_path):
    generator = np.random.default_rng(0)
    rows = [
        [*map(repr, map(float, generator.normal(row % 2, 1, 2))), CLASSES[row % 2]]
        for row in range(60)
    ]
    header = ("a_x", "a_y", "label")
    table = write_rows(tmp_path / "numbers.csv", rows, header)
    cache = {**os.environ, "CMVQ_CACHE_DIR": str(tmp_path / "cache")}
    words = [sys.executable, "-m", "cmvq_keras.cli", "train", "--table", table, *SMALL]
    begun = [
        subprocess.Popen(
            [*words, "--out", tmp_path / name],
            env=cache,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in begun:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    one, two = (Run.open(tmp_path / name) for name in ("one", "two"))
    # The same bytes: the trainings differ in nothing.
    assert one.metrics["test"] == two.metrics["test"]
    assert one.environment["store"] == two.environment["store"]
    (store,) = (tmp_path / "cache").rglob("manifest.json")
    assert invoke("data", "check", store.parent).exit_code == 0


def test_prepare_writes_a_store_of_a_table(path, tmp_path):
    done = invoke("prepare", "--table", path, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    store = cmvq.data.Store.open(tmp_path)
    assert {name: each["count"] for name, each in store.manifest["splits"].items()} == {
        "train": 28,
        "validation": 8,
        "test": 4,
    }
    assert invoke("data", "check", tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "training.epochs=3"], "prepared without --set: settings are of the"),
        (["--limit", "3"], "A table is prepared whole, without --limit."),
        (["--modality", "photo"], "A table is prepared whole, without --modality."),
    ],
)
def test_prepare_tells_what_does_not_apply_to_a_table(options, message, path, tmp_path):
    words = ["prepare", "--table", path, "--out", tmp_path, *options]
    assert message in error_of(*words, code=2)


def test_the_columns_of_a_vector_are_shown(path):
    shown = table_options.described(tables.open_table(path))
    assert "vector (guessed)    2            size_a, size_b" in shown
    assert (
        table_options._origin(("x_1", "x_2", "x_3", "x_4")) == "x_1, x_2, x_3, ... (4)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "a=image"], "--task and --label need --table"),
        (["--label", "a"], "--task and --label need --table"),
        (["--table", "x.csv", "--store", "s"], "Give only one of --table and --store"),
        (["--table", "x.csv", "--shape", "a=4x"], "--shape must be MODALITY=AxBxC"),
    ],
)
def test_options_that_do_not_go_together_are_told(options, message):
    assert message in error_of("train", *options, code=2)
