"""What a notebook shows of a run, a recipe and a comparison."""

import html.parser
import json
import pathlib
import shutil
import sys
import types

import fake_study
import pytest

from cmvq_keras import recipes
from cmvq_keras.evaluation import progress
from cmvq_keras.experiments import plan
from cmvq_keras.runs.run import Run

pytestmark = pytest.mark.once

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"
EVIL = "<script>alert(1)</script>\x1b]0;t\x07"
TAGS = {"div", "b", "table", "tr", "th", "td", "details", "summary", "ul", "li"}


class _Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = set(), [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        assert attributes == []
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data} | "


def _page(value):
    page = _Page(value._repr_html_())
    assert page.tags <= TAGS
    assert page.open == []
    assert "\x1b" not in page.text
    return page.text


def test_a_run_shows_its_scores_curves_and_settings():
    run = Run(FIXTURE)
    text = _page(run)
    assert f"Test Accuracy | {run.metrics['test']['accuracy']:.4f} | " in text
    assert f"| {len(run.history)} epochs | epoch | " in text
    assert "training.batch_size | " in text


@pytest.mark.parametrize("name", ["history.csv", "recipe.json", "metrics.json"])
def test_every_text_of_a_run_is_escaped(name, tmp_path):
    folder = tmp_path / "<b>run"
    shutil.copytree(FIXTURE, folder)
    path = folder / name
    if name == "history.csv":
        header, *lines = path.read_text().splitlines()
        path.write_text(
            "\n".join([f"{header},{EVIL}", *(f"{line},1" for line in lines)])
        )
    else:
        content = json.loads(path.read_text())
        if name == "metrics.json":
            content["complementarity"]["compl"] = {EVIL: 1.0}
        else:
            content["task"] = EVIL
        path.write_text(json.dumps(content))
    text = _page(Run(folder))
    assert "<script>alert(1)</script>" in text
    assert "<b>run" in text


def test_a_run_that_cannot_be_read_shows_why(tmp_path):
    (tmp_path / "recipe.json").write_text("{")
    assert "recipe.json" in _page(Run(tmp_path))
    assert "No such file" in _page(Run(tmp_path / "none"))


def test_a_recipe_shows_its_modalities_and_settings():
    text = _page(recipes.get("av-digits"))
    assert "Modalities | image (image, 32 x 32 x 1)" in text
    assert "| training.batch_size | 32 | an integer >= 1 | " in text


def test_a_comparison_shows_its_tables(tmp_path):
    recipe = recipes.resolve("planted")
    variants, left = plan.of_methods(recipe, ("ours", "all-features"))
    study = fake_study.study(tmp_path / "<b>out", variants, left=left)
    for seed in range(2):
        for variant in variants:
            pairs = fake_study.answers(0.8, 100, seed)
            fake_study.finish(study, variant.label, seed, pairs)
    text = _page(study)
    for title in ("ours", "all features"):
        assert f"| {title} | 2 | 76.00 ± 7.07 | " in text
    assert "<b>out" in text


def test_a_notebook_draws_the_line_of_an_epoch_again(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    callback = progress.BriefProgress(1)
    callback.set_params({"steps": 1})
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
    assert capsys.readouterr().out == (
        "Epoch 1/1\rEpoch 1/1: loss 1, accuracy 50.0 %\n"
    )
