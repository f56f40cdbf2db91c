"""Convolutions and batch norm against their equations in float64 numpy."""

import keras
import numpy as np
import pytest
import reference
from gradients import gradients
from keras import ops

from cmvq_keras.backend import kernels
from cmvq_keras.backend.numerics import codebook_center
from cmvq_keras.layers import BatchNormalization, Conv2D, Conv2DTranspose
from cmvq_keras.networks import initializers

CONVOLUTIONS = [(3, 1, 5, 7), (4, 2, 5, 7), (4, 2, 1, 6), (1, 1, 4, 6), (3, 2, 4, 5)]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def windows(x, size, stride):
    """Every value under each place of a kernel: (size, size, batch, h, w, channels),
    for "same" padding."""
    batch, height, width, channels = x.shape
    rows, columns = -(-height // stride), -(-width // stride)
    missing = [
        max((count - 1) * stride + size - side, 0)
        for count, side in ((rows, height), (columns, width))
    ]
    around = [(each // 2, each - each // 2) for each in missing]
    padded = np.pad(np.float64(x), [(0, 0), *around, (0, 0)])
    found = np.empty((size, size, batch, rows, columns, channels))
    for i in range(size):
        for j in range(size):
            shifted = padded[:, i:, j:][:, ::stride, ::stride]
            found[i, j] = shifted[:, :rows, :columns]
    return found


def backwards(small, kernel, shape, size, stride):
    """The gradient that a convolution's input gets: every product to its place."""
    found = np.zeros(shape)
    for index in np.ndindex(*shape):
        one = np.zeros(shape)
        one[index] = 1.0
        found[index] = np.einsum(
            "ijbhwc,ijco,bhwo->", windows(one, size, stride), kernel, small
        )
    return found


@pytest.mark.parametrize(("size", "stride", "channels", "filters"), CONVOLUTIONS)
def test_a_convolution_and_its_gradients_follow_the_equations(
    size, stride, channels, filters
):
    x = draw(2, 6, 4, channels)
    layer = Conv2D(filters, size, strides=stride, padding="same")
    layer.build(x.shape)
    kernel = ops.convert_to_numpy(layer.kernel)
    bias = draw(filters, seed=1)
    layer.bias.assign(bias)
    seen = windows(x, size, stride)
    expected = np.einsum("ijbhwc,ijco->bhwo", seen, kernel) + bias
    probe = draw(*expected.shape, seed=2)
    found = gradients(layer, x, lambda y: ops.sum(y * ops.convert_to_tensor(probe)))
    np.testing.assert_allclose(found.outputs, expected, atol=1e-5)
    of_kernel = np.einsum("ijbhwc,bhwo->ijco", seen, probe)
    np.testing.assert_allclose(found.weights[0], of_kernel, atol=1e-4)
    np.testing.assert_allclose(found.weights[1], probe.sum((0, 1, 2)), atol=1e-4)
    of_inputs = backwards(probe, kernel, x.shape, size, stride)
    np.testing.assert_allclose(found.inputs[0], of_inputs, atol=1e-4)


@pytest.mark.parametrize("filters", [1, 5])
def test_a_transposed_convolution_is_the_adjoint_of_a_convolution(filters):
    x = draw(2, 3, 2, 4)
    layer = Conv2DTranspose(filters, 4, strides=2, padding="same")
    layer.build(x.shape)
    kernel = ops.convert_to_numpy(layer.kernel)
    shape = (2, 6, 4, filters)
    expected = backwards(np.float64(x), kernel, shape, 4, 2)
    probe = draw(*shape, seed=2)
    found = gradients(layer, x, lambda y: ops.sum(y * ops.convert_to_tensor(probe)))
    np.testing.assert_allclose(found.outputs, expected, atol=1e-5)
    seen = windows(probe, 4, 2)
    of_kernel = np.einsum("ijbhwc,bhwo->ijco", seen, x)
    np.testing.assert_allclose(found.weights[0], of_kernel, atol=1e-4)
    of_inputs = np.einsum("ijbhwc,ijco->bhwo", seen, kernel)
    np.testing.assert_allclose(found.inputs[0], of_inputs, atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 3), (2, 3, 4, 3), (1, 1, 1, 3)])
def test_batch_norm_and_its_gradient_follow_the_equations(shape):
    x = draw(*shape) * 3 + 5
    layer = BatchNormalization(momentum=0.9, epsilon=1e-3)
    layer.build(shape)
    scale, offset = draw(3, seed=1), draw(3, seed=2)
    layer.gamma.assign(scale)
    layer.beta.assign(offset)
    probe = draw(*shape, seed=3)
    found = gradients(layer, x, lambda y: ops.sum(y * ops.convert_to_tensor(probe)))
    axes = tuple(range(len(shape) - 1))
    mean, variance = np.float64(x).mean(axes), np.float64(x).var(axes)
    deviation = np.sqrt(variance + 1e-3)
    normal = (x - mean) / deviation
    np.testing.assert_allclose(found.outputs, normal * scale + offset, atol=1e-4)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.moving_mean), 0.1 * mean, 1e-4
    )
    moving = ops.convert_to_numpy(layer.moving_variance)
    np.testing.assert_allclose(moving, 0.9 + 0.1 * variance, 1e-4)
    through = probe - probe.mean(axes) - normal * (probe * normal).mean(axes)
    expected = scale / deviation * through
    np.testing.assert_allclose(found.inputs[0], expected, atol=2e-4)
    np.testing.assert_allclose(found.weights[0], (probe * normal).sum(axes), atol=1e-3)
    np.testing.assert_allclose(found.weights[1], probe.sum(axes), atol=1e-4)


