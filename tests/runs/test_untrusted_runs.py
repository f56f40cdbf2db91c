"""A run folder that somebody else made: nothing in it is believed before it is checked.

Damage at random is in test_fuzz.py and test_fuzz_weights.py.
"""

import json
import os
import pathlib
import shutil

import h5py
import keras
import numpy as np
import pytest
from command_line import error_of, shell
from damage import refused

import cmvq_keras as cmvq
from cmvq_keras.runs import checkpoint, weights
from cmvq_keras.runs.run import Run

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "run-1"
MASK = "layers/threshold_mask/vars/0"
MASKS = "layers/threshold_mask/vars"


@pytest.fixture
def folder(tmp_path):
    return pathlib.Path(shutil.copytree(FIXTURE, tmp_path / "run"))


@pytest.fixture(scope="module")
def model():
    made = cmvq.build_model(Run(FIXTURE).recipe)
    made.compile("sgd")
    made.optimizer.build(made.trainable_variables)
    return made


def mask_of(model):
    return keras.ops.convert_to_numpy(model.mask.channel_weights).copy()


def replaced(create):
    """Damage that puts something else where an array of 8 float32 was."""

    def damage(file, name):
        values = file[name][()]
        del file[name]
        create(file, name, values)

    return damage


def virtual(file, name, values):
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource("other.h5", "a", values.shape)
    file.create_virtual_dataset(name, layout)


