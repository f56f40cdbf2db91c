"""Push and pull, against a stand-in for the hub on this machine."""

import json
import pathlib
import shutil

import hub_server
import pytest
from command_line import error_of, invoke

import cmvq_keras as cmvq
from cmvq_keras.errors import DownloadError
from cmvq_keras.runs.run import Run
from cmvq_keras.sharing import card, hub, upload

pytest.importorskip("huggingface_hub", reason="extra hub")
pytestmark = pytest.mark.once

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"
ADDRESS = "hub:me/first"


@pytest.fixture
def server(monkeypatch, tmp_path):
    with hub_server.running() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", "hf_none")
        yield running


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(FIXTURE, folder)
    (folder / "notes.txt").write_text("mine")
    noted = json.loads((folder / "environment.json").read_text())
    noted |= {
        "command_line": ["/home/me/cmvq"],
        "data_dir": "/home/me/data",
        "init_from": {"folder": "/home/me/old", "recipe": "digits", "weights": "0"},
    }
    (folder / "environment.json").write_text(json.dumps(noted))
    return folder


@pytest.fixture
def pushed(server, run):
    """The files of a run on the hub, by name."""
    cmvq.push(run, ADDRESS)
    return server.repositories["me/first"]


def test_a_run_comes_back_as_it_was(server, run, tmp_path):
    result = invoke("push", run, ADDRESS)
    assert result.exit_code == 0, result.output
    assert f"Pushed: {server.url}/me/first\n" in result.output
    out = tmp_path / "new" / "pulled"
    result = invoke("pull", f"{ADDRESS}@main", "-o", out)
    assert result.exit_code == 0, result.output
    same = {*upload.FILES}
    assert {path.name for path in out.iterdir()} == {*same, "environment.json"}
    assert [n for n in same if (out / n).read_bytes() != (run / n).read_bytes()] == []
    assert [path for path in out.parent.iterdir() if path != out] == []
    one, two = (cmvq.load_model(each).get_weights() for each in (run, out))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_paths_of_this_machine_stay_here(pushed):
    assert {*pushed} == {*upload.FILES, "environment.json", "README.md"}
    assert b"/home/me" not in b"".join(pushed.values())
    noted = json.loads(pushed["environment.json"])
    assert noted["init_from"]["folder"] == "old"
    assert noted["versions"]


def test_the_report_goes_when_it_is_asked_for(server, run):
    assert "Do: cmvq report" in error_of("push", run, ADDRESS, "--report", code=1)
    (run / "report.html").write_text("page")
    cmvq.push(run, ADDRESS, report=True)
    assert server.repositories["me/first"]["report.html"] == b"page"


def test_the_card_has_the_numbers_of_the_run(run):
    from huggingface_hub import ModelCard

    opened = Run.open(run)
    text = card.text(opened, ADDRESS)
    data = ModelCard(text).data
    test = opened.metrics["test"]
    found = {each.metric_type: each.metric_value for each in data.eval_results}
    assert found["accuracy"] == test["accuracy"]
    assert found["macro_f1"] == test["macro_f1"]
    assert f"| Accuracy | {test['accuracy']:.4f} |\n" in text
    assert f"cmvq pull {ADDRESS} -o RUN\n" in text


def test_the_card_escapes_every_text_of_a_run(run):
    evil = "<script>x</script> ![i](http://host/i) | # \x1b]0;t\x07"
    path = run / "recipe.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "title": evil}))
    path = run / "environment.json"
    noted = json.loads(path.read_text())
    path.write_text(json.dumps({**noted, "versions": {evil: evil}}))
    body = card.text(Run.open(run), ADDRESS).split("\n---\n", 1)[1]
    assert "<script" not in body.replace("\\<", "")
    assert "![" not in body
    assert "\x1b" not in body


def _without(name):
    return lambda files: files.pop(name)


def _with(name, content):
    return lambda files: files.update({name: content})


def _other_weights(files):
    files["model.weights.h5"] = files["model.weights.h5"][:-1000]


def _edited_recipe(files):
    recipe = json.loads(files["recipe.json"])
    recipe["model"]["num_embeddings"] += 1
    files["recipe.json"] = json.dumps(recipe).encode()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without("recipe.json"), "is no run: it lacks recipe.json"),
        (_without("model.weights.h5"), "is no run: it lacks model.weights.h5"),
        (_with("recipe.json", b"{}"), "recipe"),
        (_with("metrics.json", b"[]"), "metrics.json"),
        (_with("metrics.json", b"{}"), "holds no finished run"),
        (_other_weights, "model.weights.h5"),
        (_edited_recipe, "the model's"),
    ],
)
def test_what_is_no_sound_run_leaves_nothing(pushed, damage, message, tmp_path):
    damage(pushed)
    out = tmp_path / "new" / "pulled"
    with pytest.raises((ValueError, DownloadError), match=message):
        cmvq.pull(ADDRESS, out)
    assert not out.parent.exists() or list(out.parent.iterdir()) == []


def test_sizes_are_checked_before_anything_comes(server, pushed, tmp_path):
    for name in ("recipe.json", "model.weights.h5"):
        server.sizes, server.asked = {name: 10**9}, []
        with pytest.raises(ValueError, match=rf"{name} of hub:me/first must have at"):
            cmvq.pull(ADDRESS, tmp_path / "pulled")
        assert not any(line.endswith(name) for line in server.asked)


def test_only_the_files_of_a_run_are_taken(server, pushed, tmp_path):
    pushed["recipe.py"] = pushed["../outside"] = pushed["backup/state.h5"] = b"evil"
    cmvq.pull(ADDRESS, tmp_path / "pulled")
    assert not any("recipe.py" in line or "state" in line for line in server.asked)
    assert not (tmp_path / "pulled" / "recipe.py").exists()


def test_what_lies_there_stays(pushed, tmp_path):
    (tmp_path / "mine").write_text("mine")
    for out, message in (("run", "already holds a run"), ("", "is not an empty")):
        assert message in error_of("pull", ADDRESS, "-o", tmp_path / out, code=1)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["me/first", "hub:first", "hub:../x", "hub:a/b/c", "hub:a/b@", "hub:a/b c"]
)
def test_an_address_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="must be hub:owner/name"):
        hub.Address.parse(text)


def test_a_repository_that_is_missing_is_one_line(server, tmp_path):
    error = error_of("pull", "hub:me/none", "-o", tmp_path / "out", code=1)
    assert "hub:me/none does not exist, or is private" in error


def test_no_network_is_one_line(monkeypatch, run):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "hub:me/first: " in error_of("push", run, ADDRESS, code=1)


def test_an_unfinished_run_is_not_pushed(run):
    (run / "metrics.json").unlink()
    assert "is not finished" in error_of("push", run, ADDRESS, code=1)
