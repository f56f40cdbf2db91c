"""The networks against the author's numbers, KerasCV and their own descriptions."""

import golden_numbers as golden
import keras
import numpy as np
import pytest
from gradients import gradients
from keras import ops

from cmvq_keras import networks
from cmvq_keras.interop.author_layout import network_slots

SMALL = {"hidden_channels": 16, "residual_channels": 8, "num_residual_layers": 2}
PUBLISHED = {
    "residual_stack": lambda: networks.ResidualStack(16, 8, 2),
    "encoder_image": lambda: networks.ResidualEncoder(**SMALL, num_stages=2),
    "encoder_audio": lambda: networks.ResidualEncoder(**SMALL, num_stages=3),
    "decoder_image": lambda: networks.ResidualDecoder(3, **SMALL, num_stages=2),
    "decoder_audio": lambda: networks.ResidualDecoder(1, **SMALL, num_stages=3),
}
EVERY = {
    "stack": (lambda: networks.ResidualStack(6, 4, 1), (4, 4, 6)),
    **{
        f"encoder_{n}": (
            lambda n=n: networks.ResidualEncoder(8, 4, 1, n, embedding_dim=6),
            (16, 32, 3),
        )
        for n in range(5)
    },
    **{
        f"decoder_{n}": (lambda n=n: networks.ResidualDecoder(3, 8, 4, 1, n), (2, 4, 6))
        for n in range(4)
    },
    "pose_encoder": (lambda: networks.PoseEncoder(8, 4, 1, 6, (4, 3)), (13, 3, 2)),
    "pose_decoder": (lambda: networks.PoseDecoder(13, 3, 2, 8, 4, 1), (4, 3, 6)),
    "resnet_encoder": (lambda: networks.ResNet18Encoder(8, 6), (16, 24, 3)),
    "resnet_decoder": (lambda: networks.ResNet18Decoder(3, 8), (2, 3, 6)),
    "classification": (
        lambda: networks.ClassificationSolver(5, 8, 4, 1, 16, seed=1),
        (5, 6, 12),
    ),
    "segmentation": (lambda: networks.SegmentationSolver(5, 8, 4, 1), (2, 3, 12)),
}


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def published(name):
    """The network with the author's weights, his numbers, and its slots."""
    numbers = golden.under(golden.load("layers"), name)
    network = PUBLISHED[name]()
    images = golden.to_channels_last(numbers["input"])
    network.build((None, *images.shape[1:]))
    slots = network_slots(network)
    weights = golden.under(numbers, "weights_before")
    assert {k for k in weights if not k.endswith("num_batches_tracked")} == set(slots)
    for key, slot in slots.items():
        slot.variable.assign(slot.to_keras(weights[key]))
    return network, numbers, slots, images


@pytest.mark.parametrize("name", PUBLISHED)
def test_outputs_in_evaluation_are_the_authors(name):
    network, numbers, _, images = published(name)
    output = golden.to_channels_first(numpy(network(images, training=False)))
    assert golden.deviation(output, numbers["output_eval"]) < 1e-5


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_training_call_is_the_authors(name):
    network, numbers, slots, images = published(name)
    probe = golden.to_channels_last(numbers["probe"])
    found = gradients(network, images, lambda y: ops.sum(ops.multiply(y, probe)))
    output = golden.to_channels_first(found.outputs)
    assert golden.deviation(output, numbers["output_train"]) < 1e-5
    of_input = golden.to_channels_first(found.inputs[0])
    assert golden.deviation(of_input, numbers["grad_input"]) < 1e-4
    _check_weight_gradients(network, found, slots, golden.under(numbers, "grad"))
    _check_state(numbers, slots, images)


