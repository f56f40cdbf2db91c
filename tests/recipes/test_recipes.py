"""The recipes themselves: names, presets, published sizes, reading dispatch."""

import copy
import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.io
from tiny_sources import REAL

from cmvq_keras import recipes
from cmvq_keras.data.datasets import sources
from cmvq_keras.recipe import Modality, Recipe
from cmvq_keras.resolved_recipe import ResolvedRecipe

NAMES = (
    "av-digits",
    "crema-d",
    "digits",
    "erasure",
    "nyuv2",
    "penn-action",
    "penn-pose",
    "planted",
    "rml",
    "utd-mhad",
)
EVERY = [(name, preset) for name in recipes.names() for preset in recipes.PRESETS]


def test_names_are_the_modules_on_disk():
    assert recipes.names() == NAMES
    for name in recipes.names():
        own = recipes.module(name)
        assert own.RECIPE.name == name
        assert pathlib.Path(own.__file__).stem == name.replace("-", "_")
        assert len(own.__doc__.splitlines()) > 3
        assert set(own.SOURCES) <= set(sources.SOURCES)


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_every_preset_is_a_valid_recipe_that_survives_json(name, preset):
    recipe = recipes.get(name, preset)
    assert recipe.preset == preset
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipes.resolve(recipe) == recipe


@pytest.mark.parametrize("name", NAMES)
def test_paper_and_code_differ_as_published(name):
    default, paper, code = (
        recipes.get(name, preset) for preset in ("default", "paper", "code")
    )
    assert (paper.model.mask_start, paper.model.threshold) == (0.1, 0.05)
    assert (code.model.mask_start, code.model.threshold) == (0.01, 0.005)
    assert (paper.training.optimizer, code.training.optimizer) == ("sgd", "adam")
    assert paper.training.select_by == "accuracy"
    assert code.training.select_by == "task_loss"
    for published in (paper, code):
        assert published.model.codebook_start == "reference"
        assert published.model.revival_threshold == 0
        for modality in published.modalities.values():
            assert (modality.offset, modality.scale) == (0, 1)
    # Where the rate is high, the mask starts by how far the training moves it.
    faster = ("av-digits", "digits", "erasure", "penn-pose", "utd-mhad")
    fast, slow = ("adamw", "auto", 0.025, 0.9), ("adam", 0.01, 0.005, None)
    expected = fast if name in faster else slow
    model = default.model
    found = default.training.optimizer, model.mask_start, model.threshold
    assert (*found, model.mask_freeze) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_that_could_not_close_before_it_is_frozen_is_refused(name):
    recipe = recipes.get(name)
    frozen = {"model.mask_start": "auto", "model.mask_freeze": 0.6}
    with pytest.raises(
        ValueError, match=r"mask_freeze must be above 0\.6 where .* 0\.6"
    ):
        recipes.resolve(recipe.with_settings(frozen))
    frozen["model.mask_freeze"] = 0.7
    recipes.resolve(recipe.with_settings(frozen))
    frozen = {"model.mask_start": 0.1, "model.mask_freeze": 0.2}
    recipes.resolve(recipe.with_settings(frozen))


