"""The whole CREMA-D model against the author's: one evaluation, one training step."""

import golden_numbers as golden
import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops

import cmvq_keras as cmvq
from cmvq_keras.interop import author_layout, convert

MODALITIES = ("image", "audio")
# Values a channel behind each batch norm: batch 8 times the map it stands on.
SOLVER_MAPS = {"_bn_1": 16 * 16, "_bn_2": 1, "_residual_stack": 8 * 8}
ENCODER_MAPS = {
    "image": {"_bn_1": 64 * 64, "_bn_2": 32 * 32},
    "audio": {"_bn_1": 128 * 128, "_bn_2": 64 * 64},
}
DECODER_MAPS = {"_bn": 64 * 64, "_bn_1": 64 * 64, "_bn_2": 128 * 128}


@pytest.fixture(scope="module")
def numbers():
    return golden.load("crema_d_model")


@pytest.fixture(scope="module")
def model():
    recipe = cmvq.recipes.get("crema-d", preset="code")
    model = cmvq.build_model(recipe)
    for name in ("dropout_1", "dropout_2"):
        model.solver.part(name).rate = 0.0
    convert.load_reference_state(model, golden.draw_crema_d_state())
    return model


def terms(model, inputs, labels, outputs):
    """The named terms of docs/method.md, Section 3, and their sum."""
    found = {}
    for name in MODALITIES:
        difference = ops.subtract(outputs["reconstruction"][name], inputs[name])
        found[f"recon_loss_{name}"] = ops.mean(ops.square(difference))
        found[f"vq_loss_{name}"] = ops.mean(outputs["quantizer_loss"][name])
    found["task_loss"] = ops.mean(
        keras.losses.sparse_categorical_crossentropy(
            ops.convert_to_tensor(labels), outputs["task"], from_logits=True
        )
    )
    found["mask_sum"] = ops.sum(ops.convert_to_tensor(model.mask.channel_weights))
    found["total"] = sum(
        1e-4 * value if name == "mask_sum" else value for name, value in found.items()
    )
    return found


def check_codes(outputs, numbers, step):
    for name in MODALITIES:
        codes = ops.convert_to_numpy(outputs["indices"][name]).ravel()
        sure = numbers[f"{step}/code_margin_{name}"] > 2e-4
        assert np.mean(sure) > 0.9
        np.testing.assert_array_equal(
            codes[sure], numbers[f"{step}/codes_{name}"][sure]
        )


def check_terms(found, numbers, step):
    for name, value in found.items():
        deviation = golden.deviation(
            ops.convert_to_numpy(value), numbers[f"{step}/{name}"]
        )
        assert deviation < 1e-4, (name, deviation)


@pytest.fixture(scope="module")
def evaluated(model):
    inputs, labels = golden.draw_crema_d_inputs()
    inputs = {name: array[:2] for name, array in inputs.items()}
    return inputs, labels[:2], model(inputs, training=False)


def test_evaluation_is_the_authors(model, numbers, evaluated):
    inputs, labels, outputs = evaluated
    check_codes(outputs, numbers, "eval")
    check_terms(terms(model, inputs, labels, outputs), numbers, "eval")
    assert (
        golden.deviation(ops.convert_to_numpy(outputs["task"]), numbers["eval/logits"])
        < 1e-4
    )
    for name in MODALITIES:
        rebuilt = ops.convert_to_numpy(outputs["reconstruction"][name])
        sample = golden.to_channels_first(rebuilt)[:, :, ::4, ::4]
        assert golden.deviation(sample, numbers[f"eval/recon_{name}"]) < 1e-4
        scale = np.abs(numbers[f"eval/recon_{name}_std"])
        for statistic in ("mean", "std"):
            expected = numbers[f"eval/recon_{name}_{statistic}"]
            value = getattr(np, statistic)(rebuilt.astype("float64"))
            assert abs(value - expected) < 1e-4 * scale


def test_perplexity_is_the_authors(numbers, evaluated):
    for name in MODALITIES:
        codes = ops.convert_to_numpy(evaluated[2]["indices"][name])
        _, perplexity = cmvq.metrics.usage_perplexity(ops.convert_to_tensor(codes), 512)
        expected = numbers[f"eval/perplexity_{name}"]
        assert golden.deviation(ops.convert_to_numpy(perplexity), expected) < 1e-4


def test_complementarity_is_the_authors(model, numbers):
    found = model.complementarity()
    for position, name in enumerate(MODALITIES, start=1):
        assert found["compl"][name] == numbers[f"eval/compl{position}"]
        assert found["contr"][name] == numbers[f"eval/contr{position}"]
    assert found["zeta"] == pytest.approx(float(numbers["eval/zeta"]), abs=1e-12)