def test_the_order_in_memory_changes_no_value():
    values = draw(3, 3, 4, 5)
    variable = keras.Variable(values)
    kernels.to_channels_last([variable])
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), values)
    variable.assign(2 * values)
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), 2 * values)


@pytest.mark.skipif(
    keras.config.backend() != "torch", reason="the others have no order"
)
def test_what_an_optimizer_keeps_lies_as_its_kernel_before_the_first_step():
    model = keras.Sequential([keras.layers.Conv2D(3, 2)])
    model.build((None, 4, 4, 2))
    model.compile(keras.optimizers.SGD(momentum=0.9))
    kernels.prepare_optimizer(model)
    (momentum,) = (each for each in model.optimizer.variables if len(each.shape) == 4)
    assert momentum.value.permute(3, 0, 1, 2).is_contiguous()


def in_a_graph(vectors, codebook):
    """`kernels.nearest` as a compiled model calls it, for a batch of any size."""
    if keras.config.backend() == "jax":
        import jax

        return jax.jit(kernels.nearest)(vectors, codebook)
    import tensorflow as tf

    kinds = [tf.TensorSpec((None, vectors.shape[1])), tf.TensorSpec(codebook.shape)]
    return tf.function(kernels.nearest, kinds)(vectors, codebook)


#: PyTorch compiles nothing.
WAYS = [kernels.nearest]
if keras.config.backend() != "torch":
    WAYS.append(in_a_graph)


@pytest.mark.parametrize("nearest", WAYS)
@pytest.mark.parametrize("count", [5, 32_773])
def test_nearest_codes_of_few_and_of_many_vectors(count, nearest):
    vectors, codebook = draw(count, 3), draw(8, 3, seed=1)
    # Of equally near codes the first.
    codebook[6] = codebook[2]
    found = nearest(ops.convert_to_tensor(vectors), ops.convert_to_tensor(codebook))
    expected, _ = reference.nearest(vectors, codebook)
    unequal = np.delete(codebook, 6, axis=0)
    _, margin = reference.nearest(vectors, unequal)
    found, sure = ops.convert_to_numpy(found), margin > 1e-4
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found[sure], expected[sure])
    assert sure.mean() > 0.9
    assert 6 not in found


def test_no_vectors_have_no_codes():
    vectors, codebook = map(ops.convert_to_tensor, (draw(0, 3), draw(8, 3)))
    assert tuple(kernels.nearest(vectors, codebook).shape) == (0,)


@pytest.mark.parametrize("nearest", WAYS)
@pytest.mark.parametrize("channels", [[1], [0, 1, 2, 3]])
@pytest.mark.parametrize("offset", [1e3, 1e4, -1e5])
def test_nearest_codes_far_from_zero_are_as_exact_as_near_it(offset, channels, nearest):
    vectors, codebook = 10 * draw(500, 4), 10 * draw(16, 4, seed=1)
    vectors[:, channels] += offset
    codebook[:, channels] += offset
    found = nearest(ops.convert_to_tensor(vectors), ops.convert_to_tensor(codebook))
    # Of what float32 holds: the offset has rounded the numbers themselves.
    expected, margin = reference.nearest(vectors, codebook)
    sure = margin > 1e-2
    np.testing.assert_array_equal(ops.convert_to_numpy(found)[sure], expected[sure])
    assert sure.mean() > 0.98


