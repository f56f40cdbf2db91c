"""Segmentation: IoU from its definition, and a run from official files to metrics."""

import json
import re

import keras
import numpy as np
import pytest
import reference
from command_line import error_of, invoke
from PIL import Image
from tiny_nyuv2 import picture, write_nyuv2

import cmvq_keras as cmvq
from cmvq_keras import metrics, recipes
from cmvq_keras.runs.run import Run
from cmvq_keras.training.callbacks import BestWeights

CLASSES = ("wall", "floor mat", "bed", "sofa", "desk")


def _pixels(generator, count=3):
    """Labels and logits; class 3 is never true, class 4 neither true nor predicted."""
    labels = generator.choice([-1, 0, 1, 2], (count, 6, 5))
    logits = generator.normal(size=(count, 6, 5, 5))
    logits[..., 4] = -9
    return labels, logits


def test_iou_follows_its_definition_over_batches_and_without_void():
    generator = np.random.default_rng(0)
    metric = metrics.IntersectionOverUnion(CLASSES, ignore_class=-1)
    seen, predicted = [], []
    for count in (3, 2):
        labels, logits = _pixels(generator, count)
        metric.update_state(labels, logits.astype(np.float32))
        counted = labels != -1
        seen.append(labels[counted])
        predicted.append(logits.argmax(axis=-1)[counted])
    expected = reference.iou(np.concatenate(seen), np.concatenate(predicted), 5)
    assert np.isnan(expected[4])
    assert expected[3] == 0  # predicted, but never true: it counts as 0
    found = {name: float(value) for name, value in metric.result().items()}
    assert list(found) == ["mean_iou", *(f"{name}_iou" for name in CLASSES)]
    np.testing.assert_allclose(list(found.values())[1:], expected, rtol=1e-6)
    assert found["mean_iou"] == pytest.approx(np.nanmean(expected), rel=1e-6)
    metric.reset_state()
    assert float(metric.result()["mean_iou"]) == 0


def test_a_class_that_is_never_found_counts_and_an_absent_one_does_not():
    metric = metrics.IntersectionOverUnion(CLASSES, ignore_class=-1)
    labels = np.array([[0, 0, 1, -1]])
    logits = np.eye(5, dtype=np.float32)[[[0, 0, 0, 4]]]
    metric.update_state(labels, logits)
    found = metric.result()
    assert float(found["wall_iou"]) == pytest.approx(2 / 3)
    assert float(found["floor mat_iou"]) == 0
    assert np.isnan(float(found["desk_iou"]))
    assert float(found["mean_iou"]) == pytest.approx(1 / 3)


def test_the_metric_survives_its_configuration():
    metric = metrics.IntersectionOverUnion(CLASSES, ignore_class=-1)
    content = json.loads(json.dumps(keras.saving.serialize_keras_object(metric)))
    again = keras.saving.deserialize_keras_object(content)
    assert again.classes == CLASSES
    assert again.ignore_class == -1


def test_the_best_epoch_may_have_the_highest_mean_iou():
    saved = []

    class Recorder:
        def save_weights(self, model):
            saved.append(model)

    best = BestWeights(Recorder(), "mean_iou")
    for epoch, score in enumerate((0.2, 0.4, 0.3)):
        best.on_epoch_end(epoch, {"val_mean_iou": score, "val_task_loss": 1.0 - epoch})
        best.save(model=None, epoch=epoch + 1)
    assert best.best_epoch == 2
    assert len(saved) == 2


def test_mean_iou_chooses_among_epochs_for_segmentation_alone():
    with pytest.raises(ValueError, match="select_by must be accuracy, task_loss"):
        recipes.get("digits").with_settings({"training.select_by": "mean_iou"})
    assert recipes.get("nyuv2").training.select_by == "mean_iou"


SMALL = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.residual_layers": 1,
    "model.embedding_dim": 4,
    "model.num_embeddings": 8,
    "model.grid": 128,
    "training.batch_size": 3,
    "training.epochs": 2,
    "data.validation_share": 0.25,
}


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """The run, the data and the output of a tiny training on official files."""
    root = tmp_path_factory.mktemp("nyuv2")
    write_nyuv2(root / "data")
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    store = ["prepare", "--recipe", "nyuv2", *settings[-1:], "--out", root / "store"]
    result = invoke(*store, "--data-dir", root / "data")
    assert result.exit_code == 0, result.output
    command = ["train", "--recipe", "nyuv2", *settings, "--out", root / "run"]
    result = invoke(*command, "--store", root / "store")
    assert result.exit_code == 0, result.output
    return Run.open(root / "run"), result.output


