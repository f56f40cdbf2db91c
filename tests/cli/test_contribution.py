"""`cmvq contribution`: the same numbers as Python's, and where it writes them."""

import csv
import json

import pytest
from command_line import error_of, invoke

import cmvq_keras as cmvq
from cmvq_keras import recipes
from cmvq_keras.evaluation import decomposition
from cmvq_keras.evaluation.contribution import NOT_TRAINED
from cmvq_keras.runs.run import Run

# The numbers themselves: tests/evaluation/test_contribution.py.
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("contribution")
    files = ("-o", folder / "out.json", "--per-sample", folder / "samples.csv")
    before = (trained[0] / "metrics.json").read_bytes()
    result = invoke("contribution", trained[0], *files)
    assert result.exit_code == 0, result.output
    assert (trained[0] / "metrics.json").read_bytes() == before
    return folder, result.output


def test_the_numbers_are_those_of_the_model_on_the_test_samples(trained, written):
    run = Run.open(trained[0])
    split = recipes.load_split(run.recipe, "test", limit=64)
    found = cmvq.contribution(cmvq.load_model(run), split.x, split.y, batch_size=32)
    (content,) = json.loads((written[0] / "out.json").read_text())["runs"]
    assert content.pop("run") == str(run.directory)
    assert content["accuracy"]["image,audio"] == run.metrics["test"]["accuracy"]
    for part in ("cross_entropy", "accuracy"):
        assert content[part] == pytest.approx(found.as_dict()[part], abs=1e-5)
    assert content["without"] == "model"
    with (written[0] / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sample"] for row in rows] == split.samples.tolist()
    column = [float(row["image: Shapley bits"]) for row in rows]
    assert column == pytest.approx(found.per_sample["shapley"]["image"], abs=1e-4)


def test_tables_and_the_caution_are_shown(trained, written):
    _, output = written
    for line in ("Modality  Bits added", "Known ", "none ", "image,audio "):
        assert f"\n{line}" in output
    assert NOT_TRAINED in output
    assert f"{trained[0]}: 64 samples" in output


def test_several_trainings_have_a_mean_with_its_own_interval(
    trained, written, tmp_path
):
    """Another training in every file but for its weights' names: the same again."""
    other = tmp_path / "again"
    other.mkdir()
    for path in trained[0].iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    result = invoke("contribution", trained[0], other, "-o", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out.json").read_text())
    one, two = content["runs"]
    name = "image: bits added"
    value = one["added"]["image"]["value"]
    assert two["added"]["image"]["value"] == value
    mean = content["over_trainings"][name]
    assert mean["value"] == pytest.approx(value)
    # Trainings that do not differ: an interval of no width, unlike that of samples.
    assert mean["interval"] == pytest.approx([value, value])
    low, high = one["added"]["image"]["interval"]
    assert low < high
    assert "Mean of 2 trainings" in result.output
    assert "over the trainings on the same samples, not over samples" in result.output


def test_modalities_may_be_taken_together(tmp_path):
    words = "train --recipe planted --set data.variant=three --limit 32 --epochs 1"
    result = invoke(*words.split(), "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    options = ("--group", "av=image, audio", "-o", tmp_path / "out.json")
    result = invoke("contribution", tmp_path / "run", *options)
    assert result.exit_code == 0, result.output
    (content,) = json.loads((tmp_path / "out.json").read_text())["runs"]
    assert content["modalities"] == ["av", "text"]
    both = ("--group", "a=image,audio", "--group", "b=audio,text")
    told = error_of("contribution", tmp_path / "run", *both, code=1)
    assert "must name each input once" in told
    told = error_of("contribution", tmp_path / "run", "--group", "a=imgae", code=1)
    assert "Did you mean image" in told


def test_batches_are_decomposed_without_the_solver(trained, tmp_path, monkeypatch):
    def missing():
        raise ImportError("the extra decomposition is not installed")

    monkeypatch.setattr(decomposition, "solver", missing)
    options = ("--decomposition", "batches", "-o", tmp_path / "out.json")
    result = invoke("contribution", trained[0], *options)
    assert result.exit_code == 0, result.output
    run = Run.open(trained[0])
    split = recipes.load_split(run.recipe, "test", limit=64)
    found = cmvq.contribution(
        cmvq.load_model(run), split.x, split.y, decomposition="batches", batch_size=32
    )
    (content,) = json.loads((tmp_path / "out.json").read_text())["runs"]
    parts = content["decomposition"]
    assert (parts["kind"], parts["batches"], parts["cells"]) == ("batches", 4, None)
    expected = found.decomposition
    assert set(parts["unique"]) == {"image", "audio"}
    for name in ("redundant", "synergistic"):
        value = getattr(expected, name).value
        assert parts[name]["value"] == pytest.approx(value, abs=1e-4)
    for name, estimate in expected.unique.items():
        value = parts["unique"][name]["value"]
        assert value == pytest.approx(estimate.value, abs=1e-4)
    assert "posteriors as they are, in 4 batches" in result.output
    assert "\nsynergistic " in result.output


def test_measures_of_related_work_are_shown_on_request(trained, tmp_path):
    options = ("--related", "-o", tmp_path / "out.json")
    result = invoke("contribution", trained[0], *options)
    assert result.exit_code == 0, result.output
    (content,) = json.loads((tmp_path / "out.json").read_text())["runs"]
    assert set(content["related"]) == {
        "discrepancy_ratio",
        "prototype_ratio",
        "gradient_norm",
        "overfitting_to_generalization",
    }
    ratio = content["related"]["discrepancy_ratio"]
    assert ratio["image"] * ratio["audio"] == pytest.approx(1)
    shown = next(line for line in result.output.splitlines() if "Discrepancy" in line)
    assert "Gradient norm" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cells", "3"), "--cells needs --decomposition posteriors"),
        (("--decomposition", "posterior"), "Did you mean posteriors"),
        (("--group", "a=image", "--group", "a=audio"), "must give each NAME once"),
        (("--store", "a", "--data-dir", "b"), "only one of --store and --data-dir"),
    ],
)
def test_options_that_do_not_fit_are_refused(trained, options, message):
    assert message in error_of("contribution", trained[0], *options, code=2)


def test_a_run_is_named_once_and_single_samples_are_of_one_run(trained):
    told = error_of("contribution", trained[0], trained[0], code=2)
    assert "Name each RUN once" in told
    both = (trained[0], trained[0], "--per-sample", "samples.csv")
    assert "--per-sample needs exactly one RUN" in error_of(
        "contribution", *both, code=2
    )