@pytest.fixture(scope="module")
def trained(model):
    """Outputs, terms and gradients under the author's names."""
    convert.load_reference_state(model, golden.draw_crema_d_state())
    inputs, labels = golden.draw_crema_d_inputs()
    weights = model.trainable_variables
    step = gradients(model, inputs, lambda y: terms(model, inputs, labels, y)["total"])
    found = terms(model, inputs, labels, step.outputs)
    by_path = {v.path: g for v, g in zip(weights, step.weights, strict=True)}
    named = {
        name: slot.to_reference(by_path[slot.variable.path])
        for name, slot in author_layout.reference_slots(model).items()
        if slot.variable.path in by_path
    }
    return step, found, named


@pytest.mark.slow(reason="the author's network in full size")
def test_training_losses_are_the_authors(trained, numbers):
    step, found, _ = trained
    check_codes(step.outputs, numbers, "train")
    check_terms(found, numbers, "train")
    assert golden.deviation(step.outputs["task"], numbers["train/logits"]) < 1e-4


def test_gradient_norms_are_the_authors(trained, numbers):
    named = trained[2]
    expected = golden.under(numbers, "train/grad_norm")
    zero = numbers["train/zero_gradients"].tolist()
    assert set(named) == set(expected) | set(zero)
    for name, norm in expected.items():
        gradient = named[name].astype("float64")
        assert abs(np.linalg.norm(gradient) / norm - 1) < 5e-3, name
        sample = gradient.ravel()[:: max(1, gradient.size // 16)][:16]
        # The median: one ReLU whose input rounds to the other side of zero moves a
        # whole channel's sum by 1e-2 and leaves the others at 1e-5.
        expected_sample = numbers[f"train/grad_sample/{name}"]
        error = np.median(np.abs(sample - expected_sample))
        assert error < 5e-3 * np.max(np.abs(expected_sample)), name
    for name in zero:
        # Rounding noise beside the gradient of the same layer's weights.
        weights = np.linalg.norm(named[name.replace(".bias", ".weight")])
        assert np.linalg.norm(named[name]) < 1e-4 * weights, name


@pytest.fixture(scope="module")
def stepped(model):
    """Logs and state of one step of Keras's own training."""
    convert.load_reference_state(model, golden.draw_crema_d_state())
    inputs, labels = golden.draw_crema_d_inputs()
    model.compile(optimizer=keras.optimizers.SGD(1e-3))
    logs = model.train_on_batch(inputs, labels, return_dict=True)
    return logs, convert.reference_state(model)


def test_the_logs_of_a_step_are_the_authors(stepped, numbers):
    logs, _ = stepped
    names = {"loss": "total", "task_loss": "task_loss"}
    for name in MODALITIES:
        names[f"{name}_reconstruction_loss"] = f"recon_loss_{name}"
        names[f"{name}_quantizer_loss"] = f"vq_loss_{name}"
        names[f"{name}_perplexity"] = f"perplexity_{name}"
    for ours, theirs in names.items():
        assert golden.deviation(logs[ours], numbers[f"train/{theirs}"]) < 1e-4, ours
    penalty = 1e-4 * numbers["train/mask_sum"]
    assert golden.deviation(logs["mask_penalty"], penalty) < 1e-4


def test_the_state_after_one_step_is_the_authors(stepped, numbers):
    after, before = stepped[1], golden.draw_crema_d_state()
    expected_norms = golden.under(numbers, "train/after_norm")
    assert set(expected_norms) == set(after)
    for name, array in after.items():
        array = array.astype("float64")
        if name.endswith("running_var"):
            array = unbiased(name, before[name], array)
        norm = np.linalg.norm(array)
        assert abs(norm / expected_norms[name] - 1) < 1e-3, name
        sample = array.ravel()[:: max(1, array.size // 16)][:16]
        expected = numbers[f"train/after_sample/{name}"]
        assert golden.deviation(sample, expected) < 1e-3, name


def unbiased(name, before, after):
    """What PyTorch stores where Keras has `after`: batch times n / (n - 1)."""
    count = 8 * map_size(name)
    batch = (after - 0.9 * before) / 0.1
    return 0.9 * before + 0.1 * batch * count / (count - 1)


def map_size(name):
    network, layer = name.split(".")[:2]
    if network == "_classifier":
        return SOLVER_MAPS[layer]
    if layer == "_residual_stack":
        return 32 * 32
    part, modality = network[1:].split("_")
    return (ENCODER_MAPS[modality] if part == "encoder" else DECODER_MAPS)[layer]