def _check_weight_gradients(network, found, slots, expected):
    by_variable = {
        v.path: g
        for v, g in zip(network.trainable_variables, found.weights, strict=True)
    }
    assert len(by_variable) == len(expected)
    for key, gradient in expected.items():
        ours = slots[key].to_reference(by_variable[slots[key].variable.path])
        if _feeds_a_batch_norm(key, slots):
            scale = np.max(np.abs(expected[key.replace(".bias", ".weight")]))
            assert np.max(np.abs(ours)) < 1e-4 * scale, key
        else:
            assert golden.deviation(ours, gradient) < 1e-4, key


def _feeds_a_batch_norm(key, slots):
    """Every bias of a convolution but the last transposed one's is followed by BN."""
    if "_conv" not in key or not key.endswith(".bias"):
        return False
    last = max((k for k in slots if "_conv_trans" in k), default="")
    return key.rsplit(".", 1)[0] != last.rsplit(".", 1)[0]


def _check_state(numbers, slots, images):
    before = golden.under(numbers, "weights_before")
    after = golden.under(numbers, "weights_after")
    for key, slot in slots.items():
        expected = after[key]
        if key.endswith("running_var"):
            count = _values_a_channel(key, numbers, images)
            expected = golden.biased_variance(before[key], expected, count)
        ours = slot.to_reference(numpy(slot.variable))
        assert golden.deviation(ours, expected) < 1e-5, key


def _values_a_channel(key, numbers, images):
    """Batch x height x width where a batch norm stands."""
    batch, side = images.shape[0], images.shape[1]
    sides = {"_bn_1.": 2, "_bn_2.": 4}
    if "conv_trans_1.weight" in "".join(numbers):  # a decoder: sides grow
        sides = {"_bn.": 0.5, "_bn_1.": 0.5, "_bn_2.": 0.25}
    for prefix, factor in sides.items():
        if key.startswith(prefix) and "weights_before/_conv_1.weight" in numbers:
            return batch * int(side / factor) ** 2
    # The residual stack works on the grid: the smaller of input and output.
    return batch * min(side, numbers["output_eval"].shape[-1]) ** 2


@pytest.mark.parametrize("name", EVERY)
def test_a_saved_network_predicts_the_same(name, tmp_path):
    make, shape = EVERY[name]
    inputs = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    network = make()
    again = type(network).from_config(network.get_config())
    assert again.get_config() == network.get_config()
    model = keras.Sequential([keras.Input(shape), network])
    model(inputs, training=True)
    expected = numpy(model(inputs, training=False))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(numpy(loaded(inputs)), expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))


@pytest.mark.parametrize(
    ("name", "policy"),
    [(name, "mixed_float16") for name in EVERY]
    + [(name, "mixed_bfloat16") for name in ("encoder_3", "classification")]
    + [(name, "float32") for name in ("decoder_0", "segmentation")],
)
def test_output_shape_is_as_computed_and_finite(name, policy):
    make, shape = EVERY[name]
    network = make()
    network = type(network).from_config({**network.get_config(), "dtype": policy})
    expected = network.compute_output_shape((2, *shape))
    inputs = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    outputs = network(inputs, training=True)
    assert tuple(outputs.shape) == expected == network.compute_output_shape((2, *shape))
    assert bool(ops.all(ops.isfinite(outputs)))
    solver = name in ("classification", "segmentation")
    wanted = "float32" if solver else keras.DTypePolicy(policy).compute_dtype
    assert keras.backend.standardize_dtype(outputs.dtype) == wanted
    for variable in network.variables:
        assert "seed" in variable.path or variable.dtype == "float32"


@pytest.mark.parametrize(
    ("encoder", "decoder", "shape", "grid"),
    [
        ({"num_stages": 2}, {"output_channels": 3}, (128, 128, 3), (32, 32, 64)),
        (
            {"num_stages": 3},
            {"output_channels": 1, "num_stages": 3},
            (256, 256, 1),
            (32, 32, 64),
        ),
        (
            {"num_stages": 1, "hidden_channels": 64, "residual_channels": 12},
            {"output_channels": 1, "num_stages": 1, "hidden_channels": 64},
            (32, 32, 1),
            (16, 16, 32),
        ),
    ],
)
def test_published_shapes(encoder, decoder, shape, grid):
    encoder = networks.ResidualEncoder(**encoder, embedding_dim=grid[-1])
    assert encoder.compute_output_shape((None, *shape)) == (None, *grid)
    decoder = networks.ResidualDecoder(**decoder)
    assert decoder.compute_output_shape((None, *grid)) == (None, *shape)


