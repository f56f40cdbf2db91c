"""Comparisons without a training: plan, statistics, tables, pictures, the folder."""

import csv
import dataclasses
import io
import json
import os
import types

import fake_study
import numpy as np
import pytest
import tiny_sources
from command_line import error_of, invoke
from PIL import Image

from cmvq_keras import methods, recipes
from cmvq_keras.data.split import Split
from cmvq_keras.experiments import (
    api,
    outcomes,
    plan,
    plot,
    runner,
    sample_check,
    statistics,
    table_content,
    tables,
    trial,
)
from cmvq_keras.experiments import study as studies
from cmvq_keras.metrics import IntersectionOverUnion, MacroF1
from cmvq_keras.runs import stores
from cmvq_keras.runs.data_source import DataSource

pytestmark = pytest.mark.once

PLANTED = recipes.resolve("planted")
ALL, _ = plan.of_methods(PLANTED, ["unimodal", "random-mask", "ours"])


# Plan


def test_every_variant_gets_its_first_seed_before_any_gets_its_second():
    planned = plan.order(ALL, range(3, 5))
    labels = ["image-alone", "audio-alone", "random-mask", "ours"]
    assert [(each.variant.label, each.seed) for each in planned] == [
        (label, seed) for seed in (3, 4) for label in labels
    ]
    assert [each.recipe.training.seed for each in planned] == [3] * 4 + [4] * 4
    assert planned[0].folder("out").parts == ("out", "image-alone", "seed-3")


def test_all_methods_begin_with_each_modality_alone_and_end_with_ours():
    variants, left = plan.of_methods(PLANTED, "all")
    assert {each.method for each in variants} | {each["method"] for each in left} == (
        set(methods.names())
    )
    labels = [variant.label for variant in variants]
    first = ["image-alone", "audio-alone", "ensemble", "all-features"]
    assert labels[:4] == first
    assert labels[-1] == "ours"
    assert len(set(labels)) == len(labels)
    titles = {variant.label: variant.title for variant in variants}
    assert titles["image-alone"] == "image alone"
    assert titles["random-mask"] == "random mask"


def test_without_names_it_is_the_standard_comparison(monkeypatch):
    monkeypatch.setattr(plan, "_has_sklearn", lambda: True)
    variants, left = plan.of_methods(PLANTED)
    assert [each.label for each in variants if each.method != "kernel-ridge"] == [
        "image-alone",
        "audio-alone",
        "ensemble",
        "all-features",
        "ours",
    ]
    assert [each.method for each in variants][-2:] == ["kernel-ridge", "ours"]
    assert left == []
    monkeypatch.setattr(plan, "_has_sklearn", lambda: False)
    variants, (left,) = plan.of_methods(PLANTED)
    assert "kernel-ridge" not in [each.method for each in variants]
    assert left["method"] == "kernel-ridge"
    assert "pip install" in left["reason"]
    # Whoever names it is told so when it is trained.
    variants, _ = plan.of_methods(PLANTED, ["kernel-ridge"])
    assert {each.method for each in variants} == {"kernel-ridge"}


def test_all_stands_alone(tmp_path):
    told = r"all stands for every method: .* Received: ours, all"
    with pytest.raises(ValueError, match=told):
        plan.of_methods(PLANTED, ["ours", "all"])
    words = ("--recipe", "planted", "--out", tmp_path / "out")
    line = error_of("compare", *words, "--methods", "all,ours", code=1)
    assert "Received: all, ours" in line


def test_a_method_that_does_not_apply_is_left_out_with_its_reason():
    alone = PLANTED.with_modality("image")
    variants, left = plan.of_methods(alone, ["unimodal", "ours"])
    assert [variant.label for variant in variants] == ["ours"]
    assert left[0]["method"] == "unimodal"
    assert "two modalities" in left[0]["reason"]
    with pytest.raises(ValueError, match="No method applies to planted: unimodal"):
        api.compare(alone, ["unimodal"], out="nowhere")


def test_a_sweep_has_every_combination_once():
    over = {"model.threshold": ["1e-3", "0.001", "0.02"], "model.decay": ["none"]}
    variants = plan.of_settings(PLANTED, over)
    assert [variant.label for variant in variants] == [
        "model.threshold=0.001,model.decay=none",
        "model.threshold=0.02,model.decay=none",
    ]
    assert variants[0].title == "0.001, none"
    assert variants[1].recipe.model.threshold == 0.02
    assert variants[1].recipe.model.decay is None


