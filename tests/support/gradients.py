"""Gradients of a layer on whichever backend runs, as numpy arrays."""

import dataclasses
from typing import Any

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Gradients:
    """What one forward and backward pass gives.

    Attributes:
        outputs: the layer's outputs as numpy arrays, in their own structure.
        inputs: one gradient per array of the inputs, in `keras.tree.flatten` order
            (None for an input of integers).
        weights: one gradient per entry of `layer.trainable_variables`.
        objective: the value that was differentiated.
    """

    outputs: Any
    inputs: list
    weights: list
    objective: float


def gradients(layer, inputs, objective, training=True, add_losses=False):
    """Differentiates `objective(layer(inputs))`.

    The layer's state (moving statistics, codebooks, seeds) afterwards is that of a
    plain call with the same `training`, on JAX too.

    Args:
        layer: a keras layer or model, built or not.
        inputs: an array, or a list, tuple or dict of arrays: the layer's one
            positional argument.
        objective: a function of the outputs that returns a scalar tensor, written
            with keras.ops.
        training: handed to the layer.
        add_losses: add `sum(layer.losses)`, that is regularizers and `add_loss`.

    Returns:
        A `Gradients`.
    """
    inputs = keras.tree.map_structure(np.asarray, inputs)
    run = {"jax": _jax, "torch": _torch, "tensorflow": _tensorflow}
    return run[keras.backend.backend()](layer, inputs, objective, training, add_losses)


def _is_float(array):
    return np.issubdtype(array.dtype, np.floating)


def _gather(outputs, arrays, input_gradients, weight_gradients, value):
    """Numpy copies; a weight or input that the objective does not reach gets zeros."""
    remaining = iter(input_gradients)
    return Gradients(
        outputs=keras.tree.map_structure(keras.ops.convert_to_numpy, outputs),
        inputs=[next(remaining) if _is_float(a) else None for a in arrays],
        weights=weight_gradients,
        objective=float(keras.ops.convert_to_numpy(value)),
    )


def _jax(layer, inputs, objective, training, add_losses):
    import jax

    arrays = keras.tree.flatten(inputs)
    floats = [jax.numpy.asarray(a) for a in arrays if _is_float(a)]
    if not layer.built:
        layer(inputs, training=False)

    def evaluate(trainable, floats, non_trainable):
        remaining = iter(floats)
        flat = [next(remaining) if _is_float(a) else a for a in arrays]
        mapping = [
            *zip(layer.trainable_variables, trainable, strict=True),
            *zip(layer.non_trainable_variables, non_trainable, strict=True),
        ]
        # layer.stateless_call would skip __call__, and with it the casts of inputs and
        # weights to the compute dtype.
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
            outputs = layer(
                keras.tree.pack_sequence_as(inputs, flat), training=training
            )
            value = objective(outputs)
            if add_losses:
                value = value + sum(layer.losses)
        state = [scope.get_current_value(v) for v in layer.non_trainable_variables]
        return value, (outputs, state)

    (value, (outputs, state)), (weight_gradients, input_gradients) = jax.value_and_grad(
        evaluate, argnums=(0, 1), has_aux=True
    )(
        [v.value for v in layer.trainable_variables],
        floats,
        [v.value for v in layer.non_trainable_variables],
    )
    for variable, new in zip(layer.non_trainable_variables, state, strict=True):
        variable.assign(new)
    return _gather(
        outputs,
        arrays,
        [np.array(g) for g in input_gradients],
        [np.array(g) for g in weight_gradients],
        value,
    )


def _torch(layer, inputs, objective, training, add_losses):
    import torch

    if not layer.built:
        layer(inputs, training=False)
    arrays = keras.tree.flatten(inputs)
    flat = [keras.ops.convert_to_tensor(a) for a in arrays]
    floats = [
        t.requires_grad_() for t, a in zip(flat, arrays, strict=True) if _is_float(a)
    ]
    outputs = layer(keras.tree.pack_sequence_as(inputs, flat), training=training)
    value = objective(outputs)
    if add_losses:
        value = value + sum(layer.losses)
    weights = [v.value for v in layer.trainable_variables]
    found = torch.autograd.grad(value, floats + weights, allow_unused=True)
    found = [
        torch.zeros_like(w) if g is None else g
        for g, w in zip(found, floats + weights, strict=True)
    ]
    found = [keras.ops.convert_to_numpy(g) for g in found]
    return _gather(outputs, arrays, found[: len(floats)], found[len(floats) :], value)


def _tensorflow(layer, inputs, objective, training, add_losses):
    import tensorflow as tf

    if not layer.built:
        layer(inputs, training=False)
    arrays = keras.tree.flatten(inputs)
    flat = [tf.convert_to_tensor(a) for a in arrays]
    floats = [t for t, a in zip(flat, arrays, strict=True) if _is_float(a)]
    weights = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        for tensor in floats:
            tape.watch(tensor)
        outputs = layer(keras.tree.pack_sequence_as(inputs, flat), training=training)
        value = objective(outputs)
        if add_losses:
            value = value + sum(layer.losses)
    found = tape.gradient(
        value, floats + weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    found = [tf.convert_to_tensor(g).numpy() for g in found]
    return _gather(outputs, arrays, found[: len(floats)], found[len(floats) :], value)
