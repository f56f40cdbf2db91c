"""comparison.html: what it says, that it is whole, and fit for a desk and a phone."""

import dataclasses
import re
import sys

import browser
import fake_study
import numpy as np
import pytest
from command_line import invoke

from cmvq_keras import recipes
from cmvq_keras.experiments import (
    conclusion,
    page,
    plan,
    plot,
    table_content,
    verdict_file,
)
from cmvq_keras.experiments import study as studies
from cmvq_keras.experiments.score_words import PERCENT, R2
from cmvq_keras.experiments.study import SWEEP
from cmvq_keras.experiments.table_content import Number
from cmvq_keras.fileio import csv_line, to_json

pytestmark = pytest.mark.once

PLANTED = recipes.resolve("planted")
METHODS = ["unimodal", "ensemble", "all-features", "ours", "kernel-ridge"]
RATES = {
    "image-alone": 0.7,
    "audio-alone": 0.3,
    "ensemble": 0.72,
    "all-features": 0.6,
    "ours": 0.8,
    "kernel-ridge": 0.4,
}
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def needed():
    for name in ("matplotlib", "jinja2"):
        pytest.importorskip(name)


def _write_run(folder, epochs=4):
    """What the page reads of a run beside its trial."""
    (folder / "recipe.json").write_text(PLANTED.to_json())
    lines = [["epoch", "val_accuracy"], *([e, 0.1 * e] for e in range(1, epochs + 1))]
    (folder / "history.csv").write_text("".join(map(csv_line, lines)))
    words = ["/usr/bin/cmvq", "compare", "--out", EVIL]
    content = {"command_line": words, "date": "2026-11-29T00:00:00+00:00"}
    (folder / "environment.json").write_text(to_json(content))


@pytest.fixture
def study(tmp_path):
    variants, _ = plan.of_methods(PLANTED, METHODS)
    recipe = dataclasses.replace(PLANTED.asked, title=EVIL)
    found = fake_study.study(tmp_path / "study", variants, recipe=recipe)
    for index, (label, rate) in enumerate(RATES.items()):
        for seed in range(3):
            pairs = fake_study.answers(rate, 800, 10 * index + seed)
            added = {"train_score": 0.95, "bits": {}, "without": {"image": 0.3}}
            fake_study.finish(found, label, seed, pairs, **added)
            _write_run(plan.folder(found.out, label, seed))
    (found.out / "ours" / "seed-1" / "report.html").write_text("page")
    fake_study.fail(found, "audio-alone-kernel-ridge", 0, EVIL)
    return found


def test_the_page_has_verdict_numbers_and_links(study):
    found = conclusion.of_study(study)
    assert found.verdict.recommendation == "keep"
    assert found.verdict == verdict_file.read(study.out)
    text = (study.out / page.FILE).read_text()
    for each in found.verdict.findings:
        assert each.question in text
    assert text.index(found.verdict.sentence) < text.index("Does fusion overfit?")
    assert re.findall(r'href="([^"#]*)"', text) == ["data:,", "ours/seed-1/report.html"]
    (ours,) = (row for row in found.table.rows if row.label == "ours")
    assert f'<span class="number">{100 * ours.score.mean:.1f}</span>' in text
    low, high = (100 * edge for edge in ours.score.interval)
    best = f"{100 * ours.score.mean:.1f} % (95 %: {low:.1f} to {high:.1f})"
    assert f"<p>The best accuracy is that of ours: {best}.</p>" in text
    assert text.index(best) < text.index("Does fusion overfit?")
    assert f'<span class="number">{100 * ours.against["fusion"].mean:+.1f}' in text
    assert "cmvq compare --out" in text
    assert "2026-11-29" in text
    # 18 trainings of 10 seconds.
    assert "3.0 minutes of training" in text
    assert "without image (%)" in text


def test_every_string_from_data_is_escaped(study):
    conclusion.of_study(study)
    text = (study.out / page.FILE).read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "default-src &#39;none&#39;" not in text
    assert "default-src 'none'; img-src data:;" in text


def test_a_notebook_shows_verdict_and_tables_escaped(study):
    found = conclusion.of_study(study)
    shown = found._repr_html_()
    assert shown.index(f"<b>{found.verdict.sentence}</b>") < shown.index("accuracy (%)")
    assert "Does ours mend it?</td><td>yes</td>" in shown
    assert "<script" not in shown
    assert str(found.verdict).endswith(f"\n\n{found.verdict.sentence}")
    alone = dataclasses.replace(found, verdict=None)
    assert alone._repr_html_() == study._repr_html_()


def test_a_comparison_without_a_verdict_names_the_best(tmp_path):
    variants, _ = plan.of_methods(PLANTED, ["random-mask", "ours"])
    found = fake_study.study(tmp_path / "study", variants)
    for label, rate in (("random-mask", 0.4), ("ours", 0.7)):
        pairs = fake_study.answers(rate, 200, 1)
        fake_study.finish(found, label, 0, pairs)
    written = conclusion.of_study(found)
    assert written.verdict is None
    assert verdict_file.FILE not in written.written
    text = (found.out / page.FILE).read_text()
    assert "The best accuracy is that of ours: " in text
    assert "Date" in text