def test_a_sweep_over_the_data_changes_the_modalities():
    two, three = plan.of_settings(PLANTED, {"data.variant": ["balanced", "three"]})
    assert list(two.full.modalities) == ["image", "audio"]
    assert list(three.full.modalities) == ["image", "audio", "text"]


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"model.treshold": ["1"]}, "Did you mean model.threshold"),
        ({"model.dropout": ["0.1", "2"]}, "model.dropout must be in"),
        ({"training.seed": ["0"]}, "--seeds says how many"),
        ({"data.variant": ["../x"]}, "Unknown data.variant"),
    ],
)
def test_a_sweep_over_what_is_not_there_is_told(over, told):
    with pytest.raises(ValueError, match=told):
        plan.of_settings(PLANTED, over)


@pytest.mark.parametrize("label", ["..", "../up", "a/b", "", ".hidden", "a b"])
def test_a_label_that_leads_out_of_the_folder_is_refused(label):
    with pytest.raises(ValueError, match="to name a folder"):
        dataclasses.replace(ALL[0], label=label)


def test_what_a_sweep_is_compared_with_are_the_recipes_own_values():
    over = {"model.threshold": [0.001, 0.005]}
    variants = plan.of_settings(PLANTED, over)
    assert plan.reference(variants, PLANTED) == "model.threshold=0.005"
    assert plan.reference(variants[:1], PLANTED) is None
    assert plan.reference(ALL, PLANTED) == "ours"
    assert plan.reference(ALL[:3], PLANTED) is None


def test_what_differs_from_the_preset_is_told_once():
    assert plan.changed(PLANTED) == []
    settings = {"data.variant": "three", "model.decay": "none", "training.epochs": 1}
    assert plan.changed(recipes.resolve(PLANTED.with_settings(settings))) == [
        "model.decay=none",
        "data.variant=three",
    ]


# Samples


def test_a_modality_alone_is_measured_on_the_samples_of_the_pairs(tmp_path):
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_svhn(tmp_path)
    full = recipes.resolve("digits")
    alone = recipes.resolve(full, modality="svhn")
    of_pairs, about = sample_check.load(full, full, DataSource(tmp_path))
    split, same = sample_check.load(full, alone, DataSource(tmp_path))
    own = recipes.load_split(alone, "test", tmp_path)
    assert same == about
    assert (about.n, about.size, about.left_out) == (30, 30, 0)
    assert len(own) == 10
    np.testing.assert_array_equal(split.y, of_pairs.y)
    np.testing.assert_array_equal(split.x["svhn"][:], of_pairs.x["svhn"][:])


def test_the_limit_is_counted(tmp_path):
    nine = {"training.limit": 9}
    limited = recipes.resolve(PLANTED.with_settings(nine))
    _, about = sample_check.load(limited, limited, DataSource())
    assert (about.n, about.size, about.store) == (9, 2048, None)
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_svhn(tmp_path)
    limited = recipes.resolve(recipes.get("digits").with_settings(nine))
    _, about = sample_check.load(limited, limited, DataSource(tmp_path))
    # How many there would be, the store that was made for it does not know.
    assert (about.n, about.size) == (9, None)
    for size in (None, 9):
        noted = dataclasses.asdict(dataclasses.replace(about, size=size))
        assert table_content._split(noted, 9) == "test, n = 9, the first ones (limit)"


def test_a_store_of_pairs_has_no_modality_alone(tmp_path):
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_svhn(tmp_path)
    full = recipes.resolve("digits")
    store = stores.prepare(full, tmp_path, out=tmp_path / "store")
    variants, _ = plan.of_methods(full, ["unimodal", "ours"])
    fitting, left = api._fitting(variants, store, full)
    assert [variant.label for variant in fitting] == ["ours"]
    assert [each["title"] for each in left] == ["mnist alone", "svhn alone"]
    assert {each["method"] for each in left} == {"unimodal"}
    assert str(tmp_path) not in left[0]["reason"]
    assert "--data-dir" in left[0]["reason"]