@pytest.mark.parametrize("value", ["auto", [1], {}, True, 0, -0.1, 1.5])
def test_a_damaged_share_of_a_frozen_mask_is_named_in_one_line(value):
    content = json.loads(recipes.get("erasure").to_json())
    content["model"]["mask_freeze"] = value
    with pytest.raises(ValueError, match=r"model\.mask_freeze must be ") as caught:
        recipes.resolve(Recipe.from_json(json.dumps(content)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_calibrated_is_the_default_with_modality_dropout(name):
    calibrated = recipes.get(name, "calibrated")
    assert calibrated.model.modality_dropout > 0
    taken_back = calibrated.with_settings({"model.modality_dropout": 0.0})
    assert dataclasses.replace(taken_back, preset="default") == recipes.get(name)
    for preset in ("default", "paper", "code"):
        assert recipes.get(name, preset).model.modality_dropout == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["paper", "code"])
def test_published_presets_have_nothing_of_the_better_training(name, preset):
    recipe = recipes.get(name, preset)
    model, training = recipe.model, recipe.training
    assert (model.backbone, model.head) == ("vqvae", "flat")
    assert (model.quantizer, model.groups) == ("ema", 1)
    assert (model.dropout, model.penalty_weight) == (0.5, 1e-4)
    assert model.mask_freeze is None
    assert training.weight_decay is None
    assert training.schedule == ("cosine" if name == "nyuv2" else "constant")
    assert (training.label_smoothing, training.augmentation) == (0.0, False)


# conv channels, residual channels, residual layers, grid, D, K, batch, epochs
PUBLISHED = {
    "crema-d": (128, 32, 2, 32, 64, 512, 128, 100),
    "penn-action": (128, 32, 2, 32, 64, 512, 128, 200),
    "nyuv2": (128, 32, 2, 32, 64, 512, 8, 200),
    "digits": (64, 12, 1, 16, 32, 256, 128, 10),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name):
    recipe = recipes.get(name, "paper")
    model, training = recipe.model, recipe.training
    assert PUBLISHED[name] == (
        model.hidden_channels,
        model.residual_channels,
        model.residual_layers,
        model.grid,
        model.embedding_dim,
        model.num_embeddings,
        training.batch_size,
        training.epochs,
    )


def test_shapes_classes_and_schedules_of_the_published_data_sets():
    crema = recipes.get("crema-d", "code")
    assert crema.modalities["image"].shape == (128, 128, 3)
    assert crema.modalities["audio"].shape == (256, 256, 1)
    assert crema.training.epochs == 50
    assert crema.classes == ("anger", "disgust", "fear", "happy", "neutral", "sad")
    rml = recipes.get("rml")
    assert len(set(rml.classes) & set(crema.classes)) == 5
    penn = recipes.get("penn-action")
    assert penn.modalities["pose"] == Modality((100, 13, 3), "pose")
    assert len(penn.classes) == 15
    for preset in recipes.PRESETS:
        rooms = recipes.get("nyuv2", preset)
        assert rooms.task == "segmentation"
        assert len(set(rooms.classes)) == 40
        assert rooms.training.learning_rate == 1e-4
        assert rooms.training.schedule == "cosine"
    assert recipes.get("digits", "code").training.learning_rate == 1e-3


@pytest.mark.skipif(not REAL.exists(), reason="the real label files are not here")
def test_class_names_are_those_of_the_real_files():
    mapping = scipy.io.loadmat(REAL / "nyuv2" / "classMapping40.mat")
    names = tuple(str(name[0]) for name in mapping["className"].ravel())
    assert recipes.get("nyuv2").classes == names
    known = set()
    for number in range(1, 2327, 25):
        path = REAL / "penn_action" / "labels" / f"{number:04}.mat"
        known.add(str(scipy.io.loadmat(path)["action"][0]))
    assert known <= set(recipes.get("penn-action").classes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recipes.get("planned"), "Unknown recipe planned. Did you mean plan"),
        (lambda: recipes.get("crema_d"), "Did you mean crema-d?"),
        (lambda: recipes.get("digits", "papper"), "Unknown preset papper. Did you"),
        (lambda: recipes.load_split(recipes.get("planted"), "val"), "mean validation"),
        (
            lambda: recipes.load_split(recipes.get("planted"), "test", limit=0),
            "`limit` must be an integer >= 1. Received: 0",
        ),
    ],
)
def test_wrong_names_and_values_say_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_settings_out_of_range_are_raised_together():
    recipe = recipes.get("digits").with_settings(
        {"data.seed": -1, "data.validation_share": 1.0}
    )
    with pytest.raises(ValueError, match=r"data.seed must be(.|\n)*data.validation_sh"):
        recipes.resolve(recipe)


