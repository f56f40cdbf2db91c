"""From train to predict through the command line, on one tiny run."""

import csv
import io
import pathlib
import re
import shlex
import shutil
import types

import keras
import numpy as np
import pytest
from command_line import error_of, invoke

from cmvq_keras import cli, recipes
from cmvq_keras.cli import options, train
from cmvq_keras.runs.load import load_model
from cmvq_keras.runs.run import Run


def test_train_ends_with_a_table(trained):
    folder, output = trained
    told = output[output.rindex("\nRecipe ") :]
    for title in ("Test accuracy", "Test macro-F1", "zeta", "Best epoch"):
        assert f"\n{title} " in told
    for modality in ("audio", "image"):
        for number in ("compl", "contr", "codes used"):
            assert f"\n{modality}: {number} " in told
    assert str(folder) in told


def test_a_run_that_is_not_finished_is_noted(trained, tmp_path, capsys):
    assert options.open_run(trained[0]).is_finished
    assert capsys.readouterr().err == ""
    begun = tmp_path / "begun"
    shutil.copytree(trained[0], begun)
    (begun / "metrics.json").unlink()
    (begun / "backup").mkdir()
    assert not options.open_run(begun).is_finished
    told = capsys.readouterr().err
    assert told.startswith(f"Note: {begun} is not finished. Its weights are those of")
    assert told.endswith(f"Finish it: cmvq train --resume {begun}\n")


def test_train_leaves_a_run_folder(trained):
    run = Run.open(trained[0])
    assert {path.name for path in run.directory.iterdir()} == {
        "environment.json",
        "history.csv",
        "metrics.json",
        "model.weights.h5",
        "recipe.json",
    }
    assert {"test", "validation", "complementarity", "best_epoch"} <= set(run.metrics)
    assert {"accuracy", "macro_f1", "loss", "n"} <= set(run.metrics["test"])
    assert run.metrics["test"]["n"] == 64
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.recipe.training.limit == 64


@pytest.mark.once
def test_train_overwrites_no_run(trained):
    folder, _ = trained
    before = (folder / "metrics.json").read_bytes()
    arguments = ["--recipe", "planted", "--limit", "64", "--out", folder]
    assert "already holds a run" in error_of("train", *arguments, code=1)
    assert (folder / "metrics.json").read_bytes() == before


def test_evaluate_gives_the_same_digits_as_train(trained):
    run = Run.open(trained[0])
    before = run.metrics
    result = invoke("evaluate", run.directory)
    assert result.exit_code == 0, result.output
    assert f"{100 * before['test']['accuracy']:.2f} %" in result.output
    assert run.metrics == before


def test_evaluate_without_a_modality_has_zeros_in_its_channels(trained):
    run = Run.open(trained[0])
    before = run.metrics
    result = invoke("evaluate", run.directory, "--without", "audio")
    assert result.exit_code == 0, result.output
    model = load_model(run)
    split = recipes.load_split(run.recipe, "test", limit=64)
    grid = model.encoders["image"](split.x["image"])
    image = keras.ops.convert_to_numpy(model.quantizers["image"](grid)["quantized"])
    masked = np.concatenate([image, np.zeros_like(image)], axis=-1)
    logits = model.solver(masked * keras.ops.convert_to_numpy(model.mask.hard_values()))
    hits = np.argmax(keras.ops.convert_to_numpy(logits), axis=-1) == split.y
    noted = run.metrics["test"]["without"]
    assert noted["audio"]["accuracy"] == pytest.approx(hits.mean())
    drop = before["test"]["accuracy"] - hits.mean()
    assert noted["audio"]["drop"] == pytest.approx(drop)
    low, high = noted["audio"]["drop_interval"]
    assert low <= drop <= high
    with_all = f"{100 * before['test']['accuracy']:.2f} %"
    assert re.search(rf"^none +{with_all} ", result.output, re.MULTILINE)
    alone = f"{100 * hits.mean():.2f} %"
    assert re.search(rf"^audio +{alone} ", result.output, re.MULTILINE)
    run.write_metrics(before)


def test_a_modality_that_cannot_be_left_out_is_told(trained):
    folder, _ = trained
    told = error_of("evaluate", folder, "--without", "audoi", code=1)
    assert "Unknown modality to leave out audoi. Did you mean audio?" in told


def predictions(*arguments):
    result = invoke("predict", *arguments)
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


@pytest.fixture(scope="module")
def on_test(trained):
    return predictions(trained[0])


def test_predict_gives_class_and_probabilities_of_a_split(trained, on_test):
    assert len(on_test) == 64
    classes = recipes.get("planted").classes
    assert list(on_test[0]) == [
        "sample",
        "label",
        "class",
        *(f"p_{name}" for name in classes),
    ]
    for row in on_test:
        shares = [float(row[f"p_{name}"]) for name in classes]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert row["class"] == classes[int(np.argmax(shares))]
    right = np.mean([row["class"] == row["label"] for row in on_test])
    assert right == pytest.approx(Run.open(trained[0]).metrics["test"]["accuracy"])


@pytest.fixture(scope="module")
def own_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    split = recipes.load_split(recipes.get("planted"), "test", limit=3)
    for name, values in split.x.items():
        for index, value in enumerate(values):
            np.save(folder / f"{name}{index}.npy", value)
    lines = [f"audio{index}.npy,{index},image{index}.npy" for index in range(3)]
    (folder / "table.csv").write_text("\n".join(["audio,note,image", *lines]))
    return folder