def test_other_counts_than_the_manifests_are_an_error(tmp_path, monkeypatch):
    tiny_sources.write_mnist(tmp_path)
    tiny_sources.write_svhn(tmp_path)
    full = recipes.resolve("digits")
    load = recipes.load_split

    def short(*arguments):
        split = load(*arguments)
        x = {name: values[:29] for name, values in split.x.items()}
        return Split(x, split.y[:29], split.samples[:29])

    monkeypatch.setattr(recipes, "load_split", short)
    with pytest.raises(
        sample_check.WrongSamplesError, match=r"30 samples.*Received: 29"
    ):
        sample_check.load(full, full, DataSource(tmp_path))


def test_the_checksum_is_of_names_labels_and_order():
    split = Split({}, np.array([0, 1], np.int32), np.array(["a", "b"]))
    turned = Split({}, np.array([1, 0], np.int32), np.array(["b", "a"]))
    other = dataclasses.replace(split, y=np.array([0, 2], np.int32))
    found = {sample_check.checksum(each) for each in (split, turned, other)}
    assert len(found) == 3


# Outcomes


def test_scores_are_keras_own(tmp_path):
    pairs = fake_study.answers(0.4, 200, seed=1)
    pairs = pairs[pairs[:, 0] != 5]
    found = outcomes.Answers(pairs, 8)
    logits = np.eye(8, dtype=np.float32)[pairs[:, 1]]
    metric = MacroF1(8)
    metric.update_state(pairs[:, 0], logits)
    assert found.second() == pytest.approx(float(metric.result()), abs=1e-6)
    (score,) = found.scores(np.ones((1, len(pairs)), int))
    assert score == pytest.approx(np.mean(pairs[:, 0] == pairs[:, 1]))


def test_the_confusions_of_pixels_give_keras_own_mean_iou():
    classes = tuple("abcd")
    recipe = types.SimpleNamespace(task="segmentation", outputs=classes)
    generator = np.random.default_rng(2)
    labels = generator.integers(-1, 3, (6, 5, 4)).astype(np.int32)
    predicted = generator.integers(0, 3, (6, 5, 4))
    found = outcomes.Confusions(outcomes.of_batch(labels, predicted, recipe), 4)
    draws = generator.integers(6, size=(3, 6))
    counts = np.stack([np.bincount(draw, minlength=6) for draw in draws])
    for draw, score in zip(draws, found.scores(counts), strict=True):
        metric = IntersectionOverUnion(classes, ignore_class=-1)
        logits = np.eye(4, dtype=np.float32)[predicted[draw]]
        metric.update_state(labels[draw], logits)
        assert score == pytest.approx(float(metric.result()["mean_iou"]), abs=1e-6)
    counted = labels != -1
    right = np.mean(labels[counted] == predicted[counted])
    assert found.second() == pytest.approx(right)


def test_outcomes_are_read_back_and_damage_is_told(tmp_path):
    pairs = fake_study.answers(0.5, 20, seed=1)
    outcomes.write(tmp_path, pairs, PLANTED)
    found = outcomes.read(tmp_path, PLANTED, 20)
    np.testing.assert_array_equal(found.values, pairs)
    with pytest.raises(ValueError, match=r"predictions\.npy"):
        outcomes.read(tmp_path, PLANTED, 21)
    path = tmp_path / outcomes.PREDICTIONS
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"predictions\.npy"):
        outcomes.read(tmp_path, PLANTED, 20)


# Statistics


def _hits(values):
    """Answers that are right where `values` is."""
    values = np.asarray(values, int)
    return outcomes.Answers(np.stack([np.ones_like(values), values], axis=1), 2)


def _simulated(generator, seeds, n, between_seeds, between_samples):
    """Trials of one method: seeds and samples that are better or worse."""
    hard = between_samples * generator.normal(size=n)
    found = {}
    for seed in range(seeds):
        own = between_seeds * generator.normal() + generator.normal(size=n)
        found[seed] = _hits(1 + own + hard > 0)
    return found