def test_published_pose_shapes():
    encoder = networks.PoseEncoder(embedding_dim=64)
    assert encoder.compute_output_shape((None, 100, 13, 3)) == (None, 32, 32, 64)
    decoder = networks.PoseDecoder(100, 13, 3)
    assert decoder.compute_output_shape((None, 32, 32, 64)) == (None, 100, 13, 3)


def test_weights_start_as_in_pytorch():
    keras.utils.set_random_seed(0)
    encoder = networks.ResidualEncoder(32, 16, 2, 2)
    encoder.build((None, 8, 8, 3))
    layer = encoder.part("conv_2")
    limit = 1 / np.sqrt(16 * 16)
    assert 0.9 * limit < np.max(np.abs(numpy(layer.kernel))) <= limit
    assert 0.5 * limit < np.max(np.abs(numpy(layer.bias))) <= limit
    assert abs(np.std(numpy(layer.kernel)) - limit / np.sqrt(3)) < 0.05 * limit
    decoder = networks.ResidualDecoder(3, 32, 16, 1, 2)
    decoder.build((None, 4, 4, 6))
    # torch.nn.ConvTranspose2d counts the kernel's output channels as its fan-in.
    kernel = numpy(decoder.part("transposed_1").kernel)
    assert 0.95 / np.sqrt(16 * 16) < np.max(np.abs(kernel)) <= 1 / np.sqrt(16 * 16)


def test_padded_max_pool_ignores_its_padding():
    pool = networks.parts.PaddedMaxPooling2D(dtype="float16")
    inputs = -np.arange(1, 17, dtype="float16").reshape(1, 4, 4, 1)
    expected = np.array([[-1, -2], [-5, -6]], "float16").reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(numpy(pool(inputs)), expected)


def test_resnet18_has_the_published_parameter_count():
    encoder = networks.ResNet18Encoder(32)
    encoder.build((None, 64, 64, 3))
    assert encoder.count_params() == 11_186_112


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_resnet18_decoder_mirrors_its_encoder(stride):
    encoder = networks.ResNet18Encoder(stride, embedding_dim=8)
    grid = encoder.compute_output_shape((None, 64, 96, 3))
    assert grid == (None, 64 // stride, 96 // stride, 8)
    decoder = networks.ResNet18Decoder(3, stride)
    assert decoder.compute_output_shape(grid) == (None, 64, 96, 3)


def keras_cv_backbone():
    keras_cv = pytest.importorskip("keras_cv", reason="needs the extra keras-cv")
    return keras_cv.models.ResNetBackbone(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=[2, 2, 2, 2],
        stackwise_strides=[1, 2, 2, 2],
        block_type="basic_block",
        include_rescaling=False,
        input_shape=(64, 64, 3),
    )


@pytest.mark.cross
def test_resnet18_equals_keras_cv_with_its_weights():
    backbone = keras_cv_backbone()
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 64, 64, 3)).astype("float32")
    backbone(images, training=True)
    encoder = networks.ResNet18Encoder(32)
    encoder.build((None, 64, 64, 3))
    networks.load_keras_cv_weights(encoder, backbone)
    assert backbone.count_params() == encoder.count_params() == 11_186_112
    expected = numpy(backbone(images, training=False))
    assert golden.deviation(numpy(encoder(images, training=False)), expected) < 1e-5


