"""The parts of a network: called as Keras would, with all that hangs on them."""

import keras
import numpy as np
import pytest

from cmvq_keras import networks
from cmvq_keras.networks import parts

has_hooks = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="hooks are PyTorch's"
)


def _data():
    values = np.random.default_rng(0).normal(size=(3, 4, 4, 6))
    return keras.ops.convert_to_tensor(values.astype("float32"))


def _numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def _called(network):
    """The network after a first call, which is Keras's own."""
    network(_data())
    return network


class Chained(parts.Chain):
    """A chain of given layers."""

    def __init__(self, made):
        super().__init__()
        self.made = made

    def make_parts(self, input_shape):
        """Those."""
        return self.made


class Own(keras.layers.Layer):
    """A user's layer, whose whole call counts."""

    def __init__(self):
        super().__init__()
        self.calls, self.training = 0, None

    def __call__(self, *args, **kwargs):
        """Counted."""
        self.calls += 1
        return super().__call__(*args, **kwargs)

    def call(self, inputs, training=None):
        """Twice the input."""
        self.training = training
        return 2 * inputs

    def compute_output_shape(self, input_shape):
        """The input's."""
        return input_shape


@pytest.mark.parametrize("training", [False, True])
def test_a_network_gives_what_its_layers_called_one_by_one_give(training):
    network, again = (networks.ResidualStack(6, 4, 1) for _ in range(2))
    for each in (network, again):
        _called(each)
    again.set_weights(network.get_weights())
    expected = _data()
    for part in again.parts[0].parts:
        expected = part(expected, training=training)
    expected = _data() + expected
    for part in again.parts[1:]:
        expected = part(expected, training=training)
    found = network(_data(), training=training)
    np.testing.assert_array_equal(_numpy(found), _numpy(expected))
    for one, other in zip(network.weights, again.weights, strict=True):
        np.testing.assert_array_equal(_numpy(one), _numpy(other), err_msg=one.path)


def test_a_layer_of_the_users_own_is_called_by_keras():
    own = Own()
    network = _called(Chained([parts.relu(keras.layers.ReLU(), "relu"), own]))
    before = own.calls
    found = network(_data(), training=True)
    assert own.calls == before + 1
    assert own.training is True
    np.testing.assert_array_equal(_numpy(found), 2 * np.maximum(_numpy(_data()), 0))


def test_a_layer_that_penalizes_its_outputs_still_does():
    made = [keras.layers.ReLU(activity_regularizer=keras.regularizers.L2(0.5))]
    network = _called(Chained(made))
    values = np.maximum(_numpy(_data()), 0)
    network(_data(), training=True)
    penalty = _numpy(network.losses[-1])
    np.testing.assert_allclose(penalty, 0.5 * np.sum(values**2) / 3, rtol=1e-5)


def test_a_call_that_does_not_fit_gets_the_error_of_keras():
    network = _called(networks.ResidualEncoder(8, 4, 1, 1, embedding_dim=6))
    with pytest.raises(ValueError, match="expected axis -1"):
        network(keras.ops.ones((3, 4, 4, 5)), training=False)


@has_hooks
@pytest.mark.parametrize("deep", [False, True])
def test_hooks_of_inner_layers_run(deep):
    network = _called(networks.ResidualStack(6, 4, 1))
    part = network.parts[0].parts[0] if deep else network.parts[1]
    seen = []
    handles = [
        part.register_forward_pre_hook(lambda *_: seen.append("before")),
        part.register_forward_hook(lambda *_: seen.append("after")),
        part.register_full_backward_hook(lambda *_: seen.append("gradient")),
    ]
    inputs = _data().requires_grad_()
    network(inputs, training=True).sum().backward()
    assert seen == ["before", "after", "gradient"]
    for handle in handles:
        handle.remove()
    network(_data(), training=True)
    assert len(seen) == 3


@has_hooks
def test_hooks_of_all_modules_see_the_inner_layers():
    from torch.nn.modules import module

    network = _called(networks.ResidualStack(6, 4, 1))
    names = []
    hook = module.register_module_forward_hook(
        lambda layer, *_: names.append(getattr(layer, "name", None))
    )
    try:
        network(_data(), training=False)
    finally:
        hook.remove()
    assert {"bn_1", "relu_2", "conv_2", "residual_1", "bn"} <= set(names)


@has_hooks
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_keras_is_asked_once_a_network_in_float32(monkeypatch, dtype):
    network = _called(networks.ResidualStack(6, 4, 1, dtype=dtype))
    called, original = [], keras.Operation.__call__

    def counted(layer, *args, **kwargs):
        called.append(layer.name)
        return original(layer, *args, **kwargs)

    monkeypatch.setattr(keras.Operation, "__call__", counted)
    network(_data(), training=True)
    layers = 1 + len(network.parts) + len(network.parts[0].parts)
    assert len(called) == (1 if dtype == "float32" else layers)
