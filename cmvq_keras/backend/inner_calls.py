"""Layers one after another within a network, called without what changes nothing.

Keras's call of a layer converts, checks, opens scopes and looks for masks. Where a
network of this package calls its own parts eagerly (PyTorch), all of that was done for
the network itself, and on a small network it takes longer than the operations.
"""

import functools

import keras

_PACKAGES = ("keras", "cmvq_keras")


def _one_by_one(network, layers, inputs, training):
    for layer in layers:
        inputs = layer(inputs, training=training)
    return inputs


def _torch_in_turn(network, layers, inputs, training):
    if not _is_eager(network, inputs, training):
        return _one_by_one(network, layers, inputs, training)
    policy = network.dtype_policy
    for layer in layers:
        if not _is_plain(layer, inputs, policy):
            inputs = layer(inputs, training=training)
        elif layer._call_has_training_arg:
            inputs = layer.call(inputs, training=training)
        else:
            inputs = layer.call(inputs)
    return inputs


def _is_eager(network, inputs, training):
    """Whether a call computes values, as nothing around it wants it otherwise."""
    import torch
    from torch.nn.modules import module

    policy = network.dtype_policy
    return (
        training is not None
        and type(inputs) is torch.Tensor
        and not inputs.is_meta
        and type(policy) is keras.DTypePolicy
        and policy.compute_dtype == policy.variable_dtype
        and network.autocast
        and keras.distribution.distribution() is None
        and not (
            module._global_forward_hooks
            or module._global_forward_pre_hooks
            or module._global_backward_hooks
            or module._global_backward_pre_hooks
        )
        and not torch.compiler.is_exporting()
        and not torch.jit.is_tracing()
    )


def _is_plain(layer, inputs, policy):
    """Whether Keras's call of a layer would do nothing but its `call`."""
    return (
        _is_ours(type(layer))
        # The first call is Keras's: it builds.
        and layer._called
        and layer.built
        and layer.dtype_policy is policy
        and layer.autocast
        and layer.activity_regularizer is None
        and layer._remat_mode is None
        and not (
            layer._forward_hooks
            or layer._forward_pre_hooks
            or layer._backward_hooks
            or layer._backward_pre_hooks
        )
        and str(inputs.dtype)[6:] == policy.compute_dtype
        and getattr(inputs, "_keras_mask", None) is None
        and _fits(layer.input_spec, inputs.shape)
    )


@functools.cache
def _is_ours(kind):
    """Whether a class is Keras's or this package's, and called as Keras calls it."""
    return (
        kind.__module__.partition(".")[0] in _PACKAGES
        and not issubclass(kind, keras.Model)
        and kind.__call__ is keras.Layer.__call__
    )


def _fits(spec, shape):
    """Whether Keras's check of an input would pass; False where it has to look."""
    if spec is None:
        return True
    if not isinstance(spec, keras.InputSpec) or spec.shape or spec.dtype:
        return False
    rank = len(shape)
    return (
        spec.ndim in (None, rank)
        and (spec.min_ndim or 0) <= rank <= (spec.max_ndim or rank)
        and all(shape[axis] == size for axis, size in (spec.axes or {}).items())
    )


#: `in_turn(network, layers, inputs, training)`: what the last of a network's layers
#: gives, each called with the output of the one before. Hooks, and layers of other
#: packages, are called by Keras as ever.
in_turn = {"torch": _torch_in_turn}.get(keras.config.backend(), _one_by_one)