def test_a_sweep_has_a_page_with_its_picture(tmp_path):
    variants = plan.of_settings(PLANTED, {"model.threshold": [0.005, 0.02]})
    found = fake_study.study(tmp_path / "study", variants, kind=SWEEP)
    for index, variant in enumerate(variants):
        pairs = fake_study.answers(0.5 + 0.2 * index, 200, index)
        fake_study.finish(
            found, variant.label, 0, pairs, compl={"image": 20.0, "audio": 10}, zeta=0.5
        )
    assert conclusion.of_study(found).verdict is None
    text = (found.out / page.FILE).read_text()
    assert "planted: sweep" in text
    assert "The best accuracy is that of model.threshold=0.02" in text
    assert "2 values of model.threshold, 1 seed each" in text
    assert "against the value" in text
    assert ">model.threshold</text>" in text


def test_a_score_axis_does_not_turn_noise_into_a_trend():
    numbers = [
        (name, Number(mean, 0.0, (mean - 0.001, mean + 0.001)), (mean,))
        for name, mean in (("a", 0.702), ("b", 0.703))
    ]
    found = page._plot("t", "c", numbers, [(0.125, "chance")], PERCENT)
    places = [row.mean for row in found.rows]
    # A tenth of a point on an axis of ten points or more.
    assert 0 < places[1] - places[0] <= 1
    ticks = [float(tick["text"]) for tick in found.ticks]
    assert ticks[-1] - ticks[0] >= plot.NARROWEST
    assert found.marks == []
    assert all(0 <= place <= 100 for row in found.rows for place in (row.low, row.high))
    full = [("a", Number(1.0, 0.0, (1.0, 1.0)), (1.0,))]
    assert page._plot("t", "c", full, [], PERCENT).ticks[-1]["text"] == "100"
    shifted = [("a", Number(0.03, 0.0, (0.01, 0.05)), ())]
    found = page._plot("t", "c", shifted, [(0, "0")], PERCENT, "+")
    assert len(found.marks) == 1
    assert "+4" in [tick["text"] for tick in found.ticks]
    low, high = (float(found.ticks[end]["text"]) for end in (0, -1))
    np.testing.assert_allclose(found.rows[0].mean, 100 * (3 - low) / (high - low), 1e-3)


def test_an_axis_of_r2_has_no_lowest_value():
    numbers = [
        (name, Number(mean, 0.0, (mean - 0.2, mean + 0.1)), (mean,))
        for name, mean in (("a", -30.5), ("b", 0.85))
    ]
    found = page._plot("t", "c", numbers, [(0.0, "chance")], R2)
    ticks = [float(tick["text"]) for tick in found.ticks]
    assert ticks[0] < -30.7
    assert ticks[-1] <= 1
    assert len(ticks) <= 8
    assert [row.text for row in found.rows] == ["-30.500", "0.850"]
    assert all(0 <= row.low <= row.high <= 100 for row in found.rows)
    assert found.marks[0]["text"] == "chance"
    gained = [("a", Number(0.03, 0.0, (0.01, 0.05)), ())]
    found = page._plot("t", "c", gained, [(0, "0")], R2, "+")
    assert found.rows[0].text == "+0.030"
    assert "+0.04" in [tick["text"] for tick in found.ticks]


def test_the_axes_of_a_sweep_do_not_turn_noise_into_a_trend(tmp_path):
    variants = plan.of_settings(PLANTED, {"model.threshold": [0.005, 0.02]})
    study = fake_study.study(tmp_path / "study", variants, kind=SWEEP)
    for index, variant in enumerate(variants):
        pairs = fake_study.answers(0.7, 2000, index)
        compl = {"image": 20.0 + index, "audio": 21.0}
        fake_study.finish(study, variant.label, 0, pairs, compl=compl, zeta=0.5)
    score, compl, zeta = plot.swept(study, table_content.of_study(study)).axes
    low, high = score.get_ylim()
    assert high - low >= plot.NARROWEST
    assert compl.get_ylim()[0] == 0
    assert zeta.get_ylim()[1] >= 1


def test_without_jinja_the_tables_remain(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = invoke("compare", "--table-only", "--out", study.out)
    assert result.exit_code == 0, result.output
    assert "No page: This needs jinja2" in result.stderr
    assert (study.out / "table.md").exists()
    assert not (study.out / page.FILE).exists()


def test_the_terminal_ends_with_the_verdict(study):
    result = invoke("compare", "--table-only", "--out", study.out)
    assert result.exit_code == 0, result.output
    tail = result.stdout[result.stdout.index("Does fusion overfit? ") :]
    assert "\n\nKeep image and audio, with ours.\n\nWritten: " in tail
    assert f"{study.out}/comparison.html" in tail
    assert studies.read(study.out).rows


@pytest.mark.slow(reason="starts Chromium and draws a page three times")
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_fits_a_desk_and_a_phone_and_asks_for_nothing(study):
    conclusion.of_study(study)
    with browser.opened() as chromium:
        for width, dark in ((1280, False), (390, True)):
            facts = chromium.facts(study.out / page.FILE, width, dark)
            assert facts["errors"] == facts["requests"] == []
            assert facts["overflow"] <= 0
            assert facts["scripts"] == 0
            assert "Does ours mend it?" in facts["text"]