def test_the_drawn_scores_are_those_of_a_plain_bootstrap():
    """Samples drawn one by one, independently of the code that counts them."""
    hits = np.random.default_rng(0).random((2, 40)) < 0.7
    found = statistics.drawn_scores({0: _hits(hits[0]), 1: _hits(hits[1])}, 60)
    generator = np.random.default_rng([0, 0])
    expected = []
    for size in (50, 10):
        for draw in generator.integers(40, size=(size, 40)):
            expected.append([np.mean([row[i] for i in draw]) for row in hits])
    np.testing.assert_allclose(
        np.stack([found[0], found[1]], axis=1), expected, atol=1e-7
    )


def test_the_interval_over_seeds_has_the_width_of_the_standard_error():
    """Of the mean of k seeds: their deviation by the square root of k."""
    values = np.random.default_rng(5).normal(size=40)
    low, high = statistics.interval_over_seeds(values)
    error = values.std(ddof=1) / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.06)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.3 * error)
    assert statistics.interval_over_seeds([1.0]) is None


def test_one_seed_less_is_drawn_than_there_are():
    # Of three draws from 0, 0, 0, 1 two or more are 1 in 15.6 % of the cases, all three
    # in 1.6 %; of four draws three or more are in 5.1 %.
    low, high = statistics.interval_over_seeds([0.0, 0.0, 0.0, 1.0])
    assert (low, high) == (0.0, pytest.approx(2 / 3))


def test_the_interval_of_one_seed_is_that_of_the_samples():
    hits = np.arange(400) < 280
    drawn = statistics.drawn_scores({0: _hits(hits)})
    low, high = statistics.interval(drawn[0][None])
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.7 * 0.3 / 400), rel=0.08)


@pytest.mark.parametrize(
    ("between_seeds", "between_samples", "n"), [(0.1, 1.0, 200), (0.3, 1.0, 1000)]
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    between_seeds, between_samples, n
):
    from scipy.stats import norm

    generator = np.random.default_rng(7)
    spread = np.sqrt(1 + between_seeds**2 + between_samples**2)
    truth = norm.cdf(1 / spread)
    covered = 0
    for _ in range(150):
        trials_ = _simulated(generator, 5, n, between_seeds, between_samples)
        drawn = statistics.drawn_scores(trials_, 200)
        low, high = statistics.interval(np.stack(list(drawn.values())))
        covered += low <= truth <= high
    assert 0.82 <= covered / 150 <= 1


def test_pairs_make_the_interval_of_a_difference_narrow():
    generator = np.random.default_rng(3)
    hard = 3 * generator.normal(size=500)
    found = {
        (name, seed): _hits(shift + hard + 0.3 * generator.normal(size=500) > 0)
        for name, shift in (("a", 1.0), ("b", 1.3))
        for seed in range(5)
    }
    drawn = statistics.drawn_scores(found)
    a, b = (np.stack([drawn[name, seed] for seed in range(5)]) for name in "ab")
    low, high = statistics.interval(b - a)
    alone = [high - low for low, high in map(statistics.interval, (a, b))]
    assert high - low < 0.6 * np.hypot(*alone)
    assert low > 0


# Rows and tables


@pytest.fixture
def study(tmp_path):
    """Four rows with two seeds, one of which failed once."""
    left = [{"method": "x", "title": "the x", "reason": "a|b <c>"}]
    found = fake_study.study(tmp_path / "study", ALL, left=left)
    for index, variant in enumerate(ALL):
        for seed in range(2):
            if (index, seed) == (2, 1):
                fake_study.fail(found, variant.label, 1, "Training diverged: 1 % of x")
                continue
            pairs = fake_study.answers(0.5 + 0.1 * index, 100, 10 * index + seed)
            compl = {"audio": 10.0 + seed, "image": 20.0}
            compl = (
                {variant.label.removesuffix("-alone"): 100.0} if index < 2 else compl
            )
            zeta = None if index == 2 else 0.5
            added = {}
            if variant.label == "ours":
                without = {"audio": 0.25 + 0.5 * seed, "image": 0.75}
                added = {"without": without, "bits": {"image": 1.5, "audio": 0.25}}
            fake_study.finish(found, variant.label, seed, pairs, compl, zeta, **added)
    return found


