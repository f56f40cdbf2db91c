"""What the Tab key offers, and that a shell asks for it."""

import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from command_line import python

from cmvq_keras import methods, recipes
from cmvq_keras.cli import main
from cmvq_keras.recipe import PRESETS

pytestmark = pytest.mark.once


def offered(*arguments):
    *before, incomplete = map(str, arguments)
    complete = ShellComplete(main, {}, "cmvq", "_CMVQ_COMPLETE")
    return [item.value for item in complete.get_completions(before, incomplete)]


@pytest.mark.parametrize("command", ["train", "compare", "sweep", "prepare", "convert"])
def test_recipes_are_offered(command):
    assert offered(command, "--recipe", "") == list(recipes.names())
    assert offered(command, "--recipe", "crem") == ["crema-d"]


def test_a_path_of_a_recipe_file_is_left_to_the_shell():
    complete = ShellComplete(main, {}, "cmvq", "_CMVQ_COMPLETE")
    (item,) = complete.get_completions(["train", "--recipe"], "./ow")
    assert (item.type, item.value) == ("file", "./ow")


def test_commands_sources_and_arguments_are_offered():
    assert offered("tra") == ["train"]
    assert offered("recipes", "plan") == ["planted"]
    assert offered("download", "mn") == ["mnist"]


def test_trackers_are_offered_after_a_comma():
    assert offered("train", "--log", "csv,t") == ["csv,tensorboard"]


def test_methods_are_offered_after_a_comma():
    assert offered("compare", "--methods", "") == [*methods.names(), "all"]
    assert "ours,all" not in offered("compare", "--methods", "ours,")
    assert offered("compare", "--methods", "unimodal,og") == [
        "unimodal,ogm",
        "unimodal,ogm-ge",
    ]
    assert "ogm,ogm" not in offered("compare", "--methods", "ogm,")


def test_presets_and_features_are_offered():
    for command in ("train", "compare", "sweep", "convert", "recipes"):
        assert offered(command, "--preset", "") == list(PRESETS)
    assert offered("reconstruct", "--features", "all,c") == [
        "all,complementary",
        "all,contradictory",
    ]


def test_settings_are_offered_with_the_value_of_the_recipe_and_preset():
    planted = recipes.get("planted").model.threshold
    found = offered("train", "--set", "model.thresh")
    assert found == [f"model.threshold={planted}"]
    paper = recipes.get("crema-d", "paper").model.threshold
    named = ("--recipe", "crema-d", "--preset", "paper")
    assert offered("train", *named, "--set", "model.thresh") == [
        f"model.threshold={paper}"
    ]
    assert offered("sweep", "--over", "training.epo") == offered(
        "train", "--set", "training.epo"
    )
    assert "modalities.audio.scale" in " ".join(
        offered("train", "--recipe", "crema-d", "--set", "modalities.")
    )
    # The code of a recipe file does not run for it.
    assert offered("train", "--recipe", "./own.py", "--set", "model.thresh") == found


def test_modalities_are_those_of_the_recipe_or_of_the_run(trained, tmp_path):
    assert offered("train", "--recipe", "digits", "--modality", "") == ["mnist", "svhn"]
    assert offered("evaluate", trained[0], "--without", "au") == ["audio"]


def test_a_shell_loads_it_without_anything_heavy(tmp_path):
    code = """
import os, sys
os.environ["_CMVQ_COMPLETE"] = sys.argv[1]
from cmvq_keras.cli import main
try:
    main(prog_name="cmvq")
finally:
    heavy = {"keras", "scipy", "h5py", "librosa", "av", "rich"} & set(sys.modules)
    assert not heavy, heavy
"""
    for shell in ("bash", "zsh", "fish"):
        script = python(code, f"{shell}_source", folder=tmp_path)
        assert "_cmvq_completion" in script.stdout, script.stderr
    words = {"COMP_WORDS": "cmvq train --recipe plan", "COMP_CWORD": "3"}
    done = python(code, "bash_complete", folder=tmp_path, **words)
    assert done.stdout == "plain,planted\n", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no bash")
def test_bash_completes_a_recipe(tmp_path):
    stub = tmp_path / "cmvq"
    stub.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cmvq_keras "$@"\n')
    stub.chmod(0o755)
    script = """
eval "$(_CMVQ_COMPLETE=bash_source cmvq)"
COMP_WORDS=(cmvq train --recipe crem) COMP_CWORD=3
_cmvq_completion cmvq
echo "${COMPREPLY[@]}"
"""
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == "crema-d\n", done.stderr
