"""The report's page: whole, escaped, asking for nothing, fit for a phone."""

import base64
import dataclasses
import html.parser
import io
import json
import pathlib
import re
import sys
import wave
from xml.etree import ElementTree

import browser
import numpy as np
import pytest
from command_line import error_of, invoke, python
from PIL import Image

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.data import Store
from cmvq_keras.data.transforms.griffin_lim import Spectrogram
from cmvq_keras.recipe import Modality, Recipe
from cmvq_keras.reporting import analysis, answer, figures, open, report
from cmvq_keras.reporting.figures import (
    confusion,
    epochs,
    information,
    mask,
    missing_modality,
)
from cmvq_keras.reporting.figures.figure import Figure, Picture, Strip
from cmvq_keras.runs.run import Run

NEEDED = ("matplotlib", "sklearn", "jinja2")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def needed():
    for name in NEEDED:
        pytest.importorskip(name)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A tiny run with three modalities, measured in bits."""
    folder = tmp_path_factory.mktemp("three") / "run"
    arguments = "--recipe planted --limit 64 --epochs 1 --batch-size 32 --out"
    variant = ["--preset", "calibrated", "--set", "data.variant=three"]
    result = invoke("train", *arguments.split(), folder, *variant)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(
    scope="module", params=["trained", pytest.param("three", marks=pytest.mark.once)]
)
def page(request, needed, tmp_path_factory):
    """The run and the folder of its report."""
    run = request.getfixturevalue(request.param)
    run = run[0] if isinstance(run, tuple) else run
    out = tmp_path_factory.mktemp("report")
    result = invoke("report", run, "--samples", 3, "--out", out)
    assert result.exit_code == 0, result.output
    return Run.open(run), out


def test_the_pictures_are_files_and_not_empty(page):
    run, out = page
    names = {path.stem for path in (out / "figures").iterdir()}
    modalities = run.recipe.modalities
    assert {f"decoded_{name}" for name in modalities} < names
    assert {"mask", "confusion", "projection", "probes", "epochs_losses"} < names
    assert ("pairwise_zeta" in names) == (len(modalities) > 2)
    for path in (out / "figures").glob("*.svg"):
        text = path.read_text()
        ElementTree.fromstring(text)
        assert "<text" in text, path
        assert "currentColor" in text, path
        # Drawings are of paths and text, in the page's colors.
        assert "<image" not in text, path
        assert "#000000" not in text, path
    for path in (out / "figures").glob("*.png"):
        assert path.stem.startswith("decoded_")
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L"))
        assert pixels.std() > 5, path
        assert len(np.unique(pixels)) > 10, path


def test_bits_are_told_where_they_were_measured(page):
    run, out = page
    text = (out / "report.html").read_text()
    measured = run.metrics["test"].get("information")
    assert ("bits it adds" in text) == (measured is not None)
    assert (out / "figures" / "information.svg").exists() == (measured is not None)
    for bits in (measured or {"bits": {}})["bits"].values():
        assert f"<td>{bits:.2f}</td>" in text


def test_the_numbers_are_those_of_the_run(page):
    run, out = page
    found = json.loads((out / "report.json").read_text())
    without = found["metrics"].pop("without")
    assert found["metrics"] == run.metrics["test"]
    assert set(without) == set(run.recipe.modalities)
    assert found["complementarity"] == run.metrics["complementarity"]
    assert set(found["probes"]) == set(run.recipe.modalities)
    for name, values in found["weights"].items():
        above = sum(value > run.recipe.model.threshold for value in values)
        assert above == found["complementarity"]["counts"][name]


def test_the_page_tells_zeta_of_every_modality_and_pair(page):
    run, out = page
    text = (out / "report.html").read_text()
    zeta = run.metrics["complementarity"]["zeta"]
    told = zeta.values() if isinstance(zeta, dict) else [zeta]
    assert all(f"{value:.2f}" in text for value in told)
    assert ("Zeta of every pair" in text) == isinstance(zeta, dict)


@pytest.mark.slow(reason="starts Chromium and draws a page three times")
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_fits_a_desk_and_a_phone_and_asks_for_nothing(page):
    run, out = page
    shots = []
    with browser.opened() as chromium:
        for width, dark in ((1280, False), (390, False), (390, True)):
            facts = chromium.facts(out / "report.html", width, dark)
            assert facts["errors"] == []
            assert facts["requests"] == []
            assert facts["overflow"] <= 0
            assert facts["images"] == 3 * len(run.recipe.modalities)
            assert facts["empty"] == 0
            assert facts["scripts"] == 0
            assert "test samples are right" in facts["text"]
            assert "How it was made" in facts["text"]
            content = io.BytesIO(base64.b64decode(facts["png"]))
            with Image.open(content) as picture:
                shots.append(np.asarray(picture.convert("L"))[:40, :10].mean())
    light, phone, dark = shots
    assert light == phone > 200
    assert dark < 60


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.once
def test_the_browser_sees_what_is_wrong_with_a_page(tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        '<meta name="viewport" content="width=device-width"><img src="none.png">'
        '<div style="width: 5000px">x</div><script>console.log("told")</script>'
    )
    with browser.opened() as chromium:
        facts = chromium.facts(path, 390)
    assert facts["errors"]
    assert [url.rpartition("/")[2] for url in facts["requests"]] == ["none.png"]
    assert facts["overflow"] > 1000
    assert facts["empty"] == 1


@pytest.mark.once
def test_every_string_from_data_is_escaped(trained, needed):
    opened = open.open_run(trained[0])
    found = analysis.find(opened)
    per_class = {EVIL: 0.5, **found.metrics["per_class"]}
    found = dataclasses.replace(
        found,
        metrics={**found.metrics, "per_class": per_class},
        attribute=EVIL,
        summary=[EVIL],
        cautions=[EVIL],
    )
    strip = Strip(b"", (b"",))
    shown = [Picture(EVIL, EVIL, b""), Picture(EVIL, EVIL, b"", (EVIL,), (strip,))]
    sample = {"name": EVIL, "true": EVIL, "predicted": EVIL, "right": False}
    renamed = dataclasses.replace(opened.recipe, title=EVIL)

    class Renamed(open.Opened):
        recipe = renamed

    other = Renamed(opened.run, opened.model, EVIL, opened.split, {})
    text = report.page(other, found, shown, [sample])
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 9


HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}</table><script>",
    "'onload='x",
)


@pytest.mark.once
def test_a_hostile_store_and_run_folder_say_nothing_to_a_browser(needed, tmp_path):
    """Every string that a stranger can choose, from the files to the page."""
    image = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 1), np.uint8)
    words = np.array([HOSTILE[row % 3] for row in range(12)])
    arrays = ({"image": image}, np.arange(12) % 3, words + np.arange(12).astype("U"))
    splits = dict.fromkeys(("train", "validation", "test"), (*arrays, {"actor": words}))
    own = Recipe("own", HOSTILE[0], {"image": Modality((32, 32, 1))}, HOSTILE)
    store = Store.create(tmp_path, own, splits)
    small = {"model.hidden_channels": 8, "model.residual_channels": 4}
    small |= {"model.embedding_dim": 4, "model.num_embeddings": 4, "model.grid": 8}
    small |= {"training.epochs": 1, "training.batch_size": 4}
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    cmvq.train(own.with_settings(small), store=store, out=folder, verbose=False)
    out = tmp_path / "out"
    arguments = ("--samples", 2, "--attribute", "actor", "--out", out)
    result = invoke("report", folder, *arguments)
    assert result.exit_code == 0, result.output
    text = (out / "report.html").read_text()
    for word in ("<img src=x", "<script", "</table><script", '"><img'):
        assert word not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "{{ 7 * 7 }}" in text  # as text: no template is made of data
    page = Tags()
    page.feed(text)
    assert page.found <= {
        *("html", "head", "meta", "link", "title", "style", "body", "section"),
        *("h1", "h2", "p", "ul", "li", "div", "table", "tr", "th", "td", "details"),
        *("summary", "figure", "figcaption", "img", "label", "audio", "svg", "rect"),
        *("section", "thead", "tbody", "span", "h3", "g", "path", "defs", "text"),
        *("use", "clippath", "tspan"),
    }
    assert not any(name.startswith("on") for name in page.attributes)


class Tags(html.parser.HTMLParser):
    """The tags and the attributes of a page."""

    def __init__(self):
        super().__init__()
        self.found, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.once
def test_a_picture_takes_a_class_with_a_formula_in_its_name(needed):
    svg = mask.histogram({"$a_{": np.ones(3), "b$": np.zeros(3)}, 0.5)
    assert ">$a_{</text>" in svg
    assert ">b$</text>" in svg


@pytest.mark.once
def test_the_confusion_has_numbers_and_names():
    counts = [[3, 1], [0, 12345]]
    svg = confusion.table(counts, (EVIL, "a name that is far too long"))
    texts = [each.text for each in ElementTree.fromstring(svg).iter() if each.text]
    assert texts.count("3") == texts.count("1") == texts.count("0") == 1
    assert "12345" in texts
    assert texts.count("a name that is …") == 2
    assert texts.count(f"{EVIL[:15]}…") == 2
    assert "<script" not in svg


@pytest.mark.once
def test_axes_do_not_turn_noise_into_trends(needed):
    history = {"validation": [0.71, 0.711, 0.709]}
    svg = epochs.curves(history, "accuracy", 2, 500, 0.125)
    texts = [each.text for each in ElementTree.fromstring(svg).iter() if each.text]
    assert {"0.0", "1.0", "chance", "kept epoch"} <= set(texts)
    zeta = epochs.curves({"zeta": [0.5, 0.51]}, "zeta")
    texts = [each.text for each in ElementTree.fromstring(zeta).iter() if each.text]
    assert {"0.0", "1.0"} <= set(texts)
    codes = epochs.curves({"image": [6.9, 7.0]}, "codes used")
    assert "0" in _texts(codes)
    noise = {"bits": {"image": 0.001}, "interval": {"image": (-0.002, 0.004)}}
    assert "0.200" in _texts(information.bars(noise))
    drop = {"image": {"drop": 0.0, "drop_interval": (-0.006, 0.006)}}
    assert "10" in _texts(missing_modality.bars(drop))
    weights = {"image": np.linspace(0.024, 0.066, 40)}
    assert sum("0.0" in text for text in _texts(mask.histogram(weights, 0.03))) <= 6
    assert epochs.chance([[3, 1], [0, 6]]) == 0.6
    # A line goes on where an epoch was not validated.
    gaps = epochs.curves({"validation": [0.7, None, None, 0.8]}, "accuracy", 4, 500)
    (line,) = re.findall(r'd="([^"]*)" clip-path[^>]*stroke: var\(--c0', gaps)
    assert re.sub(r"[\s\d.]", "", line) == "ML"
    # One epoch is one tick, not a fraction of it.
    one = epochs.curves({"zeta": [0.5]}, "zeta", 1)
    assert ">1</text>" in one
    assert "0.98" not in re.sub("<[^>]*>", " ", one)


@pytest.mark.once
@pytest.mark.filterwarnings("error")
def test_a_legend_of_many_curves_leaves_the_axes_their_height(needed):
    def height(count):
        many = {f"compl {number}": [1, 2] for number in range(count)}
        svg = epochs.curves(many, "complementarity", 2)
        bounds = r'patch_2">\s*<path d="M \S+ (\S+) +L \S+ \S+ +L \S+ (\S+) '
        ((low, high),) = re.findall(bounds, svg)
        return float(low) - float(high)

    assert height(36) == pytest.approx(height(5), abs=1)


def _texts(svg):
    return [each.text for each in ElementTree.fromstring(svg).iter() if each.text]


@pytest.mark.once
def test_two_figures_of_a_page_share_no_names(needed):
    texts = [
        epochs.curves({"zeta": [0.5, 0.6]}, "zeta"),
        epochs.curves({"loss": [0.5, 0.6]}, "losses"),
    ]
    names = [set(re.findall(r' id="([^"]*)"', text)) for text in texts]
    assert all(names)
    assert not names[0] & names[1]
    for text, own in zip(texts, names, strict=True):
        used = set(re.findall(r'(?:href="|url\()#([^")]*)', text))
        assert used
        assert used <= own


@pytest.mark.once
def test_the_first_line_says_score_interval_and_chance():
    metrics = {"n": 200, "accuracy": 0.9, "confusion": [[90, 10], [10, 90]]}
    # The interval of Clopper and Pearson for 180 of 200.
    assert answer.sentence(metrics, recipes.resolve("planted"), "test") == (
        "90.0 % of 200 test samples are right (95 %: 85.0 to 93.8 %). Always naming "
        "the commonest class gives 50.0 %."
    )
    pixels = {"n": 3, "accuracy": 0.5, "mean_iou": 0.25, "confusion": [[1]]}
    found = answer.sentence(pixels, recipes.get("nyuv2"), "validation")
    assert (
        found
        == "Mean IoU 25.0 %, 50.0 % of the pixels right, on 3 validation pictures."
    )


@pytest.mark.once
def test_each_sample_has_its_true_and_predicted_class(trained):
    opened = open.open_run(trained[0])
    found = report.shown_samples(opened, np.array([0, 5, 9]))
    x = opened.inputs(np.array([0, 5, 9]))
    guesses = opened.model.inference_model().predict(x, verbose=0).argmax(axis=1)
    for row, guess, sample in zip((0, 5, 9), guesses, found, strict=True):
        label = opened.split.y[row]
        assert sample["true"] == opened.recipe.classes[label]
        assert sample["predicted"] == opened.recipe.classes[guess]
        assert sample["right"] == (label == guess)


def test_the_page_has_a_row_a_sample_and_how_it_was_made(page):
    run, out = page
    text = (out / "report.html").read_text()
    assert text.count('<section class="sample">') == 3
    assert text.count(">predicted ") == 3
    assert len(re.findall("<dt>|<td>Command</td>", text)) == 1
    assert f"<td>{run.environment['date']}</td>" in text
    assert "minutes of training" in text


@pytest.mark.once
def test_an_attribute_is_one_of_the_stores(trained, needed, tmp_path):
    arguments = ["--attribute", "sex", "--out", tmp_path]
    told = error_of("report", trained[0], *arguments, code=1)
    assert "must be one of label. Received: sex" in told


@pytest.mark.once
def test_an_attribute_of_the_store_is_probed(trained, needed, tmp_path):
    recipe = Run.open(trained[0]).recipe
    loaded = {
        split: recipes.load_split(recipe, split, limit=64)
        for split in ("train", "validation", "test")
    }
    parts = {
        split: (part.x, part.y, part.samples, {"first": _first_bits(part.y)})
        for split, part in loaded.items()
    }
    store = Store.create(tmp_path / "store", recipe, parts)
    out = tmp_path / "out"
    arguments = ["--store", store.folder, "--attribute", "first", "--out", out]
    result = invoke("report", trained[0], *arguments)
    assert result.exit_code == 0, result.output
    found = json.loads((out / "report.json").read_text())
    assert found["attribute"] == "first"
    assert found["words"] == _first_bits(loaded["test"].y)
    assert found["probes"]["image"]["complementary"]["labels"] == ["one", "zero"]


def _first_bits(labels):
    return [("zero", "one")[label % 2] for label in labels]


@pytest.mark.once
def test_a_missing_package_is_told_in_one_line(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    told = error_of("report", trained[0], code=1)
    assert "needs jinja2" in told
    assert "pip install 'cmvq-keras[report]'" in told


@pytest.mark.once
def test_a_tone_is_heard_again():
    from cmvq_keras.data.datasets import fsdd

    rate, hertz = 8000, 1000
    tone = np.sin(np.arange(8192) * 2 * np.pi * hertz / rate).astype(np.float32)
    mel = fsdd.MEL(tone, (64, 64, 1))
    known = recipes.sounds(recipes.get("av-digits"))["audio"]
    assert known == Spectrogram(8000, 512, 512, 128)
    with wave.open(io.BytesIO(known.to_wav(mel))) as file:
        assert file.getframerate() == rate
        signal = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 29000 < np.abs(signal.astype(int)).max() < 30000
    loudest = np.abs(np.fft.rfft(signal)).argmax() * rate / len(signal)
    # A mel band is some 60 Hz wide there.
    assert abs(loudest - hertz) < 60


@pytest.mark.once
def test_a_figure_of_one_file_is_found_and_stands_in_its_place(tmp_path, monkeypatch):
    code = """