def test_a_recipe_of_ones_own_is_left_alone_by_resolve():
    own = Recipe("mine", "mine", {"a": Modality((8, 8, 1))}, ("x", "y"))
    assert recipes.resolve(own).asked == own
    chosen = own.with_settings({"model.grid": 4})
    assert recipes.resolve(own) == recipes.resolve(chosen) == chosen
    assert recipes.resolve(own) != dataclasses.replace(own, title="other")


def test_modalities_whose_history_columns_would_be_the_same_are_refused():
    shape = Modality((8, 8, 1))
    with pytest.raises(ValueError, match=r"must not have the name val_image beside im"):
        Recipe("mine", "mine", {"image": shape, "val_image": shape}, ("x", "y"))
    alone = {"audio": shape, "val_image": shape}
    assert list(Recipe("mine", "mine", alone, ("x", "y")).modalities) == list(alone)


def test_every_fault_of_a_recipe_is_told():
    planted = recipes.get("planted")
    with pytest.raises(ValueError, match=r"groups must divide"):
        planted.with_settings({"model.groups": 3})


def test_a_resolved_recipe_is_a_type_of_its_own_and_is_resolved_once():
    resolved = recipes.resolve("planted", "code")
    assert type(resolved) is ResolvedRecipe
    assert recipes.resolve(resolved) is resolved
    # As processes hand it on.
    assert copy.copy(resolved) == resolved
    assert type(copy.copy(resolved)) is ResolvedRecipe
    assert resolved.to_json() == recipes.get("planted", "code").to_json()


@pytest.mark.parametrize(
    "change",
    [
        lambda recipe: recipe.with_settings({"training.epochs": 3}),
        lambda recipe: recipe.with_modality("audio"),
        lambda recipe: recipe.with_method("no-mask"),
        lambda recipe: dataclasses.replace(recipe, title="other"),
    ],
)
def test_a_changed_recipe_has_to_be_resolved_again(change):
    assert type(change(recipes.resolve("planted"))) is Recipe


def test_the_grid_that_is_built_is_that_of_the_modalities_that_are_left():
    settings = {"model.backbone": "resnet18", "model.grid": 16}
    wide = recipes.get("av-digits").with_settings(settings)
    # 32 and 64 pixels a side, and a finest stage of a quarter of them.
    assert wide.model.grid == 16
    both = recipes.resolve(wide)
    assert both.model.grid == 8
    assert recipes.resolve(both.with_modality("audio")).model.grid == 16
    assert recipes.resolve(wide, modality="audio").model.grid == 16
    assert recipes.resolve(both, modality="image").model.grid == 8


def test_importing_all_recipes_loads_no_framework_and_nothing_slow():
    code = (
        "import sys; from cmvq_keras import recipes\n"
        "for name in recipes.names(): recipes.get(name)\n"
        "slow = {'keras', 'jax', 'torch', 'tensorflow', 'librosa', 'scipy'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"


def test_a_npy_file_becomes_a_normalized_input(tmp_path):
    recipe = recipes.get("crema-d")
    path = tmp_path / "clip.npy"
    np.save(path, np.full((256, 256), -30.0))
    values = recipes.read_sample(recipe, "audio", path)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.ones((256, 256, 1), np.float32))
    raw = recipes.read_sample(recipe, "audio", path, normalized=False)
    assert raw.dtype == np.float32
    np.testing.assert_array_equal(raw, np.full((256, 256, 1), -30, np.float32))


def test_whole_numbers_in_a_picture_count_to_255(tmp_path):
    recipe = recipes.get("crema-d")
    path = tmp_path / "face.npy"
    np.save(path, np.full((128, 128, 3), 255, np.uint8))
    for normalized in (True, False):
        values = recipes.read_sample(recipe, "image", str(path), normalized=normalized)
        np.testing.assert_array_equal(values, np.ones((128, 128, 3), np.float32))