def test_training_tells_iou_by_epoch_and_class(segmented):
    run, output = segmented
    for title in ("Test pixel accuracy", "Test mean IoU", "Validation mean IoU"):
        assert f"\n{title} " in output
    assert re.search(r"mean IoU [\d.]+ %; validation [\d.]+, [\d.]+ %", output)
    names = run.recipe.classes
    for row in run.history:
        assert 0 <= row["val_mean_iou"] <= 1
        for part in ("", "val_"):
            scores = [row[f"{part}{name}_iou"] for name in names]
            told = [score for score in scores if score is not None]
            assert row[f"{part}mean_iou"] == pytest.approx(np.mean(told), rel=1e-5)
    scores = [row["val_mean_iou"] for row in run.history]
    assert run.metrics["best_epoch"] == 1 + np.argmax(scores)


def test_metrics_hold_iou_as_the_confusion_says(segmented):
    run, _ = segmented
    test = run.metrics["test"]
    confusion = np.array(test["confusion"], np.float64)
    hits = np.diagonal(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    assert test["n"] == 2
    assert test["accuracy"] == pytest.approx(hits.sum() / confusion.sum(), rel=1e-5)
    expected = {
        name: hits[i] / union[i] if union[i] else None
        for i, name in enumerate(run.recipe.classes)
    }
    assert test["iou"] == pytest.approx(expected, rel=1e-5)
    there = [value for value in expected.values() if value is not None]
    assert test["mean_iou"] == pytest.approx(np.mean(there), rel=1e-5)
    assert "macro_f1" not in test
    assert not any(name.endswith("_iou") for name in test if name != "mean_iou")


def test_evaluate_without_a_modality_shows_its_mean_iou(segmented):
    run, _ = segmented
    before = run.metrics
    name = next(iter(run.recipe.modalities))
    result = invoke("evaluate", run.directory, "--without", name)
    assert result.exit_code == 0, result.output
    found = run.metrics["test"]["without"][name]
    assert set(found) == {"accuracy", "mean_iou", "drop", "drop_interval"}
    assert f"{100 * found['mean_iou']:.2f} %" in result.output
    run.write_metrics(before)


def test_evaluate_shows_iou_by_class(segmented):
    run, _ = segmented
    before = run.metrics["test"]
    result = invoke("evaluate", run.directory)
    assert result.exit_code == 0, result.output
    assert f"{100 * before['mean_iou']:.2f} %" in result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert ["Class", "Recall", "IoU"] in lines
    assert ["television", "-", "-"] in lines or before["iou"]["television"] is not None
    assert run.metrics["test"]["iou"] == pytest.approx(before["iou"], rel=1e-5)


def _maps(folder):
    found = {}
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            assert picture.mode == "P"
            found[path.stem] = np.array(picture)
    return found


def test_predict_writes_a_label_map_a_sample(segmented, tmp_path):
    run, _ = segmented
    result = invoke("predict", run.directory, "-o", tmp_path / "maps")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    maps = _maps(tmp_path / "maps")
    assert list(maps) == ["nyuv2_0003", "nyuv2_0006"]
    recipe = run.recipe
    data = recipes.load_split(recipe, "test", run.directory.parent / "data")
    shares = cmvq.predict(run, data.x)
    for sample, expected in zip(data.samples, shares, strict=True):
        found = maps[sample.replace("/", "_")]
        assert found.dtype == np.uint8
        assert np.array_equal(found, expected.argmax(axis=-1))
    # What the run itself scored.
    confusion = np.zeros((40, 40), int)
    for sample, truth in zip(data.samples, data.y, strict=True):
        there = truth >= 0
        found = maps[sample.replace("/", "_")]
        np.add.at(confusion, (truth[there], found[there]), 1)
    assert confusion.tolist() == run.metrics["test"]["confusion"]
    lines = (tmp_path / "maps" / "classes.csv").read_text().splitlines()
    assert lines[0] == "index,class"
    assert lines[1:] == [f"{i},{name}" for i, name in enumerate(recipe.classes)]


def test_predict_writes_label_maps_of_ones_own_files(segmented, tmp_path):
    run, _ = segmented
    color, depth, _ = picture(3)
    Image.fromarray(color).save(tmp_path / "room.png")
    Image.fromarray((depth * 5000).astype(np.uint16)).save(tmp_path / "far.png")
    files = [f"color={tmp_path / 'room.png'}", f"depth={tmp_path / 'far.png'}"]
    inputs = [part for each in files for part in ("--input", each)]
    command = ["predict", run.directory, *inputs, "-o", tmp_path / "maps"]
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    assert [found.shape for found in _maps(tmp_path / "maps").values()] == [(256, 256)]
    assert (tmp_path / "maps" / "room.png").exists()
    told = error_of(*command[:-2], *inputs, *command[-2:], code=2)
    assert "Two samples would be written to room.png" in told


def test_predict_needs_a_folder_for_label_maps(segmented, tmp_path):
    run, _ = segmented
    (tmp_path / "file").touch()
    for option in ((), ("-o", tmp_path / "file")):
        told = error_of("predict", run.directory, *option, code=2)
        assert "-o must name a folder" in told