def test_rows_hold_the_numbers_of_their_seeds(study):
    image, audio, mask, ours = table_content.of_study(study)
    assert [row.seeds for row in (image, audio, mask, ours)] == [
        (0, 1),
        (0, 1),
        (0,),
        (0, 1),
    ]
    pairs = [fake_study.answers(0.8, 100, 30 + seed) for seed in range(2)]
    scores = [np.mean(each[:, 0] == each[:, 1]) for each in pairs]
    assert ours.score.mean == pytest.approx(np.mean(scores))
    assert ours.score.deviation == pytest.approx(np.std(scores, ddof=1))
    low, high = ours.score.interval
    assert low < min(scores) < max(scores) < high
    assert ours.compl["audio"].mean == 10.5
    assert ours.difference is None
    assert mask.score.deviation is None
    assert mask.zeta == {}
    assert list(ours.compl) == ["image", "audio"]
    assert ours.without["audio"].mean == 0.5
    assert ours.bits["image"].mean == 1.5
    # As version 0.1.0 wrote them.
    assert image.without == image.bits == {}


def test_a_method_without_a_mask_has_no_compl_and_no_zeta(tmp_path):
    variants, _ = plan.of_methods(recipes.get("planted"), ["no-mask", "ours"])
    found = fake_study.study(tmp_path / "study", variants)
    pairs = fake_study.answers(0.5, 100, 0)
    for variant in variants:
        compl = {"image": 50.0, "audio": 50.0}
        fake_study.finish(found, variant.label, 0, pairs, compl, 1.0)
    unmasked, ours = table_content.of_study(found)
    assert unmasked.compl == unmasked.zeta == {}
    assert ours.zeta[""].mean == 1.0
    *_, made = tables.columns(found, [unmasked, ours])
    assert dict(made)["zeta"] == ["-", "1.00"]


@pytest.mark.parametrize("method", ["no-mask", "all-features", "late-fusion", "ogm-ge"])
def test_a_method_without_a_mask_has_no_complementarity(tmp_path, method):
    variants, _ = plan.of_methods(PLANTED, [method, "random-mask"])
    found = fake_study.study(tmp_path / "study", variants)
    for variant in variants:
        pairs = fake_study.answers(0.5, 100, 1)
        fake_study.finish(
            found, variant.label, 0, pairs, {"audio": 50.0, "image": 50.0}, 1.0
        )
    row, random = table_content.of_study(found)
    assert (row.label, row.compl, row.zeta) == (method, {}, {})
    assert random.compl["audio"].mean == 50.0
    tables.write_trials(found)
    with (found.out / "trials.csv").open(newline="") as file:
        line, _ = csv.DictReader(file)
    assert (line["compl_audio"], line["zeta"]) == ("", "")
    assert line["accuracy"]


def test_the_difference_is_one_of_the_same_seeds(study):
    _, _, mask, ours = table_content.of_study(study)
    assert mask.difference.mean == pytest.approx(mask.scores[0] - ours.scores[0])


def test_there_is_no_difference_on_other_samples(study):
    path = plan.folder(study.out, "image-alone", 0) / trial.FINISHED
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "samples": "cd" * 32}))
    image, audio, *_ = table_content.of_study(study)
    assert image.difference is None
    assert audio.difference is not None


CELLS = {
    "method": "image alone",
    "seeds": "3",
    "accuracy (%)": "56.00 ± 4.24",
    "95 % interval": "44.00 to 69.05",
    "difference to ours": "-21.00 (-36.00 to +4.00)",
    "macro-F1 (%)": "55.10",
    "without audio (%)": "40.00",
    "bits image": "1.50 ± 0.10",
    "compl image (%)": "100.0 ± 0.0",
    "zeta": "-",
    "parameters": "90,194",
    "seconds": "75 ± 10",
}


def test_a_row_is_written_with_its_numbers_rounded(study):
    row = table_content.Row(
        label="image-alone",
        title="image alone",
        values={},
        seeds=(0, 1, 2),
        n=100,
        score=table_content.Number(0.56, 0.0424, (0.44, 0.69049)),
        second=table_content.Number(0.551),
        difference=table_content.Number(-0.21, 0.1, (-0.36, 0.04)),
        compl={"image": table_content.Number(100.0, 0.0, (100.0, 100.0))},
        without={"audio": table_content.Number(0.4)},
        bits={"image": table_content.Number(1.5, 0.1)},
        parameters=90194,
        seconds=table_content.Number(74.6, 9.9),
    )
    other = table_content.Row(
        "ours", "ours", {}, (), zeta={"": table_content.Number(0.5)}
    )
    parts = tables.columns(study, [row, other])
    text = tables.markdown(tables.Table([row, other], *parts, [], []))
    header, line, found, _ = text.splitlines()
    assert header == f"| {' | '.join(CELLS)} |"
    assert line == "|" + "---|" * len(CELLS)
    assert found == f"| {' | '.join(CELLS.values())} |"