def _save(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.zeros((32, 32, 3)), r"must have shape \(32, 32, 1\). Received"),
        ("a.npy", np.array([{}]), "not a readable .npy file"),
        ("a.npy", b"nonsense", "not a readable .npy file"),
        ("a.npy", b"", "not a readable .npy file"),
        ("a.npy", np.full((32, 32), "x"), "must hold numbers"),
        ("a.npy", np.full((32, 32), np.nan), "not finite"),
        ("a.mp3", b"", r"must end in .npy or .png.* Received: .mp3"),
    ],
)
def test_files_that_are_no_input_are_refused_in_one_line(
    tmp_path, name, content, message
):
    path = tmp_path / name
    _save(path, content)
    with pytest.raises(ValueError, match=message) as caught:
        recipes.read_sample(recipes.get("planted"), "image", path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_modality_and_an_absent_file_are_told(tmp_path):
    recipe = recipes.get("planted")
    with pytest.raises(ValueError, match=r"modality imge\. Did you mean image"):
        recipes.read_sample(recipe, "imge", tmp_path / "a.npy")
    with pytest.raises(FileNotFoundError, match=r"a\.npy is not a file"):
        recipes.read_sample(recipe, "image", tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "foo"}, "task must be one of classification, multi-label, reg"),
        ({"preset": "mine"}, "preset must be one of default, paper, code, cal"),
        ({"data": None}, "data must hold settings by name"),
        ({"classes": [1, 2]}, "classes must be names"),
        ({"training": {"learning_rate": float("inf")}}, "learning_rate must be"),
        ({"model": {"hidden_channels": 10**30}}, "hidden_channels must be a multiple"),
        (
            {"training": {"select_by": "last", "early_stopping": 3}},
            "early_stopping must be none where training.select_by is last",
        ),
        (
            {"training": {"validation_every": 2, "early_stopping": 3}},
            "validation_every must be 1 where training.early_stopping is set. Rec",
        ),
        ({"training": {"validation_every": 0}}, "validation_every must be an integer"),
    ],
)
def test_a_recipe_file_is_checked_as_a_whole(change, message):
    recipe = recipes.get("planted")
    content = json.loads(recipe.to_json())
    for key, value in change.items():
        merged = {**content[key], **value} if key in ("model", "training") else value
        content[key] = merged
    with pytest.raises(ValueError, match=message):
        Recipe.from_json(json.dumps(content))


@pytest.mark.parametrize("value", [False, True])
def test_a_recipe_of_0_1_0_is_read_without_a_removed_setting(value):
    recipe = recipes.get("planted")
    content = json.loads(recipe.to_json())
    content["training"]["recompute"] = value
    found = Recipe.from_json(json.dumps(content))
    assert found == recipe
    assert "training.recompute" not in found.settings()
    assert "recompute" not in found.to_json()


def test_a_removed_setting_is_refused_with_what_to_do_instead():
    removed = "training.recompute was removed in version 0.2. To save memory set "
    with pytest.raises(ValueError, match=f"{removed}training.accumulation_steps, with"):
        recipes.get("planted").with_settings({"training.recompute": False})
    # Only there: elsewhere the name was never known.
    with pytest.raises(ValueError, match=r"Unknown setting model\.recompute"):
        recipes.get("planted").with_settings({"model.recompute": True})


def test_missing_data_settings_are_told():
    recipe = dataclasses.replace(recipes.get("planted"), data={"seed": 0})
    with pytest.raises(ValueError, match=r"planted: data\.variant is missing"):
        recipes.resolve(recipe)


def test_none_takes_a_setting_back():
    recipe = recipes.get("planted").with_settings({"training.class_weight": "balanced"})
    recipe = recipe.with_settings({"training.class_weight": "none"})
    assert recipe.training.class_weight is None


def test_a_modalitys_shape_is_its_datas():
    with pytest.raises(ValueError, match=r"Unknown setting modalities\.image\.shape"):
        recipes.get("planted").with_settings({"modalities.image.shape": (16, 16, 1)})