@pytest.mark.parametrize("nearest", WAYS)
@pytest.mark.parametrize("count", [300, 20_000])
@pytest.mark.parametrize("apart", [1e3, 1e5, 1e7])
def test_nearest_codes_of_groups_far_apart_are_the_nearest(apart, count, nearest):
    codebook, vectors = draw(32, 4), draw(count, 4, seed=1)
    # Where float32 keeps a few bits of what is within a group.
    for values in (codebook, vectors):
        values[:, :2] *= max(1.0, apart / 1e5)
    codebook[:16, 0] += apart
    codebook[16:, 0] -= apart
    vectors[: count // 2, 0] += apart
    vectors[count // 2 :, 0] -= apart
    # One that lies on its code, and equal codes.
    vectors[0], codebook[20] = codebook[3], codebook[19]
    found = nearest(ops.convert_to_tensor(vectors), ops.convert_to_tensor(codebook))
    _, margin = reference.nearest(vectors, np.delete(codebook, 20, axis=0))
    expected, _ = reference.nearest(vectors, codebook)
    found, sure = ops.convert_to_numpy(found), margin > 1e-3
    np.testing.assert_array_equal(found[sure], expected[sure])
    assert sure.mean() > 0.98
    assert found[0] == 3


def test_codes_around_zero_are_not_moved():
    codebook = draw(64, 5)
    center = ops.convert_to_numpy(codebook_center(ops.convert_to_tensor(codebook)))
    np.testing.assert_array_equal(center, np.zeros(5))
    codebook[:, 3] += 7
    center = ops.convert_to_numpy(codebook_center(ops.convert_to_tensor(codebook)))
    np.testing.assert_allclose(center, [0, 0, 0, codebook[:, 3].mean(), 0], rtol=1e-6)


@pytest.mark.skipif(keras.config.backend() != "torch", reason="PyTorch's switch")
def test_no_gpu_rounds_distances_whatever_a_user_has_chosen(monkeypatch):
    import torch

    seen = []

    def product(self, other):
        seen.append(torch.get_float32_matmul_precision())
        return torch.matmul(self, other)

    monkeypatch.setattr(torch.Tensor, "__matmul__", product)
    # Keras's own operations know no such device.
    monkeypatch.setattr(kernels._room, "codebook_center", lambda codes: codes[0])
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        # Stands for a GPU: values are not computed.
        with torch.device("meta"):
            found = kernels.nearest(torch.zeros(6, 3), torch.zeros(4, 3))
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen == ["highest"]
    assert found.shape == (6,)


class Difference(keras.Layer):
    def call(self, inputs, training=None):
        return kernels.squared_difference(*inputs)


def test_a_squared_difference_has_its_gradients():
    a, b, weight = draw(4, 3), draw(4, 3, seed=1), draw(4, 3, seed=2)
    found = gradients(
        Difference(), [a, b], lambda outputs: ops.sum(ops.multiply(outputs, weight))
    )
    expected = 2 * np.float64(weight) * (np.float64(a) - b)
    np.testing.assert_allclose(found.outputs, np.square(a - b), rtol=1e-6)
    np.testing.assert_allclose(found.inputs[0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.inputs[1], -expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (7,), (3, 3, 5, 300), (2, 1100000)])
def test_starts_of_weights_are_keras_s(shape):
    uniform = keras.initializers.RandomUniform(-0.3, 0.3, seed=4)
    found = initializers.Uniform(-0.3, 0.3, seed=4)(shape, "float32")
    same(found, uniform(shape, "float32"))
    assert isinstance(found, type(uniform(shape, "float32")))


def test_the_start_of_a_residual_network_is_keras_s():
    shape = (3, 3, 5, 60)
    known = keras.initializers.VarianceScaling(2.0, "fan_out", seed=4)(shape)
    started = initializers.he_normal(9 * 60)
    found = type(started).from_config({**started.get_config(), "seed": 4})(shape)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(known), rtol=1e-6
    )


def same(found, known):
    np.testing.assert_array_equal(
        ops.convert_to_numpy(found), ops.convert_to_numpy(known)
    )