def test_the_foot_says_what_the_numbers_depend_on(study):
    text = tables.markdown(tables.of_study(study))
    lines = text.splitlines()
    assert "- the x (x) does not apply: a\\|b &lt;c>" in lines
    assert "- random-mask, seed 1, failed: Training diverged: 1 % of x" in lines
    assert "- Recipe: planted (image and audio), preset default" in lines
    assert "- Seeds: 0, 1; random mask lacks 1" in lines
    assert "- Backend: torch on cpu" in lines
    assert "- Split: test, n = 100 of 2,048; the first ones (limit)" in lines
    assert f"- Samples: SHA-256 of names and labels {'ab' * 32}" in lines
    assert "- Data: not from a store; its settings: variant=balanced seed=0" in lines
    assert "- Epochs: 8; the best one on validation data, by accuracy" in lines
    assert "- Versions: cmvq-keras 0.1.0, keras 3.15.1" in lines


def test_latex_is_escaped(study):
    text = tables.latex(tables.of_study(study))
    assert r"accuracy (\%)" in text
    assert r"$\pm$" in text
    assert text.count(r"\\") == 5
    comments, _, body = text.partition(r"\begin")
    assert "±" not in body
    assert all(line.startswith("% ") for line in comments.splitlines())


def test_csv_holds_plain_numbers(study):
    tables.write(study, tables.of_study(study))
    with (study.out / "table.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    ours = table_content.of_study(study)[-1]
    assert float(found[-1]["accuracy"]) == ours.score.mean
    assert float(found[-1]["accuracy_low"]) == ours.score.interval[0]
    assert found[-1]["difference"] == ""
    assert found[-1]["seeds"] == "0 1"
    with (study.out / "trials.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 8
    (failed,) = (line for line in found if line["failure"])
    assert (failed["label"], failed["seed"]) == ("random-mask", "1")
    assert failed["accuracy"] == ""


def test_the_tables_are_written_without_a_recipe(study):
    result = invoke("compare", "--table-only", "--out", study.out)
    assert result.exit_code == 0, result.output
    names = {path.name for path in study.out.iterdir() if path.is_file()}
    assert {"table.csv", "table.md", "table.tex", "trials.csv"} <= names
    assert "\nours         2 " in result.output
    told = error_of("sweep", "--table-only", "--out", study.out, code=1)
    assert "was made by cmvq compare" in told


def test_without_matplotlib_the_tables_still_come(study, monkeypatch):
    def missing(*_):
        raise ImportError("This needs matplotlib")

    monkeypatch.setattr(plot, "draw", missing)
    result = invoke("compare", "--table-only", "--out", study.out)
    assert result.exit_code == 0, result.output
    assert "No plot: This needs matplotlib" in result.stderr
    assert not (study.out / "table.png").exists()
    assert (study.out / "table.md").exists()


def test_a_comparison_without_a_finished_trial_is_told(tmp_path):
    study = fake_study.study(tmp_path / "s", ALL[:1])
    result = invoke("compare", "--table-only", "--out", study.out)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Not trained yet: image alone",
        f"Error: No training has finished in {study.out}.",
    ]


# Pictures


def _drawn(content):
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    assert np.ptp(picture) > 100
    return picture.shape


def test_the_picture_of_a_comparison_grows_with_its_rows(study):
    pytest.importorskip("matplotlib")
    found = table_content.of_study(study)
    assert _drawn(plot.draw(study, found))[0] > _drawn(plot.draw(study, found[:2]))[0]


@pytest.mark.parametrize(
    "over",
    [
        {"model.threshold": [0, 0.001, 0.05]},
        {"model.threshold": [0.001, 0.002], "model.decay": ["none", "0.9"]},
        {"model.mask_mode": ["binary", "ternary"]},
        {"model.mask_start": [-1.0, 1.0]},
    ],
)
def test_a_sweep_is_drawn_whatever_its_values_are(tmp_path, over):
    pytest.importorskip("matplotlib")
    variants = plan.of_settings(PLANTED, over)
    study = fake_study.study(tmp_path / "s", variants, studies.SWEEP)
    for index, variant in enumerate(variants):
        pairs = fake_study.answers(0.5, 50, index)
        fake_study.finish(study, variant.label, 0, pairs, {"image": 20.0}, 0.5)
    _drawn(plot.draw(study, table_content.of_study(study)))


def test_an_axis_is_logarithmic_where_the_values_span_decades():
    assert plot._axis([0.001, 0.05])[0] == "log"
    assert plot._axis([0, 0.001, 0.05])[0] == "symlog"
    assert plot._axis([1, 2, 3])[0] == "linear"
    # Where values would overlap: these, but not those of even steps.
    assert plot._axis([0.005, 0.01, 0.05])[0] == "log"
    assert plot._axis(list(range(1, 11)))[0] == "linear"
    assert plot._axis([-1, 0.01, 1])[0] == "linear"
    assert plot._axis(["a", "b"]) == ("names", {"a": 0, "b": 1})


# The folder


def _again(study, recipe=PLANTED, variants=ALL, kind=studies.COMPARE, backend="torch"):
    return studies.begin(study.out, kind, recipe, backend, variants)


def test_further_methods_come_before_those_that_are_there(study):
    variants, _ = plan.of_methods(PLANTED, ["ours", "gated-attention"])
    found = _again(study, variants=variants)
    assert [row["label"] for row in found.rows] == [
        "ours",
        "gated-attention",
        "image-alone",
        "audio-alone",
        "random-mask",
    ]
    assert found.tests == studies.read(study.out).tests
    assert found.reference == "ours"
    assert found.left[0]["method"] == "x"


def test_a_comparison_of_more_methods_goes_on_with_the_standard_ones(study):
    variants, _ = plan.of_methods(PLANTED)
    found = _again(study, variants=variants)
    labels = [row["label"] for row in found.rows]
    assert labels == [*(each.label for each in variants), "random-mask"]
    assert found.results() == [
        *(each for each in study.results() if each.label != "random-mask"),
        *(each for each in study.results() if each.label == "random-mask"),
    ]


def test_a_method_that_applies_by_now_is_left_out_no_more(tmp_path):
    left = [{"method": "unimodal", "title": "image alone", "reason": "no data"}]
    found = fake_study.study(tmp_path / "s", ALL[2:], left=left)
    assert _again(found, variants=ALL[2:]).left == left
    assert _again(found).left == []


def test_what_is_read_is_what_was_written(study):
    assert studies.read(study.out) == study


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"training.epochs": 9}, "training.epochs is 8"),
        ({"data.seed": 1}, "data.seed is 0"),
        ({"model.decay": "none"}, "model.decay is 0.99"),
    ],
)
def test_other_settings_are_refused_in_one_line(study, settings, told):
    with pytest.raises(ValueError, match=told) as caught:
        _again(study, PLANTED.with_settings(settings))
    assert len(str(caught.value).splitlines()) == 1


