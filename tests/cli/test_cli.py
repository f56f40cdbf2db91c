"""The command line."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
from command_line import error_of, invoke, python, shell

from cmvq_keras import recipes
from cmvq_keras.backend import selection
from cmvq_keras.cli import doctor, group, main, text_tables
from cmvq_keras.data.datasets import sources


def test_help_names_every_command():
    output = invoke("--help").output
    assert all(f"\n  {name} " in output for name in group.COMMANDS)


@pytest.mark.parametrize("name", group.COMMANDS)
def test_every_command_has_help_of_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: main " + name)
    assert [line for line in result.output.splitlines() if len(line) > 80] == []


def test_help_imports_nothing_heavy(tmp_path):
    # With them it takes seconds; a limit in seconds would test how busy the machine is.
    done = shell("--help", folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    lines = [
        line for line in done.stderr.splitlines() if line.startswith("import time")
    ]
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
    assert {"click", "cmvq_keras"} <= imported
    heavy = {"keras", "numpy", "scipy", "h5py", "librosa", "av", "PIL", "joblib"}
    assert not imported & (heavy | {"tensorflow", "torch", "jax", "matplotlib"})


def test_without_a_command_four_next_steps_are_shown():
    result = invoke()
    assert result.exit_code == 0
    steps = re.findall(r"^ +(cmvq .*)$", result.output, re.MULTILINE)
    assert [line.split()[1] for line in steps] == ["doctor", "train", "report", "train"]
    for line in steps:
        name, *words = line.split()[1:]
        main.get_command(None, name).make_context(name, words)
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("trian", "train"), ("eval", "evaluate"), ("recipe", "recipes")],
)
def test_a_wrong_command_gets_the_nearest(wrong, right):
    assert f"Did you mean {right}?" in error_of(wrong, code=2)


def test_a_command_like_no_other_gets_the_list():
    assert "Commands: train, evaluate" in error_of("zzz", code=2)


def test_a_wrong_option_gets_the_nearest():
    told = error_of("train", "--recipe", "planted", "--epoch", "3", code=2)
    assert "--epochs" in told


def test_a_wrong_backend_gets_the_nearest():
    told = error_of("train", "--recipe", "planted", "--backend", "pytorch", code=2)
    assert "Did you mean torch?" in told
    assert "jax, tensorflow, torch" in told


def test_a_wrong_recipe_gets_the_nearest():
    assert "Did you mean planted?" in error_of("train", "--recipe", "plantd", code=1)


def test_a_wrong_modality_gets_the_nearest():
    told = error_of("train", "--recipe", "planted", "--modality", "imag", code=1)
    assert "Did you mean image?" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--epochs", "0"], "training.epochs must be an integer >= 1. Received: 0"),
        (["--epochs", "few"], "training.epochs must be of type int. Received: 'few'"),
        (["--limit", "0"], "training.limit must be samples >= 1, or none"),
        (["--seed", "-1"], "training.seed must be in [0, 2**31). Received: -1"),
        (["--set", "model.dropout=2"], "model.dropout must be in [0, 1). Received: 2"),
        (["--set", "model.penalty=l2"], "model.penalty must be one of sum, l1"),
        (["--set", "model.dropot=0"], "Did you mean model.dropout?"),
        (["--set", "data.variant=threee"], "three"),
    ],
)
def test_a_wrong_setting_gets_the_valid_range(arguments, told):
    assert told in error_of("train", "--recipe", "planted", *arguments, code=1)


@pytest.mark.parametrize(
    "arguments", [["--recompute"], ["--set", "training.recompute=true"]]
)
def test_a_removed_setting_is_refused_with_what_to_do_instead(arguments):
    told = error_of("train", "--recipe", "planted", *arguments, code=1)
    assert "training.recompute was removed in version 0.2" in told
    assert "set training.accumulation_steps, with a smaller" in told
    assert "--recompute" not in invoke("train", "--help").output


@pytest.mark.parametrize("text", ["model.dropout", "=3", "model.dropout="])
def test_a_setting_without_name_or_value_is_refused(text):
    told = error_of("train", "--recipe", "planted", "--set", text, code=2)
    assert "SECTION.NAME=VALUE" in told


def test_a_setting_given_twice_is_refused():
    arguments = ["--epochs", "1", "--set", "training.epochs=2"]
    told = error_of("train", "--recipe", "planted", *arguments, code=2)
    assert "training.epochs is set twice" in told


@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_a_folder_that_is_no_run_is_told(tmp_path, name):
    assert "no recipe.json" in error_of(name, tmp_path, code=1)
    assert "no run folder" in error_of(name, tmp_path / "none", code=1)


def test_missing_data_is_told_with_how_to_get_it(tmp_path):
    told = error_of("train", "--recipe", "digits", "--data-dir", tmp_path, code=1)
    assert "cmvq download mnist" in told
    assert str(tmp_path) in told


def test_unknown_sources_get_the_nearest():
    assert "Did you mean mnist?" in error_of("download", "mnst", code=1)


BY_HAND = [name for name, each in sources.SOURCES.items() if not each.downloads]


@pytest.mark.parametrize("source", BY_HAND)
def test_a_source_that_no_program_can_get_says_how_and_where_to_put_it(source):
    told = error_of("download", source, code=1)
    assert "To get it" in told
    assert f"into the folder {source}" in told


@pytest.mark.parametrize("arguments", [[], ["mnist", "--recipe", "digits"]])
def test_download_takes_a_source_or_a_recipe(arguments):
    assert "a source, or a recipe" in error_of("download", *arguments, code=2)


def test_an_exception_of_any_kind_is_one_line(monkeypatch):
    def fail(name):
        raise RuntimeError("first line\n\n  second line.\nthird")

    monkeypatch.setattr(recipes, "module", fail)
    told = error_of("recipes", "planted", code=1)
    assert told == "Error: RuntimeError: first line; second line. third"


def test_an_exception_without_words_says_its_kind(monkeypatch):
    def fail(name):
        raise ValueError

    monkeypatch.setattr(recipes, "module", fail)
    assert "ValueError" in error_of("recipes", "planted", code=1)


def test_debug_shows_the_traceback(tmp_path):
    done = shell("recipes", "none", folder=tmp_path, CMVQ_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_exits_with_130(monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "module", interrupt)
    result = invoke("recipes", "planted")
    assert result.exit_code == 130
    assert result.stderr.strip() == "Interrupted."


def test_a_truncated_file_is_no_interrupt(monkeypatch):
    def end(name):
        raise EOFError("the file ends too early")

    monkeypatch.setattr(recipes, "module", end)
    result = invoke("recipes", "planted")
    assert result.exit_code == 1
    assert "the file ends too early" in result.stderr


def test_the_table_has_every_recipe():
    output = invoke("recipes").output
    assert all(f"\n{name} " in output for name in recipes.names())


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_in_full_has_every_setting(name):
    result = invoke("recipes", name)
    assert result.exit_code == 0
    for setting in recipes.get(name).settings():
        assert f"\n{setting} " in result.output
    text = " ".join(result.output.split())
    assert "one of binary, ternary, attention, random" in text


def test_a_recipe_as_json_can_be_read_back():
    result = invoke("recipes", "crema-d", "--preset", "paper", "--json")
    recipe = recipes.get("crema-d", "paper")
    assert type(recipe).from_json(result.output) == recipe


def test_all_recipes_as_json():
    content = json.loads(invoke("recipes", "--json").output)
    assert [recipe["name"] for recipe in content] == list(recipes.names())


def test_doctor_tells_versions_devices_and_missing_data(tmp_path):
    result = invoke("doctor", "--data-dir", tmp_path)
    assert result.exit_code == 0
    chosen = os.environ.get("KERAS_BACKEND")
    assert f"Without --backend: {chosen or ''}" in result.output
    for name in ("python", "cmvq-keras", "keras", "librosa", *sources.SOURCES):
        assert f"\n{name} " in result.output
    assert "cmvq download mnist" in result.output
    assert "Traceback" not in result.output


def test_doctor_has_short_lines_and_says_how_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(selection, "installed_backends", tuple)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *more: None if name == "matplotlib" else find_spec(name, *more),
    )
    output = invoke("doctor", "--data-dir", tmp_path).output
    assert [line for line in output.splitlines() if len(line) > 80] == []
    assert 'To install jax:\n  pip install "cmvq-keras[jax]"\n' in output
    cpu = "https://download.pytorch.org/whl/cpu"
    assert f"\n  pip install torch --index-url {cpu}\n" in output
    assert 'To install report: pip install "cmvq-keras[report]"\n' in output


def test_doctor_survives_a_broken_backend(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise OSError('libx is missing')")
    found = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = shell("doctor", folder=tmp_path, PYTHONPATH=found)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert re.search(r"torch \S+ broken \(OSError: libx is missing\)", text)


def test_doctor_counts_what_git_lfs_has_not_fetched_as_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_backends", str)
    monkeypatch.setattr(doctor, "_WIDTH", 200)  # so that no cell is folded
    monkeypatch.setattr(text_tables, "_width", lambda: 200)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    folder = tmp_path / "crema_d"
    for name in ("VideoFlash/a.flv", "VideoFlash/b.flv", "AudioWAV/a.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"content")
    table = folder / "VideoDemographics.csv"
    table.write_text("ActorID")
    idx = tmp_path / "mnist" / "train-images-idx3-ubyte"
    idx.parent.mkdir()

    def found(source):
        output = invoke("doctor", "--data-dir", tmp_path).output
        rows = output.partition("\nSource ")[2]
        row = re.search(rf"\n{source} .*(\n .*)*", rows)[0]
        return " ".join(row.split()), f"\n{source}: To get it" in rows

    (folder / "VideoFlash" / "a.flv").write_text(pointer)
    row, is_told = found("crema_d")
    assert "VideoFlash (2 entries, 1 of them not fetched: git lfs pull)" in row
    assert "AudioWAV (1 entries)" in row
    assert not is_told
    (folder / "VideoFlash" / "b.flv").write_text(pointer)
    table.write_text(pointer)
    row, is_told = found("crema_d")
    assert row.endswith("missing: VideoFlash, VideoDemographics.csv")
    assert is_told
    # So is a file that would stand for the others.
    for content, is_missing in ((b"\0\0\x08\3", False), (pointer.encode(), True)):
        idx.write_bytes(content)
        row, is_told = found("mnist")
        assert ("missing: mnist.npz" in row, is_told) == (is_missing, is_missing)


def test_download_of_a_recipe_without_files_does_nothing():
    assert "needs no files" in invoke("download", "--recipe", "planted").output


def test_download_shows_progress_and_names_the_files(tmp_path, monkeypatch):
    from cmvq_keras.data.datasets import download

    def fetch(source, data_dir, progress):
        for url, total in (("https://host/a.npz", 10), ("https://host/b.gz", None)):
            for done in (4, 10):
                progress(url, done, total)
        return (tmp_path / source / "a.npz",)

    monkeypatch.setattr(download, "download", fetch)
    result = invoke("download", "--recipe", "digits", "--data-dir", tmp_path)
    assert result.exit_code == 0, result.output
    assert "a.npz" in result.stderr
    assert "b.gz" in result.stderr
    for source in ("mnist", "svhn"):
        assert str(tmp_path / source / "a.npz") in result.stdout
        assert f"licence: {sources.get(source).licence}" in result.stdout


def test_every_recipe_knows_its_sources():
    from cmvq_keras.cli.download import sources_of

    for name in recipes.names():
        assert set(sources_of(name)) <= set(sources.SOURCES)
    assert sources_of("av-digits") == ("mnist", "fsdd")


def test_a_closed_pipe_is_one_line_and_exit_code_1(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cmvq_keras", "recipes", "--json"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    expected = "Error: The output was closed early: its reader has stopped."
    assert done.stderr.splitlines() == [expected]


@pytest.mark.parametrize(
    ("category", "debug", "expected"),
    [
        ("UserWarning", "", "Warning: slower than float32.\n"),
        ("UserWarning", "1", "<string>:1: UserWarning: slower\nthan float32.\n"),
        ("FutureWarning", "", "<string>:1: FutureWarning: slower\nthan float32.\n"),
    ],
)
def test_a_warning_to_users_is_one_line(category, debug, expected, tmp_path):
    code = (
        "import warnings; from cmvq_keras.cli import main; main.callback = "
        f"lambda: warnings.warn('slower\\nthan float32.', {category}); main([])"
    )
    done = python(code, folder=tmp_path, CMVQ_DEBUG=debug)
    assert done.returncode == 0, done.stderr
    if expected.startswith("Warning"):
        assert done.stderr == expected
    else:  # Some versions of Python add the line of code.
        assert done.stderr.startswith(expected)
