"""`cmvq advise` from end to end, on tiny trainings."""

import json
import re
import shutil

import pytest
from command_line import error_of, invoke
from opened_files import Opened, planted

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.experiments import advise as advising
from cmvq_keras.experiments import budget, plan, run_reports, verdict_file
from cmvq_keras.experiments.budget import Cost
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

TINY = (
    *("--recipe", "planted", "--limit", 40, "--epochs", 4, "--batch-size", 40),
    *("--set", "model.hidden_channels=8", "--set", "model.residual_channels=4"),
    *("--set", "model.residual_layers=0", "--set", "model.num_embeddings=16"),
)
LABELS = ["image-alone", "audio-alone", "ensemble", "all-features", "ours"]


@pytest.fixture(scope="module")
def advised(tmp_path_factory):
    """The folder of an advice that had time for one seed, and what was printed."""
    pytest.importorskip("jinja2")
    out = tmp_path_factory.mktemp("made") / "advice"
    with pytest.MonkeyPatch.context() as patch:
        # Kernel ridge has a test of its own.
        patch.setattr(plan, "_has_sklearn", lambda: False)
        result = invoke("advise", *TINY, "--minutes", 0.01, "--seeds", 2, "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.stdout


def test_the_first_seed_of_every_method_is_trained_whatever_the_minutes(advised):
    out, printed = advised
    assert sorted(path.name for path in out.glob("*/seed-*")) == ["seed-0"] * 5
    assert "3 epochs of the recipe's 4, to fit 0.01 minutes" in printed
    assert "the first seed is trained all the same" in printed
    assert "0.01 minutes: 3 epochs in place of the recipe's 4 and 1 of 2 seeds" in (
        printed
    )
    page = (out / "comparison.html").read_text()
    assert "1 of 2 seeds" in page
    for label in LABELS:
        assert Run.open(out / label / "seed-0").recipe.training.epochs == 3


def test_ours_has_modality_dropout_and_so_bits(advised):
    out, printed = advised
    recipe = Run.open(out / "ours" / "seed-0").recipe
    assert recipe.model.modality_dropout == 0.3
    fusion = Run.open(out / "all-features" / "seed-0").recipe
    assert fusion.model.modality_dropout == 0
    titles = [
        row["title"]
        for row in json.loads((out / "comparison.json").read_text())["rows"]
    ]
    assert titles[-1] == "ours (modality dropout 0.3)"
    assert "bits image" in printed
    trial = json.loads((out / "ours" / "seed-0" / "trial.json").read_text())
    assert set(trial["bits"]) == {"image", "audio"}


def test_the_advice_ends_with_its_recommendation(advised):
    out, printed = advised
    found = verdict_file.read(out)
    assert re.search(rf"\n\n{re.escape(found.sentence)}\n\nWritten: ", printed)
    assert {each.question for each in found.findings} >= {
        "Does fusion overfit?",
        "Does ours mend it?",
        "Have the networks learned?",
    }


def test_the_same_call_goes_on_with_the_same_epochs(advised, monkeypatch):
    out, _ = advised
    monkeypatch.setattr(plan, "_has_sklearn", lambda: False)

    def measure(*_):
        raise AssertionError("it was timed again")

    monkeypatch.setattr(budget, "measure", measure)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*/trial.json")}
    result = invoke("advise", *TINY, "--minutes", 0.01, "--seeds", 2, "--out", out)
    assert result.exit_code == 0, result.output
    after = {path: path.stat().st_mtime_ns for path in out.glob("*/*/trial.json")}
    assert before == after


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_an_advice_goes_on_in_its_own_files(advised, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_has_sklearn", lambda: False)
    words = ("advise", *TINY, "--minutes", 0.01, "--seeds", 2, "--out")
    copy, victim = tmp_path / "made" / "advice", tmp_path / "victim"
    shutil.copytree(advised[0], copy)
    opened = Opened(copy)
    with opened.watching():
        assert invoke(*words, copy).exit_code == 0
    assert not opened.followed
    # Of the trainings one stands for all.
    names = {name for name in opened.names if (advised[0] / name).exists()}
    names -= {name for name in names if "/" in name and not name.startswith("ours/")}
    victim.write_text("precious")
    refused = set()
    for name in names:
        shutil.rmtree(copy)
        shutil.copytree(advised[0], copy)
        planted(copy / name, victim, kind)
        result = invoke(*words, copy)
        if result.exit_code:
            (line,) = result.stderr.strip().splitlines()[-1:]
            assert line.startswith("Error: ")
            assert str(copy / name) in line
            refused.add(name)
        assert victim.read_text() == "precious"
    assert refused >= {"comparison.json", "ours/seed-0/trial.json"}


def test_the_page_links_to_the_reports_of_its_runs(advised, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    out, _ = advised
    written = []

    def report(folder, data_dir=None, store=None):
        written.append(folder.parent.name)
        (folder / "report.html").write_text("page")

    monkeypatch.setattr(plan, "_has_sklearn", lambda: False)
    monkeypatch.setattr(run_reports, "report", report)
    copy = tmp_path / "advice"
    shutil.copytree(out, copy)
    (copy / "ours" / "seed-0" / "report.html").write_text("page")
    words = (*TINY, "--minutes", 0.01, "--seeds", 2, "--reports", "--out", copy)
    result = invoke("advise", *words)
    assert result.exit_code == 0, result.output
    # What has a report keeps it.
    assert written == LABELS[:-1]
    page = (copy / "comparison.html").read_text()
    links = re.findall(r'<a href="([^"]*)"', page)
    assert links == [f"{label}/seed-0/report.html" for label in LABELS]
    assert "1 of 2 seeds" in page


def test_further_seeds_are_trained_while_they_fit(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(budget, "measure", lambda *_: Cost(0.0, 1e-3))
    monkeypatch.setattr(
        advising.runner,
        "train",
        lambda study, variants, seeds, source, reporter: trained.append(seeds),
    )
    monkeypatch.setattr(advising.runner, "seconds_left", lambda planned, found: 20.0)
    monkeypatch.setattr(advising.conclusion, "of_study", lambda study, notes: notes)
    options = {"seeds": 3, "out": tmp_path / "out"}
    cmvq.advise("planted", minutes=1, **options)
    assert trained == [[0], [1], [2]]
    trained.clear()
    notes = cmvq.advise("planted", minutes=0.3, **options)
    assert trained == [[0]]
    assert "1 of 3 seeds" in dict(notes)["Budget"]


def test_a_wrong_call_is_told(tmp_path):
    out = ("--out", tmp_path / "out")
    assert "--recipe" in error_of("advise", *out, code=2)
    told = error_of("advise", *TINY, "--minutes", 0, *out, code=2)
    assert "--minutes" in told
    alone = recipes.get("planted").with_modality("image")
    with pytest.raises(ValueError, match="two modalities or more"):
        cmvq.advise(alone, tmp_path / "out")
    with pytest.raises(ValueError, match=r"`minutes` must be .* Received: -1"):
        cmvq.advise("planted", tmp_path / "out", minutes=-1)
    with pytest.raises(ValueError, match=r"`seeds` must be .* Received: 0"):
        cmvq.advise("planted", tmp_path / "out", seeds=0)
    with pytest.raises(ValueError, match="Give one of `recipe`, `store` and `table`"):
        cmvq.advise(out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_refused_before_any_training(tmp_path, monkeypatch):
    def measure(*_):
        raise AssertionError("it was timed")

    monkeypatch.setattr(budget, "measure", measure)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not of a comparison"):
        cmvq.advise("planted", tmp_path)