from cmvq_keras.reporting.figures.figure import Figure, Picture

FIGURE = Figure(position=35, draw=lambda opened, analysis, rows: [
    Picture("added", "Added", b"png")
])
"""
    (tmp_path / "added_one.py").write_text(code)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    assert "added-one" in figures.names()
    order = figures.in_order()
    added = order.index(figures.get("added-one"))
    assert order[added - 1] is figures.get("epochs")
    assert order[added + 1] is figures.get("mask")
    monkeypatch.delitem(sys.modules, f"{figures.__name__}.added_one")
    with pytest.raises(ValueError, match=r"Unknown figure maks\. Did you mean mask\?"):
        figures.get("maks")


@pytest.mark.once
def test_every_figure_has_a_line_in_the_docs():
    docs = pathlib.Path(__file__).parents[2] / "docs" / "figures.md"
    text = docs.read_text(encoding="utf-8")
    for name in figures.names():
        assert isinstance(figures.get(name), Figure)
        assert f"figures/{name.replace('-', '_')}" in text


def test_scores_without_each_modality_are_measured_and_not_written(trained):
    opened = open.open_run(trained[0])
    before = opened.run.metrics
    found = analysis.with_missing_modalities(opened, before["test"])
    assert set(found["without"]) == {"image", "audio"}
    assert opened.run.metrics == before
    noted = {name: {"drop": 0.5} for name in ("audio", "image")}
    again = analysis.with_missing_modalities(opened, {"without": noted})
    assert again["without"] == noted


@pytest.mark.once
def test_a_missing_package_is_named_before_keras_is_imported(trained, tmp_path):
    code = """
import sys
sys.modules["jinja2"] = None
from cmvq_keras.cli import main
try:
    main(["report", sys.argv[1]])
except SystemExit as end:
    assert end.code == 1
assert "keras" not in sys.modules
"""
    done = python(code, trained[0], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "needs jinja2" in done.stderr