def test_how_often_it_is_validated_counts_only_where_an_epoch_is_chosen(tmp_path):
    digits = recipes.resolve("digits")
    variants, _ = plan.of_methods(digits, ["ours"])
    found = fake_study.study(tmp_path / "s", variants, recipe="digits")
    often = {"training.validation_every": 5}
    assert _again(found, digits.with_settings(often), variants).rows == found.rows
    chosen = digits.with_settings({"training.select_by": "accuracy"})
    found = fake_study.study(tmp_path / "chosen", variants, recipe=chosen)
    with pytest.raises(ValueError, match=r"there training\.validation_every is 1"):
        _again(found, chosen.with_settings(often), variants)


def test_another_recipe_backend_or_kind_is_refused(study):
    with pytest.raises(ValueError, match="backend is torch"):
        _again(study, backend="jax")
    with pytest.raises(ValueError, match="kind is compare"):
        _again(study, kind=studies.SWEEP)
    with pytest.raises(ValueError, match="name is planted"):
        _again(study, recipes.get("digits"))
    with pytest.raises(ValueError, match="modalities is image and audio"):
        _again(study, PLANTED.with_modality("image"))


def test_the_seed_of_the_recipe_does_not_count(study):
    _again(study, PLANTED.with_settings({"training.seed": 5}))


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(FileExistsError, match="not of a comparison"):
        studies.begin(tmp_path, studies.COMPARE, PLANTED, "torch", ALL)
    with pytest.raises(FileNotFoundError, match="holds no comparison"):
        studies.read(tmp_path)