def test_predict_reads_files_of_ones_own(trained, on_test, own_files, tmp_path):
    files = [f"{name}={own_files}/{name}0.npy" for name in ("image", "audio")]
    options = [word for file in files for word in ("--input", file)]
    (alone,) = predictions(trained[0], *options)
    assert alone["class"] == on_test[0]["class"]
    output = tmp_path / "out.csv"
    result = invoke(
        "predict", trained[0], "--table", own_files / "table.csv", "-o", output
    )
    assert result.exit_code == 0, result.output
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == [row["class"] for row in on_test[:3]]
    assert "audio0.npy" in rows[0]["sample"]


@pytest.mark.once
def test_spaces_in_a_table_are_no_part_of_its_words(
    trained, on_test, own_files, tmp_path
):
    table, output = own_files / "spaces.csv", tmp_path / "out.csv"
    lines = ["image, audio ", " image0.npy , audio0.npy", " , "]
    table.write_text("\n".join(lines))
    result = invoke("predict", trained[0], "--table", table, "-o", output)
    assert result.exit_code == 0, result.output
    with output.open(newline="") as file:
        assert [row["class"] for row in csv.DictReader(file)] == [on_test[0]["class"]]


@pytest.mark.once
def test_predict_names_what_is_wrong_with_its_input(trained, own_files, tmp_path):
    run, table = trained[0], tmp_path / "table.csv"
    told = error_of("predict", run, "--input", "image=a.npy", code=2)
    assert "image: 1, audio: 0" in told
    told = error_of("predict", run, "--input", "sound=a.npy", code=2)
    assert "This run takes image, audio" in told
    both = ["--input", f"image={own_files}/none.npy"]
    both += ["--input", f"audio={own_files}/audio0.npy"]
    assert "none.npy is not a file" in error_of("predict", run, *both, code=1)
    told = error_of("predict", run, *both, "--split", "test", code=2)
    assert "only one of --split, --input and --table" in told
    told = error_of("predict", run, "--table", table, code=1)
    assert "No such file" in told
    table.write_text("image\nx.npy\n")
    told = error_of("predict", run, "--table", table, code=1)
    assert "lacks the column audio" in told
    table.write_text("image,audio\nx.npy,\n")
    assert "line 2" in error_of("predict", run, "--table", table, code=1)
    table.write_text("image,audio\n")
    assert "no lines" in error_of("predict", run, "--table", table, code=1)


def test_convert_makes_a_run_folder_of_the_authors_weights(tmp_path, own_files):
    torch = pytest.importorskip("torch")
    from cmvq_keras import build_model
    from cmvq_keras.interop import convert

    model = build_model("planted", preset="code")
    state = convert.reference_state(model)
    torch.save(
        {name: torch.tensor(value) for name, value in state.items()},
        tmp_path / "model.pt",
    )
    result = invoke(
        "convert", tmp_path / "model.pt", "--recipe", "planted", "-o", tmp_path / "run"
    )
    assert result.exit_code == 0, result.output
    assert Run.open(tmp_path / "run").recipe == recipes.get("planted", "code")
    split = recipes.load_split(recipes.get("planted", "code"), "test", limit=3)
    expected = model.inference_model().predict(split.x, verbose=0).argmax(axis=-1)
    table = own_files / "table.csv"
    rows = predictions(tmp_path / "run", "--table", table)
    classes = recipes.get("planted").classes
    assert [row["class"] for row in rows] == [classes[index] for index in expected]


@pytest.mark.once
def test_convert_refuses_other_files(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "model.pt").write_text("no model")
    arguments = ["--recipe", "crema-d", "-o", tmp_path / "run"]
    assert "model.pt" in error_of("convert", tmp_path / "model.pt", *arguments, code=1)
    assert "none.pt" in error_of("convert", tmp_path / "none.pt", *arguments, code=1)
    assert not (tmp_path / "run").exists()


@pytest.mark.once
def test_train_ends_with_commands_that_take_its_run(trained, tmp_path):
    folder, output = trained
    lines = output.rpartition("Next:\n")[2].splitlines()
    commands = [shlex.split(line)[1:] for line in lines]
    names = [command[0] for command in commands]
    assert names == ["evaluate", "report", "predict", "export"]
    for command in commands:
        assert str(folder) in command
        # Each is parsed by its command, and not run.
        cli.main.get_command(None, command[0]).make_context(command[0], command[1:])
    assert commands[0][2:] == ["--without", "image", "--without", "audio"]


@pytest.mark.once
def test_scores_keep_their_names_behind_the_part():
    regression = {"r2": 0.5, "mae": 1.0, "rmse": 2.0}
    titles = [title for title, _ in train._named("Test", regression)]
    assert titles == ["Test R2", "Test MAE", "Test RMSE"]
    titles = [title for title, _ in train._named("Test", {"accuracy": 0.5})]
    assert titles == ["Test accuracy", "Test macro-F1"]


@pytest.mark.once
def test_the_next_commands_quote_and_name_the_recipe_file(trained):
    run = Run.open(trained[0])
    alone = types.SimpleNamespace(
        directory=pathlib.Path("my runs/one"),
        environment={"recipe_file": {"path": "/my recipes/own.py"}},
        recipe=run.recipe.with_modality("image"),
    )
    first, *others = train.next_commands(alone).splitlines()
    expected = "cmvq evaluate 'my runs/one' --recipe '/my recipes/own.py'"
    assert first.strip() == expected
    assert all(line.endswith(" --recipe '/my recipes/own.py'") for line in others)