#: By name: what is put in place of an array, and what is told of it.
DAMAGE = {
    "absent": (replaced(lambda file, name, values: None), "it lacks the data set"),
    "a soft link": (
        replaced(lambda file, name, values: file.update({name: h5py.SoftLink("/a")})),
        "is a link",
    ),
    "an external link": (
        replaced(
            lambda file, name, values: file.update(
                {name: h5py.ExternalLink("/etc/other.h5", "a")}
            )
        ),
        "is a link",
    ),
    "external storage": (
        replaced(
            lambda file, name, values: file.create_dataset(
                name, values.shape, values.dtype, external=[("/etc/hostname", 0, 32)]
            )
        ),
        "lies in other files",
    ),
    "virtual": (replaced(virtual), "lies in other files"),
    "packed": (
        replaced(
            lambda file, name, values: file.create_dataset(
                name, data=values, compression="gzip"
            )
        ),
        "is packed, or in chunks",
    ),
    "chunks that are not there": (
        replaced(
            lambda file, name, values: file.create_dataset(
                name, (2**40,), "f4", chunks=(2**20,), fillvalue=1
            )
        ),
        "is packed, or in chunks",
    ),
    "values that are not there": (
        replaced(
            lambda file, name, values: file.create_dataset(name, values.shape, "f4")
        ),
        r"is \(8,\) float32, in 0 bytes",
    ),
    "more values than the file has": (
        replaced(lambda file, name, values: file.create_dataset(name, (2**40,), "f4")),
        r"is \(1099511627776,\) float32, in 0 bytes",
    ),
    "empty": (
        replaced(lambda file, name, values: file.update({name: h5py.Empty("f4")})),
        "is None float32",
    ),
    "another shape": (
        replaced(lambda file, name, values: file.update({name: values[:7]})),
        r"is float32 \(7,\)",
    ),
    "another type": (
        replaced(lambda file, name, values: file.update({name: values.astype("f8")})),
        r"is float64 \(8,\)",
    ),
    "objects": (
        replaced(
            lambda file, name, values: file.create_dataset(
                name, data=["a"] * 8, dtype=h5py.string_dtype()
            )
        ),
        r"is \(8,\) object, in 128 bytes",
    ),
    "a group": (
        replaced(lambda file, name, values: file.create_group(name)),
        "is not a data set",
    ),
    "infinity": (
        replaced(
            lambda file, name, values: file.update({name: values + np.float32(np.inf)})
        ),
        "must be finite",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.once
def test_weights_are_compared_before_any_is_read(kind, folder, model):
    path, before = Run(folder).weights_path, mask_of(model)
    damage, told = DAMAGE[kind]
    with h5py.File(path, "r+") as file:
        damage(file, MASK)
    with pytest.raises(ValueError, match=told):
        weights.load(model, path)
    assert MASK in refused(lambda path: weights.load(model, path), path)
    np.testing.assert_array_equal(mask_of(model), before)


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.once
def test_a_checkpoint_is_compared_before_any_is_read(kind, folder, model):
    checkpoint.write(folder, model, checkpoint.Position(1), {})
    path, before = checkpoint.path(folder), mask_of(model)
    place = next(
        f"model/{index}"
        for index, variable in enumerate(model.variables)
        if variable is model.mask.channel_weights
    )
    damage, told = DAMAGE[kind]
    with h5py.File(path, "r+") as file:
        damage(file, place)
    # Without one of them there are too few.
    with pytest.raises(ValueError, match="hold the" if kind == "absent" else told):
        checkpoint.restore(folder, model)
    refused(lambda path: checkpoint.restore(folder, model), path)
    np.testing.assert_array_equal(mask_of(model), before)


def test_one_weight_that_is_not_finite_changes_no_other(folder, model):
    checkpoint.write(folder, model, checkpoint.Position(1), {})
    before = [keras.ops.convert_to_numpy(each).copy() for each in model.variables]
    last = max(index for index, each in enumerate(before) if each.dtype.kind == "f")
    with h5py.File(checkpoint.path(folder), "r+") as file:
        for values in file["model"].values():
            values[...] = values[()] + 1
        file[f"model/{last}"][...] = np.nan
    with pytest.raises(ValueError, match=f"{model.variables[last].path} must be fin"):
        checkpoint.restore(folder, model)
    for variable, kept in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), kept)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda file: file.update({f"{MASKS}/00": np.zeros(8, "f4")}),
            rf"{MASKS}/00 is unknown \(nearest: {MASKS}/0\)",
        ),
        (lambda file: file.update({"layers/mask\n": file["vars"]}), "mask is unknown"),
        (lambda file: file.update({f"{MASKS}/loop": file["/"]}), "loop is unknown"),
        (lambda file: file.move(MASKS, "vars/vars"), f"it lacks {MASKS}"),
        (lambda file: file.pop("encoders"), "it lacks encoders"),
        (
            lambda file: (
                file.pop("encoders"),
                file.update({"encoders": h5py.SoftLink("/decoders")}),
            ),
            "encoders is a link",
        ),
        (
            lambda file: (
                file.pop(MASKS),
                file.update({MASKS: h5py.ExternalLink("other.h5", "/")}),
            ),
            f"{MASKS} is a link",
        ),
        (
            lambda file: (file.pop(MASKS), file.update({MASKS: np.zeros(8)})),
            f"{MASKS} is not a group",
        ),
        (
            lambda file: [file.update({f"a{row}": row}) for row in range(9)],
            r"a0 is unknown; a1 is unknown; a2 is unknown; \.\.\.",
        ),
    ],
)
@pytest.mark.once
def test_weights_that_are_missing_or_too_many_are_named(change, told, folder, model):
    path = Run(folder).weights_path
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=told):
        weights.load(model, path)
    refused(lambda path: weights.load(model, path), path)


def test_weights_come_back_without_what_the_optimizer_keeps(folder, model, tmp_path):
    path = Run(folder).weights_path
    weights.load(model, path)
    with h5py.File(path) as file:
        assert "optimizer" in file  # as the first versions wrote it
        np.testing.assert_array_equal(mask_of(model), file[MASK][()])
    again = tmp_path / "again.weights.h5"
    again.write_bytes(weights.to_bytes(model))
    with h5py.File(again) as file:
        assert "optimizer" not in file
        np.testing.assert_array_equal(mask_of(model), file[MASK][()])
    plain = cmvq.load_model(folder)
    weights.load(plain, again)
    np.testing.assert_array_equal(mask_of(plain), mask_of(model))