@pytest.mark.parametrize("damage", ["{", '{"format": 2}', "[]", '{"format": 1}'])
def test_a_damaged_note_is_told(study, damage):
    study.path.write_text(damage)
    with pytest.raises(ValueError, match=r"comparison\.json"):
        studies.read(study.out)


def test_a_label_in_a_changed_note_leads_nowhere(study):
    content = json.loads(study.path.read_text())
    content["rows"][0]["label"] = "../../secrets"
    study.path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"comparison\.json"):
        studies.read(study.out)


def test_other_test_samples_are_refused(study):
    with pytest.raises(sample_check.WrongSamplesError, match="n differ"):
        study.note_test("ours", fake_study.about(99))


def test_a_store_that_was_made_again_is_taken(study):
    noted = fake_study.about(100)
    study.note_test("ours", dataclasses.replace(noted, store="ef" * 32, size=None))


def test_a_second_process_is_kept_out(study):
    told = rf"Another process \(id {os.getpid()}\) is using"
    other = studies.read(study.out)
    with study.lock(), pytest.raises(FileExistsError, match=told), other.lock():
        pytest.fail("both hold it")


def test_a_damaged_trial_is_told(study):
    path = plan.folder(study.out, "ours", 0) / trial.FINISHED
    path.write_text(json.dumps({**json.loads(path.read_text()), "score": "high"}))
    with pytest.raises(ValueError, match=r"trial\.json.*score must be a number"):
        study.results()


@pytest.mark.parametrize("content", ["{}", '{"reason": [1]}'])
def test_a_failure_of_another_form_is_told_with_its_file(study, content):
    folder = plan.folder(study.out, "ours", 0)
    (folder / trial.FINISHED).unlink()
    (folder / trial.FAILED).write_text(content)
    with pytest.raises(ValueError, match=r"failed\.json.*reason must be a text"):
        study.results()


@pytest.mark.parametrize(
    "name", ["score", "n", "compl", "zeta", "samples", "store", "versions", "devices"]
)
@pytest.mark.parametrize("value", ["absent", "true"])
def test_a_trial_of_another_form_is_told_with_its_file(study, name, value):
    path = plan.folder(study.out, "ours", 0) / trial.FINISHED
    content = json.loads(path.read_text())
    if value == "absent":
        del content[name]
    else:
        content[name] = True
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"trial\.json.*{name} (is missing|must be)"):
        study.results()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", [{"label": "ours"}]),
        ("rows", "ours"),
        ("left", [{"method": 1}]),
        ("tests", {"ours": {}}),
        ("tests", {"ours": None}),
        ("tests", ["ours"]),
        ("over", [1]),
        ("reference", 3),
        ("changed", None),
    ],
)
def test_a_comparison_of_another_form_is_told_with_its_file(study, name, value):
    content = json.loads(study.path.read_text())
    study.path.write_text(json.dumps({**content, name: value}))
    with pytest.raises(ValueError, match=rf"comparison\.json.*{name}") as caught:
        studies.read(study.out)
    assert "\n" not in str(caught.value)


# Progress


def test_the_time_left_is_the_usual_one_of_each_method():
    planned = plan.order(ALL, range(2))
    found = dict.fromkeys(planned)
    assert runner.seconds_left(planned, found) is None
    for each, seconds in zip(planned[:3], (10.0, 20.0, 60.0), strict=True):
        found[each] = trial.Result(each.variant.label, 0, None, {"seconds": seconds})
    # ours twice at the mean of the others, and the second seed of those.
    assert runner.seconds_left(planned, found) == pytest.approx(2 * 30 + 90)