@pytest.mark.cross
def test_an_early_cut_takes_keras_cv_weights():
    backbone = keras_cv_backbone()
    encoder = networks.ResNet18Encoder(8, embedding_dim=4)
    encoder.build((None, 64, 64, 3))
    networks.load_keras_cv_weights(encoder, backbone)
    first = encoder.part("stage_2_1").shortcut[0]
    expected = backbone.get_layer("v2_stack_1_block1_0_conv").get_weights()[0]
    np.testing.assert_array_equal(numpy(first.kernel), expected)


def test_keras_cv_weights_of_another_network_are_refused():
    encoder = networks.ResNet18Encoder(4)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="must be built"):
        networks.load_keras_cv_weights(encoder, other)
    encoder.build((None, 16, 16, 3))
    with pytest.raises(ValueError, match=r"without the layers.*conv1_conv"):
        networks.load_keras_cv_weights(encoder, other)


def test_dropout_acts_in_training_alone():
    solver = networks.ClassificationSolver(3, 8, 4, 1, 16, dropout=0.5, seed=3)
    inputs = np.random.default_rng(0).normal(size=(4, 8, 8, 6)).astype("float32")
    frozen = [numpy(solver(inputs)) for _ in range(2)]
    np.testing.assert_array_equal(*frozen)
    moving = [numpy(solver(inputs, training=True)) for _ in range(2)]
    assert np.max(np.abs(moving[0] - moving[1])) > 0


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (
            lambda: networks.ResidualEncoder(8, 4),
            (None, 30, 32, 3),
            r"height \(axis 1\) must be divisible by 4.*Received: input_shape=",
        ),
        (
            lambda: networks.ResidualEncoder(8, 4),
            (None, 32, 32),
            r"4 axes, \(batch, height, width, channels\).*Received",
        ),
        (
            lambda: networks.ResidualDecoder(3, 8, 4),
            (None, 8, 8, None),
            r"channels \(axis 3\) must be known.*Received",
        ),
        (
            lambda: networks.ResidualStack(8, 4, 1),
            (None, 8, 8, 7),
            r"channels \(axis 3\) must be 8.*Received",
        ),
        (
            lambda: networks.ResNet18Encoder(16),
            (None, 64, 40, 3),
            r"width \(axis 2\) must be divisible by 16.*Received",
        ),
        (
            lambda: networks.PoseEncoder(8, 4, 1, grid=(4, 4)),
            (None, 17, 3, 2),
            r"steps \(axis 1 of the poses\) must be at most 16.*Received",
        ),
        (
            lambda: networks.PoseEncoder(8, 4, 1, grid=(4, 4)),
            (None, 16, None, 2),
            r"joints \(axis 2\) must be known.*Received",
        ),
        (
            lambda: networks.PoseDecoder(17, 3, 2, 8, 4, 1),
            (None, 4, 4, 6),
            r"at most 16.*Received: steps=17",
        ),
        (
            lambda: networks.ClassificationSolver(5, 8, 4),
            (None, None, 8, 6),
            r"height \(axis 1\) must be known.*Received",
        ),
    ],
)
def test_a_wrong_shape_names_its_axis(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().build(shape)
    with pytest.raises(ValueError, match=message):
        make().compute_output_shape(shape)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: networks.ResidualEncoder(0, 4), ValueError, "hidden_channels=0"),
        (lambda: networks.ResidualEncoder(7, 4), ValueError, "divisible by 2"),
        (lambda: networks.ResidualDecoder(3, 6, 4, 1, 3), ValueError, "divisible by 4"),
        (lambda: networks.ResidualEncoder(8, 4.5), TypeError, "residual_channels=4.5"),
        (lambda: networks.ResNet18Encoder(2), ValueError, "one of.*grid_stride=2"),
        (lambda: networks.PoseEncoder(6), ValueError, "divisible by 4"),
        (lambda: networks.PoseEncoder(8, grid=4), ValueError, r"\(height, width\)"),
        (
            lambda: networks.ClassificationSolver(5, 8, 4, dropout=1.5),
            ValueError,
            r"\[0, 1\). Received: 1.5",
        ),
    ],
)
def test_a_wrong_setting_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
