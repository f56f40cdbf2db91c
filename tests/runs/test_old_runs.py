"""Run folders that earlier versions left, in tests/fixtures: this one reads them.

A new format of the folder gets a new fixture; the old ones stay.
"""

import json
import pathlib
import shutil

import h5py
import keras
import numpy as np
import pytest
from command_line import error_of
from tiny_model import tiny_data

import cmvq_keras as cmvq
from cmvq_keras.errors import DivergedError
from cmvq_keras.runs import checkpoint
from cmvq_keras.runs.run import Run

FIXTURES = sorted((pathlib.Path(__file__).parents[1] / "fixtures").glob("run-*"))


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def folder(request, tmp_path):
    return pathlib.Path(shutil.copytree(request.param, tmp_path / "run"))


def test_a_run_of_an_earlier_version_is_measured_again(folder):
    run = Run.open(folder)
    assert run.is_finished
    noted = run.metrics["test"]
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert all(np.isfinite(row["val_loss"]) for row in run.history)
    measured = cmvq.evaluate(folder)
    assert measured["n"] == noted["n"] == 16
    assert measured["confusion"] == noted["confusion"]
    assert measured["loss"] == pytest.approx(noted["loss"], rel=1e-4)


def test_a_finished_run_is_not_resumed(folder):
    before = (folder / "metrics.json").read_bytes()
    assert cmvq.resume(folder).directory == folder
    assert (folder / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("name", ["environment.json", "recipe.json"])
def test_a_folder_of_a_later_version_is_refused_in_one_line(folder, name):
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, "format": 2}))
    for command in (["evaluate"], ["train", "--resume"]):
        assert "needs a later version" in error_of(*command, folder, code=1)


def test_a_checkpoint_of_a_later_version_is_refused(folder, monkeypatch):
    model = cmvq.load_model(folder)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", 2)
        checkpoint.write(folder, model, checkpoint.Position(1), {})
    with pytest.raises(ValueError, match="it has the format 2, this version reads 1"):
        checkpoint.read(folder)


def test_a_checkpoint_of_another_model_changes_nothing(folder):
    def compiled(recipe):
        model = cmvq.build_model(recipe)
        model.compile("adam")
        model.optimizer.build(model.trainable_variables)
        return model

    recipe = Run(folder).recipe
    one = compiled(recipe)
    checkpoint.write(folder, one, checkpoint.Position(1), {"kept": [1.5]})
    assert checkpoint.read(folder) == (checkpoint.Position(1), {"kept": [1.5]})
    other = compiled(recipe)
    checkpoint.restore(folder, other)
    for variable, restored in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(restored)
        )
    wider = compiled(recipe.with_settings({"model.num_embeddings": 16}))
    before = [keras.ops.convert_to_numpy(each).copy() for each in wider.variables]
    with pytest.raises(ValueError, match=r"state\.h5 is not a readable check"):
        checkpoint.restore(folder, wider)
    for variable, kept in zip(wider.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), kept)


def insert_entries(group, place, entries):
    """Puts data sets, numbered by their order, into a group: later ones move back."""
    for index in reversed(range(place, len(group))):
        group.move(str(index), str(index + len(entries)))
    for index, values in enumerate(entries):
        group[str(place + index)] = values


def test_a_checkpoint_of_0_1_0_without_a_mask_goes_on(tmp_path):
    x, y = tiny_data()

    def begun(seed):
        keras.utils.set_random_seed(seed)
        dense = keras.layers.Dense
        model = cmvq.MultimodalClassifier(
            {name: dense(4) for name in x},
            keras.Sequential([keras.layers.Flatten(), dense(3)]),
        )
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(x, y, verbose=0, shuffle=False)
        return model

    old, new = begun(0), begun(1)
    checkpoint.write(tmp_path, old, checkpoint.Position(0, 1), {})
    # Every model had a mask then, which let everything through, and its penalty.
    paths = [variable.path for variable in old.variables]
    solver = paths.index(old.solver.variables[0].path)
    measured = [variable.path for variable in old.metrics_variables]
    with h5py.File(checkpoint.path(tmp_path), "r+") as file:
        mask = np.ones(8, "float32"), np.zeros(2, "uint32")
        insert_entries(file["model"], solver, mask)
        place = measured.index("task_loss/count") + 1
        insert_entries(file["metrics"], place, [np.float32(0), np.float32(16)])
    for metrics in (False, True):
        checkpoint.restore(tmp_path, new, metrics=metrics)
    for part in ("variables", "metrics_variables"):
        for one, other in zip(getattr(old, part), getattr(new, part), strict=True):
            np.testing.assert_array_equal(
                *map(keras.ops.convert_to_numpy, (one, other))
            )


def test_the_history_of_0_1_0_without_a_mask_goes_on(folder):
    path = folder / "history.csv"
    path.write_text("epoch,mask_penalty,loss,val_mask_penalty\n1,0.0,2.5,0.0\n")
    Run(folder).append_history({"epoch": 2, "loss": 1.5})
    assert path.read_text().splitlines()[-1] == "2,0.0,1.5,0.0"


def test_weights_that_are_not_finite_are_no_checkpoint(folder):
    model = cmvq.load_model(folder)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    checkpoint.write(folder, model, checkpoint.Position(1), {})
    weights = model.mask.channel_weights
    weights.assign(keras.ops.full(weights.shape, np.nan))
    with pytest.raises(DivergedError, match="channel_weights is not finite"):
        checkpoint.write(folder, model, checkpoint.Position(2), {})
    assert checkpoint.read(folder)[0].epoch == 1
    assert [path.name for path in (folder / "backup").iterdir()] == ["state.h5"]
