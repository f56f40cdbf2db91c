"""Exported files: the run's logits, and nothing that the task does not need."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import reference
from command_line import error_of, invoke
from keras import ops
from no_room import room

import cmvq_keras as cmvq
from cmvq_keras import methods, recipes
from cmvq_keras.data.split import normalize
from cmvq_keras.exporting import checking, cutting, exported, formats, writing
from cmvq_keras.layers import CodeLookup
from cmvq_keras.methods import late_fusion
from cmvq_keras.models.build import build_model
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.networks import PooledEncoder, ResidualEncoder
from cmvq_keras.runs.run import Run

BACKEND = keras.config.backend()
TINY = {
    "model.hidden_channels": 8,
    "model.residual_channels": 4,
    "model.embedding_dim": 8,
    "model.num_embeddings": 8,
    "model.solver_units": 16,
}
KEPT = {"image": [1, 4], "audio": [0, 2, 5]}
needs_onnx = pytest.mark.skipif(
    BACKEND != "torch" or importlib.util.find_spec("onnxruntime") is None,
    reason="PyTorch writes ONNX, with the extra onnx",
)
needs_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="TensorFlow writes the SavedModel"
)


def tiny(name="planted", **settings):
    return recipes.get(name).with_settings(TINY | settings)


RECIPE = tiny(**{"modalities.image.offset": 0.3, "modalities.image.scale": 1.7})


def of_method(name, recipe=RECIPE):
    return methods.get(name).variants(recipe)[name]


def inputs(recipe, seed=0):
    """Raw values by modality, and what the network gets of them."""
    raw = checking.made_up(recipe.modalities, recipe.modalities, seed)
    return raw, {name: normalize(raw[name], recipe.modalities[name]) for name in raw}


def built(recipe, kept=KEPT):
    """A model whose weights are all in use: no batch norm is the identity."""
    keras.utils.set_random_seed(0)
    model = build_model(recipe)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            # Of norms and biases. Above 0: a dead ReLU would hide a fault.
            noise = 0.2 * np.abs(generator.normal(size=weight.shape))
            weight.assign((ops.convert_to_numpy(weight) + noise).astype("float32"))
    _, x = inputs(recipe, seed=2)
    for name, quantizer in model.quantizers.items():
        features = ops.convert_to_numpy(model.encoders[name](x[name]))
        features = features.reshape(-1, features.shape[-1])
        # Codes that lie among the features, so that all of them are chosen.
        codes = generator.choice(features, quantizer.num_embeddings, replace=False)
        quantizer.embeddings.assign(codes)
    if isinstance(model, MaskedClassifier):
        set_mask(model, kept)
    return model


def set_mask(model, kept):
    """Keeps these channels by modality, with a weight of its own each."""
    count = len(model.modalities)
    weights = np.full((count, model.mask.channel_weights.shape[0] // count), -0.5)
    for row, name in zip(weights, model.modalities, strict=True):
        row[kept.get(name, [])] = 0.2 + 0.1 * np.arange(len(kept.get(name, [])))
    model.mask.channel_weights.assign(weights.reshape(-1).astype("float32"))


def assert_same_logits(model, recipe):
    """Cuts the model, compares logits, and returns what is left of it."""
    small = cutting.cut(model, recipe.modalities)
    raw, normal = inputs(recipe)
    found = ops.convert_to_numpy(small({m: raw[m] for m in small.input})["logits"])
    assert found.shape[-1] == len(recipe.classes)
    expected = ops.convert_to_numpy(model(normal)["task"])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 1e-3  # the inputs matter
    return small


def kernel_of(network):
    return next(part.kernel for part in network.parts if hasattr(part, "kernel"))


@pytest.fixture(scope="module")
def model():
    return built(RECIPE)


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):
    """A run whose mask keeps `KEPT`; nothing of it was trained."""
    made = Run.create(tmp_path_factory.mktemp("exporting") / "run", RECIPE, BACKEND)
    made.save_weights(model)
    return made


@pytest.fixture
def masked(model):
    """The model, for tests that change its mask."""
    before = model.mask.mode, ops.convert_to_numpy(model.mask.channel_weights)
    yield model
    model.mask.mode = before[0]
    model.mask.channel_weights.assign(before[1])


# Cutting


@pytest.mark.parametrize("mode", ["binary", "ternary", "attention", "random", "none"])
def test_the_logits_are_those_of_the_model_under_every_mask(masked, mode):
    masked.mask.mode = mode
    small = assert_same_logits(masked, RECIPE)
    kept = len(KEPT["image"] + KEPT["audio"]) if mode == "binary" else 16
    assert small.get_layer("task_solver").part("conv_1").kernel.shape[2] == kept


@pytest.mark.parametrize("mode", ["ternary", "attention"])
def test_the_masks_values_are_folded_into_the_first_kernel(masked, mode):
    masked.mask.mode = mode
    weights = np.float64(ops.convert_to_numpy(masked.mask.channel_weights))
    weights[[3, 7]] = 0.0
    masked.mask.channel_weights.assign(weights.astype("float32"))
    kernel = np.float64(ops.convert_to_numpy(kernel_of(masked.solver)))
    expected = []
    for channel in range(16):
        value = weights[channel]
        if mode == "ternary":
            value = {True: 1, False: 0}[value > RECIPE.model.threshold] - (value < 0)
        if value != 0:
            expected.append(kernel[:, :, channel] * value)
    small = cutting.cut(masked, RECIPE.modalities)
    found = ops.convert_to_numpy(kernel_of(small.get_layer("task_solver")))
    assert found.shape[2] == 14
    np.testing.assert_allclose(found, np.stack(expected, axis=2), rtol=1e-6)


def test_masked_channels_are_cut_out_and_there_are_no_decoders(model):
    small = cutting.cut(model, RECIPE.modalities)
    for name, channels in KEPT.items():
        codes = ops.convert_to_numpy(model.quantizers[name].codebook())
        lookup = small.get_layer(f"{name}_codes")
        np.testing.assert_array_equal(lookup.embeddings, codes)
        np.testing.assert_array_equal(lookup.kept, codes[:, channels])
    kernel = ops.convert_to_numpy(kernel_of(model.solver))
    np.testing.assert_array_equal(
        kernel_of(small.get_layer("task_solver")), kernel[:, :, [1, 4, 8, 10, 13]]
    )
    assert not any("decoder" in weight.path for weight in small.weights)
    assert set(small.input) == set(RECIPE.modalities)


def test_a_modality_without_a_complementary_channel_is_not_there(masked):
    set_mask(masked, {"audio": [2, 3]})
    small = assert_same_logits(masked, RECIPE)
    assert list(small.input) == ["audio"]
    assert not any("image" in layer.name for layer in small.layers)
    assert kernel_of(small.get_layer("task_solver")).shape[2] == 2


def test_a_mask_that_lets_nothing_through_is_told(masked):
    set_mask(masked, {})
    with pytest.raises(ValueError, match="lets no channel through") as error:
        cutting.cut(masked, RECIPE.modalities)
    assert "\n" not in str(error.value)


def test_a_lookup_takes_the_kept_channels_of_the_nearest_code():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(2, 3, 4, 5)).astype("float32")
    codes = generator.normal(size=(7, 5)).astype("float32")
    lookup = CodeLookup(7, 2)
    lookup.build((None, 3, 4, 5))
    lookup.embeddings.assign(codes)
    lookup.kept.assign(codes[:, [4, 1]])
    nearest, _ = reference.nearest(vectors.reshape(-1, 5), codes)
    found = ops.convert_to_numpy(lookup(vectors))
    np.testing.assert_array_equal(found, codes[nearest][:, [4, 1]].reshape(2, 3, 4, 2))


def test_a_codebook_that_learns_by_gradient_is_looked_up_whole():
    recipe = tiny(**{"model.decay": 0.0}).with_modality("image")
    model = build_model(recipe)
    set_mask(model, KEPT)
    quantizer = model.quantizers["image"]
    quantizer.start_offset.assign(np.ones(quantizer.start_offset.shape, np.float32))
    small = cutting.cut(model, recipe.modalities)
    np.testing.assert_array_equal(
        small.get_layer("image_codes").embeddings,
        ops.convert_to_numpy(quantizer.embeddings) + 1,
    )


def test_without_reconstruction_the_projections_are_cut():
    recipe = of_method("no-reconstruction")
    small = assert_same_logits(built(recipe), recipe)
    for name, channels in KEPT.items():
        projection = small.get_layer(f"{name}_encoder").part("projection")
        assert projection.kernel.shape[-1] == len(channels)


def test_poses_and_pictures_without_reconstruction():
    settings = {"model.grid": 4}
    recipe = of_method("no-reconstruction", tiny("penn-action", **settings))
    modalities = {
        "image": dataclasses.replace(recipe.modalities["image"], shape=(16, 16, 3)),
        "pose": dataclasses.replace(recipe.modalities["pose"], shape=(15, 13, 3)),
    }
    recipe = dataclasses.replace(recipe, modalities=modalities)
    small = assert_same_logits(built(recipe, {"image": [0], "pose": [1, 5]}), recipe)
    assert small.get_layer("pose_encoder").part("projection").kernel.shape[-1] == 2


@pytest.fixture(scope="module")
def segmenting():
    recipe = tiny("nyuv2", **{"model.grid": 4})
    modalities = {
        name: dataclasses.replace(modality, shape=(16, 16, modality.shape[-1]))
        for name, modality in recipe.modalities.items()
    }
    return dataclasses.replace(recipe, modalities=modalities)


def test_segmentation_keeps_a_logit_a_pixel(segmenting):
    model = built(segmenting, {"color": [5], "depth": [0, 1]})
    small = assert_same_logits(model, segmenting)
    assert small.output["logits"].shape[1:3] == (16, 16)
    assert kernel_of(small.get_layer("task_solver")).shape[2] == 3


@pytest.mark.parametrize("method", ["late-fusion", "late-fusion-linear"])
def test_late_fusion_is_exported_as_it_is(method, monkeypatch):
    def small_encoder(recipe, name):
        grid = ResidualEncoder(8, 4, 1, num_stages=2, embedding_dim=16)
        return PooledEncoder(grid, name=f"{name}_encoder")

    monkeypatch.setattr(late_fusion, "encoder", small_encoder)
    recipe = of_method(method)
    small = assert_same_logits(built(recipe), recipe)
    assert kernel_of(small.get_layer("task_solver")).shape[0] == 32


@pytest.mark.parametrize("method", ["ensemble", "multi-loss"])
def test_models_with_heads_are_exported(method):
    recipe = of_method(method)
    small = assert_same_logits(built(recipe), recipe)
    names = [layer.name for layer in small.layers]
    assert ("image_head" in names) == (method == "ensemble")


def test_a_head_that_is_no_network_is_refused():
    model = built(of_method("kernel-ridge"))
    with pytest.raises(ValueError, match=r"must be one of cmvq_keras\.networks"):
        cutting.cut(model, RECIPE.modalities)


def test_what_the_task_never_sees_is_not_there():
    recipe = dataclasses.replace(RECIPE, task_modalities=("audio",))
    small = assert_same_logits(built(recipe), recipe)
    assert list(small.input) == ["audio"]
    assert kernel_of(small.get_layer("task_solver")).shape[2] == 3


# Files


def logits_elsewhere(code, path, x, folder):
    """The logits that a fresh process gets from a file."""
    np.savez(folder / "x.npz", **x)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.load(folder / "logits.npy")


def test_a_keras_file_predicts_in_a_fresh_process(run, model, tmp_path):
    written = exported.export(run, tmp_path / "model.keras")
    assert written.difference <= 1e-5
    x, normal = inputs(RECIPE)
    code = (
        "import keras, cmvq_keras, numpy, sys\n"
        "model = keras.saving.load_model(sys.argv[1], safe_mode=True)\n"
        "x = dict(numpy.load(f'{sys.argv[2]}/x.npz'))\n"
        "logits = model.predict(x, verbose=0)['logits']\n"
        "numpy.save(f'{sys.argv[2]}/logits.npy', logits)\n"
    )
    found = logits_elsewhere(code, written.path, x, tmp_path)
    expected = ops.convert_to_numpy(model.inference_model()(normal))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@needs_onnx
def test_an_onnx_file_says_what_it_is_and_takes_any_batch(run, model, tmp_path):
    import onnx
    import onnxruntime

    path = tmp_path / "model.onnx"
    written = exported.export(run, path, format="onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    shapes = {each.name: each.shape for each in session.get_inputs()}
    assert shapes == {name: ["batch", 32, 32, 1] for name in KEPT}
    (output,) = session.get_outputs()
    assert (output.name, output.shape) == ("logits", ["batch", 8])
    x, normal = inputs(RECIPE, seed=1)
    for count in (1, 3, checking.SAMPLES):
        (found,) = session.run(None, {name: x[name][:count] for name in x})
        few = {name: normal[name][:count] for name in normal}
        checking.compare(model, few, found)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(RECIPE.classes)
    assert {key: json.loads(told[key]) for key in told} == written.facts
    sizes = [tuple(each.dims) for each in onnx.load(path).graph.initializer]
    assert (4, 5, 3, 3) in sizes  # filters, kept channels, rows, columns
    assert str(tmp_path).encode() not in path.read_bytes()


@needs_onnx
@pytest.mark.slow(reason="traces two networks")
def test_segmentation_and_poses_go_to_onnx(segmenting, tmp_path):
    path = tmp_path / "model.onnx"
    for recipe in (segmenting, tiny("penn-action").with_modality("pose")):
        model = build_model(recipe)
        small = cutting.cut(model, recipe.modalities)
        writing.write(small, "onnx", path, {})
        x, normal = inputs(recipe)
        found = writing.logits_of("onnx", path, x)
        checking.compare(model, normal, found)


@needs_tensorflow
def test_a_saved_model_is_served_without_this_package(run, model, tmp_path):
    path = tmp_path / "model"
    exported.export(run, path, format="saved-model")
    x, normal = inputs(RECIPE)
    code = (
        "import numpy, sys, tensorflow\n"
        "served = tensorflow.saved_model.load(sys.argv[1])\n"
        "x = dict(numpy.load(f'{sys.argv[2]}/x.npz'))\n"
        "logits = served.signatures['serving_default'](**{\n"
        "    name: tensorflow.constant(x[name][:3]) for name in x})['logits']\n"
        "assert 'cmvq_keras' not in sys.modules\n"
        "numpy.save(f'{sys.argv[2]}/logits.npy', logits)\n"
    )
    found = logits_elsewhere(code, path, x, tmp_path)
    checking.compare(model, {name: normal[name][:3] for name in normal}, found)


def test_a_run_in_half_precision_gives_a_file_in_float32(model, tmp_path):
    recipe = RECIPE.with_settings({"training.precision": "mixed_bfloat16"})
    run = Run.create(tmp_path / "run", recipe, BACKEND)
    run.save_weights(model)
    written = exported.export(run, tmp_path / "model.keras")
    loaded = cmvq.load_model(written.path)
    policies = {layer.dtype_policy.name for layer in loaded._flatten_layers()}
    assert policies == {"float32"}
    assert written.difference <= 1e-5


# Checking


def samples(model):
    _, x = inputs(RECIPE)
    return x, np.array(ops.convert_to_numpy(model.inference_model()(x)))


def test_other_logits_are_no_export(model, monkeypatch):
    x, logits = samples(model)
    monkeypatch.setattr(checking, "_in_doubt", lambda *_: np.zeros(16, bool))
    assert checking.compare(model, x, logits) == (0, 0)
    logits[3] += 0.01
    with pytest.raises(
        ValueError, match=r"differ by up to 1\.0e-02 on 1 of 16 samples"
    ):
        checking.compare(model, x, logits)
    logits[3] = np.nan
    with pytest.raises(ValueError, match="up to nan on 1 of 16 samples"):
        checking.compare(model, x, logits)
    monkeypatch.undo()
    monkeypatch.setattr(checking, "_in_doubt", lambda *_: np.ones(16, bool))
    with pytest.raises(ValueError, match="on 16 of 16 samples"):
        checking.compare(model, x, logits + 1)


def test_a_sample_between_two_codes_may_differ(model):
    quantizer = model.quantizers["image"]
    codes = ops.convert_to_numpy(quantizer.embeddings)
    # Every feature of the image lies as near to a code as to its twin.
    quantizer.embeddings.assign(np.concatenate([codes[:4], codes[:4]]))
    try:
        x, logits = samples(model)
        logits[3] += 0.01
        difference, differing = checking.compare(model, x, logits)
    finally:
        quantizer.embeddings.assign(codes)
    assert differing == 1
    assert difference == pytest.approx(0.01, rel=1e-3)


# The command


def test_the_command_says_what_is_in_the_file(run, tmp_path):
    path = tmp_path / "model.keras"
    result = invoke("export", run.directory, "--format", "keras", "-o", path)
    assert result.exit_code == 0, result.output
    assert f"keras, written with {BACKEND}" in result.output
    assert "float32 (batch, 32, 32, 1)" in result.output
    assert "2 of 8" in result.output
    assert "3 of 8" in result.output
    facts = json.loads((tmp_path / "model.keras.json").read_text())
    assert facts["classes"] == list(RECIPE.classes)
    assert facts["channels"] == KEPT
    assert facts["dropped"] == []
    assert {each.name for each in tmp_path.iterdir()} == {
        "model.keras",
        "model.keras.json",
    }
    assert "--force" in error_of("export", run.directory, "-o", path, code=1)
    again = invoke("export", run.directory, "--format", "keras", "-o", path, "--force")
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    "format",
    [
        "keras",
        pytest.param("onnx", marks=needs_onnx),
        pytest.param("saved-model", marks=needs_tensorflow),
    ],
)
@pytest.mark.parametrize("size", [1, 2000])
def test_an_export_without_room_leaves_nothing(format, size, run, tmp_path):
    path = tmp_path / {"saved-model": "model"}.get(format, f"model.{format}")
    words = ("export", run.directory, "--format", format, "-o", path)
    with room(size):
        told = error_of(*words, code=1)
    assert str(path) in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("format", "output", "told"),
    [
        ("keras", "model.onnx", "must end in .keras"),
        ("onnx", "nowhere/model.onnx", "There is no folder"),
        ("saved-model", "run", "run already exists"),
    ],
)
def test_a_wrong_place_is_told_at_once(run, tmp_path, format, output, told):
    (tmp_path / "run").mkdir()
    path = tmp_path / output
    line = error_of("export", run.directory, "--format", format, "-o", path, code=1)
    assert told in line


@pytest.mark.once
def test_the_ending_says_the_format(tmp_path):
    assert formats.of_path("a.b/model.onnx") == "onnx"
    assert formats.of_path("model.keras") == "keras"
    assert formats.of_path("model.onnx/model") is None
    line = error_of("export", tmp_path, "-o", tmp_path / "model", code=2)
    assert "--format must be one of keras, onnx, saved-model where --output" in line


def test_a_folder_that_is_no_saved_model_is_never_replaced(tmp_path):
    with pytest.raises(FileExistsError, match="is not in the format saved-model"):
        formats.check_path("saved-model", tmp_path, force=True)
    (tmp_path / "saved_model.pb").touch()
    assert formats.check_path("saved-model", tmp_path, force=True) == tmp_path


def test_a_format_says_which_backend_and_which_extra_it_needs(monkeypatch):
    assert formats.choose_backend("keras") is None
    assert formats.choose_backend("keras", "jax") == "jax"
    with pytest.raises(ValueError, match=r"onnx is written with torch.*jax"):
        formats.choose_backend("onnx", "jax")
    found = {"torch", "tensorflow"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: name if name in found else None
    )
    with pytest.raises(ImportError, match=r'pip install "cmvq-keras\[onnx\]"'):
        formats.choose_backend("onnx")
    assert formats.choose_backend("saved-model") == "tensorflow"
    found.clear()
    with pytest.raises(ImportError, match=r'pip install "cmvq-keras\[saved-model\]"'):
        formats.choose_backend("saved-model")