@pytest.mark.once
def test_neither_evaluate_nor_init_from_takes_such_weights(folder, tmp_path):
    with h5py.File(Run(folder).weights_path, "r+") as file:
        DAMAGE["an external link"][0](file, MASK)
    told = error_of("evaluate", folder, code=1)
    assert f"{MASK} is a link" in told
    out = tmp_path / "other"
    with pytest.raises(ValueError, match=f"{MASK} is a link"):
        cmvq.train(Run(folder).recipe, out=out, init_from=folder, verbose=False)
    assert not out.exists()


@pytest.mark.parametrize(
    "name",
    [
        "recipe.json",
        "environment.json",
        "metrics.json",
        "history.csv",
        "model.weights.h5",
    ],
)
@pytest.mark.once
def test_a_link_out_of_the_folder_is_refused(name, folder, tmp_path):
    os.replace(folder / name, tmp_path / name)
    (folder / name).symlink_to(f"../{name}")
    told = error_of("evaluate", folder, code=1)
    assert f"{folder / name} is a link" in told


@pytest.mark.once
def test_a_backup_elsewhere_is_left_alone(folder, tmp_path):
    (folder / "metrics.json").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".mine.tmp").write_text("mine")
    (folder / "backup").symlink_to(elsewhere)
    told = error_of("train", "--resume", folder, code=1)
    assert f"{folder / 'backup'} is a link" in told
    assert (elsewhere / ".mine.tmp").read_text() == "mine"


def edit(**changes):
    """A change of recipe.json's sections: a dict updates one, a value replaces it."""

    def change(content):
        for key, value in changes.items():
            if isinstance(value, dict):
                content[key] = {**content[key], **value}
            else:
                content[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            edit(model={"treshold": 1}),
            "Unknown setting model.treshold. Did you mean model.threshold?",
        ),
        (
            edit(clases=["a", "b"]),
            "Unknown setting recipe.clases. Did you mean recipe.classes?",
        ),
        (
            edit(data={"varient": "three"}),
            "Unknown setting data.varient. Did you mean data.variant?",
        ),
        (edit(data={"variant": 3}), "data.variant must be of type str. Received: 3"),
        (edit(model={"grid": "8"}), "model.grid must be an integer >= 1"),
        (
            edit(model={"dropout": 1.5}),
            "model.dropout must be in [0, 1). Received: 1.5",
        ),
        (edit(training={"learning_rate": 10**400}), "learning_rate must be a number"),
        (edit(name="../../x"), "a recipe needs a name of letters, digits, _ and -"),
        (
            edit(modalities={"../image": {"shape": [4, 4, 1]}}),
            "a modality needs a name of letters, digits, _ and -",
        ),
        (
            edit(modalities={"image": {"shape": 5}}),
            "modalities.image.shape must be (height, width, channels)",
        ),
        (edit(title=5), "title must be a line of text"),
        (edit(classes="ab"), "classes must be names"),
        (edit(method="__init__"), "Unknown method __init__"),
    ],
)
@pytest.mark.once
def test_a_wrong_recipe_is_told_in_one_line(change, told, folder):
    path = folder / "recipe.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    assert told in error_of("evaluate", folder, code=1)


@pytest.mark.once
def test_no_python_file_runs_that_nobody_named(folder, tmp_path):
    mark = tmp_path / "mark"
    names = ("recipe", "recipes", "planted", "my_recipe", "conftest", "setup", "run")
    for place in (tmp_path, folder):
        for name in names:
            (place / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')")
    for words in (["recipes"], ["recipes", "planted"], ["recipes", "recipe"]):
        assert "Traceback" not in shell(*words, folder=tmp_path).stderr
    told = shell("evaluate", folder, "--store", "nowhere", folder=folder)
    assert "nowhere holds no store" in told.stderr
    assert not mark.exists()
