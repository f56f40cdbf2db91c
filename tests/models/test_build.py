"""Every recipe's model: its latents, its parameters, that it learns."""

import keras
import numpy as np
import pytest
import reference

import cmvq_keras as cmvq
from cmvq_keras.recipe import Modality

# Weights that learn by gradient, then all that a weights file holds: codebooks, moving
# averages and statistics besides. Counted once; a change of a network must change them
# knowingly.
PARAMETERS = {
    "planted": (90_194, 95_500),
    "erasure": (110_866, 112_010),
    "digits": (315_266, 316_162),
    "av-digits": (404_992, 406_144),
    "crema-d": (1_935_306, 2_072_876),
    "penn-action": (2_624_313, 2_761_947),
    "penn-pose": (111_478, 111_990),
    "nyuv2": (1_803_532, 1_941_454),
    "rml": (1_935_306, 2_072_876),
    "utd-mhad": (226_067, 227_091),
}
LATENTS = {
    "planted": (8, 8, 16),
    "erasure": (4, 4, 32),
    "digits": (4, 4, 64),
    "av-digits": (4, 4, 64),
    "crema-d": (32, 32, 64),
    "penn-action": (32, 32, 64),
    "penn-pose": (4, 4, 64),
    "nyuv2": (32, 32, 64),
    "rml": (32, 32, 64),
    "utd-mhad": (4, 4, 64),
}


def latents(model):
    shapes = model.get_build_config()["input_shape"]
    return {
        tuple(model.encoders[name].compute_output_shape(tuple(shape)))[1:]
        for name, shape in shapes.items()
    }


def test_every_recipe_is_listed_here():
    assert sorted(LATENTS) == list(cmvq.recipes.names())


@pytest.mark.parametrize("name", sorted(LATENTS))
def test_a_recipes_model_has_its_latents_and_parameters(name):
    model = cmvq.build_model(name)
    assert latents(model) == {LATENTS[name]}
    learned = sum(int(np.prod(w.shape)) for w in model.trainable_variables)
    assert (learned, model.count_params()) == PARAMETERS[name]


@pytest.mark.parametrize(
    ("name", "learned"), [("digits", 236_500), ("av-digits", 297_106)]
)
def test_the_published_network_of_digits_is_a_preset(name, learned):
    model = cmvq.build_model(name, "paper")
    assert latents(model) == {(16, 16, 32)}
    assert sum(int(np.prod(w.shape)) for w in model.trainable_variables) == learned


@pytest.mark.parametrize("name", sorted(LATENTS))
def test_every_recipe_takes_a_resnet18(name):
    recipe = cmvq.recipes.get(name).with_settings({"model.backbone": "resnet18"})
    model = cmvq.build_model(recipe)
    own = {"pose": "PoseEncoder", "sequence": "SequenceEncoder"}
    sides = [
        modality.shape[0] // 4
        for modality in recipe.modalities.values()
        if modality.kind not in own
    ]
    side, _, depth = LATENTS[name]
    side = min([side, *sides])
    assert latents(model) == {(side, side, depth)}
    for modality, item in recipe.modalities.items():
        kind = own.get(item.kind, "ResNet18Encoder")
        assert type(model.encoders[modality]).__name__ == kind


@pytest.mark.skipif(
    keras.config.backend() != "torch",
    reason="runs on one backend: the networks are "
    "held against the author's on all three",
)
@pytest.mark.slow(reason="twenty steps of a recipe's own network")
@pytest.mark.parametrize("name", ["crema-d", "penn-action", "nyuv2", "rml"])
def test_the_loss_on_one_random_batch_falls_over_twenty_steps(name):
    keras.utils.set_random_seed(0)
    recipe = cmvq.recipes.get(name)
    model = cmvq.build_model(recipe)
    rng = np.random.default_rng(0)
    x = {
        modality: rng.normal(size=(2, *item.shape)).astype("float32")
        for modality, item in recipe.modalities.items()
    }
    shape = (2, 256, 256) if recipe.task == "segmentation" else (2,)
    y = rng.integers(0, len(recipe.classes), shape)
    model.compile(keras.optimizers.Adam(1e-3))
    losses = [model.train_on_batch(x, y, return_dict=True)["loss"] for _ in range(20)]
    model.reset_metrics()
    assert np.isfinite(losses).all()
    # train_on_batch tells the mean so far: the last steps are below it.
    assert losses[-1] < losses[4] < losses[0]


def test_ignored_pixels_count_neither_in_the_loss_nor_in_accuracy():
    recipe = small_segmentation()
    model = cmvq.build_model(recipe)
    rng = np.random.default_rng(0)
    x = {
        name: rng.normal(size=(4, *item.shape)).astype("float32")
        for name, item in recipe.modalities.items()
    }
    y = rng.integers(0, 3, (4, 16, 16))
    y[:, :, 8:] = -1
    model.compile("adam")
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    logits = model.predict(x, verbose=0)["task"]
    seen = y >= 0
    expected = reference.cross_entropy(logits[seen], y[seen]).mean()
    assert logs["task_loss"] == pytest.approx(expected, rel=1e-4)
    hits = (logits.argmax(axis=-1) == y)[seen].mean()
    assert logs["accuracy"] == pytest.approx(hits, rel=1e-5)


def small_segmentation():
    return cmvq.Recipe(
        name="small",
        title="two pictures, a label a pixel",
        modalities={"color": Modality((16, 16, 3)), "depth": Modality((16, 16, 1))},
        classes=("wall", "floor", "chair"),
        task="segmentation",
    ).with_settings(
        {
            "model.grid": 4,
            "model.hidden_channels": 8,
            "model.residual_channels": 4,
            "model.embedding_dim": 4,
            "model.num_embeddings": 8,
        }
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"model.grid": 7},
            r"model.grid must be one of 16, 8, 4, 2, 1 for color .* Received: 7",
        ),
        ({"model.grid": 32}, r"model.grid must be .* for color \(16, 16, 3\)"),
        (
            {"model.grid": 3, "model.backbone": "resnet18"},
            r"model.grid must be .* for color \(16, 16, 3\)",
        ),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        cmvq.build_model(small_segmentation().with_settings(settings))


def test_one_modality_alone_leaves_the_others_out_unless_the_code_is_followed():
    ours = cmvq.recipes.get("planted").with_modality("audio")
    assert cmvq.build_model(ours).modalities == ("audio",)
    theirs = cmvq.recipes.get("planted", preset="code").with_modality("audio")
    model = cmvq.build_model(theirs)
    assert model.modalities == ("image", "audio")
    assert model.task_modalities == ("audio",)
