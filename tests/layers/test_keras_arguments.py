"""Each constructor argument of Keras's layers does here what it does there."""

import inspect

import keras
import numpy as np
import pytest

from cmvq_keras import layers

SHAPE = (2, 6, 6, 4)

CONVOLUTION = {
    "strides": 2,
    "padding": "same",
    "data_format": "channels_first",
    "dilation_rate": 2,
    "activation": "relu",
    "use_bias": False,
    "kernel_initializer": "ones",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l2",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "non_neg",
}
NORMALIZATION = {
    "axis": 1,
    "momentum": 0.5,
    "epsilon": 0.1,
    "center": False,
    "scale": False,
    "beta_initializer": "ones",
    "gamma_initializer": "zeros",
    "moving_mean_initializer": "ones",
    "moving_variance_initializer": "zeros",
    "beta_regularizer": "l2",
    "gamma_regularizer": "l2",
    "beta_constraint": "non_neg",
    "gamma_constraint": "non_neg",
    "renorm": True,
    "renorm_clipping": {"rmax": 1.5},
    "renorm_momentum": 0.5,
}
SIZE_3 = {"filters": 4, "kernel_size": 3}
FAST = {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same"}
#: By layer: settings to start from, and another value for each argument.
CASES = {
    "Conv2D": (SIZE_3, {**CONVOLUTION, "groups": 2}),
    "Conv2DTranspose": (FAST, {**CONVOLUTION, "strides": 1, "padding": "valid"}),
    "BatchNormalization": ({}, NORMALIZATION),
}
OWN = {"Conv2DTranspose": {"output_padding": 1, "kernel_size": 3}}
#: What an argument needs beside it.
DILATED = ("Conv2DTranspose", "dilation_rate")
BESIDE = {"renorm_clipping": {"renorm": True}, "dilation_rate": {"strides": 1}}
OF_ALL = {"dtype": "mixed_bfloat16", "trainable": False}
# TensorFlow's own: a test of several devices has it.
LEFT_OUT = {"self", "kwargs", "filters", "kernel_size", "synchronized"}


def changes(name):
    return {**CASES[name][1], **OWN.get(name, {}), **OF_ALL}


def every_change():
    return [(name, key) for name in CASES for key in changes(name)]


def data():
    rng = np.random.default_rng(0)
    return (rng.normal(size=SHAPE) * [1, 5, 9, 2] + [0, 1, 2, 3]).astype("float32")


def results(layer, weights=None):
    """Outputs in training and at inference, the losses of the training call, and the
    weights after it."""
    layer.build(SHAPE)
    if weights is not None:
        layer.set_weights(weights)
    start = layer.get_weights()
    options = {"training": True} if layer._call_has_training_arg else {}
    found = [layer(data(), **options)]
    losses = [float(each) for each in layer.losses]
    found.append(layer(data()))
    found = [keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in found]
    return start, found, losses, layer.get_weights()


@pytest.mark.once
@pytest.mark.parametrize("name", CASES)
def test_no_argument_of_keras_is_forgotten(name):
    known = inspect.signature(getattr(keras.layers, name).__init__).parameters
    assert set(known) - LEFT_OUT == set(changes(name)) - {*OF_ALL, "kernel_size"}


@pytest.mark.parametrize(("name", "argument"), every_change())
def test_an_argument_does_what_it_does_in_keras(name, argument):
    start = CASES[name][0]
    settings = {**start, **BESIDE.get(argument, {}), argument: changes(name)[argument]}
    if keras.backend.backend() == "tensorflow" and argument == "data_format":
        pytest.skip("TensorFlow's convolutions on a CPU want channels last")
    if keras.backend.backend() == "tensorflow" and (name, argument) == DILATED:
        pytest.skip("TensorFlow cannot dilate a transposed convolution on a CPU")
    weights, expected, losses, after = results(getattr(keras.layers, name)(**settings))
    _, found, own_losses, own_after = results(
        getattr(layers, name)(**settings), weights
    )
    wide = argument != "dtype"
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if wide else {"rtol": 0.05, "atol": 0.3}
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, **tolerance)
    np.testing.assert_allclose(own_losses, losses, rtol=1e-4)
    for ours, theirs in zip(own_after, after, strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerance)


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "bool"])
def test_maps_of_any_numeric_type_are_cast(name, dtype):
    layer = getattr(layers, name)(**FAST)
    maps = np.random.default_rng(0).integers(0, 2, SHAPE)
    found = keras.ops.convert_to_numpy(layer(maps.astype(dtype)))
    expected = keras.ops.convert_to_numpy(layer(maps.astype("float32")))
    np.testing.assert_array_equal(found, expected)


def test_batch_normalization_takes_a_mask_as_keras_does():
    mask = np.random.default_rng(1).integers(0, 2, SHAPE[:-1]).astype(bool)
    ours, theirs = layers.BatchNormalization(), keras.layers.BatchNormalization()
    found, expected = (
        keras.ops.convert_to_numpy(layer(data(), training=True, mask=mask))
        for layer in (ours, theirs)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
