"""The quantizer alone: a training call with its gradient, ours and others'."""

import numpy as np

VECTORS, CODES, DEPTH = 131_072, 512, 64
_SHAPE = (128, VECTORS // 128, DEPTH)


def _data():
    generator = np.random.default_rng(0)
    return [generator.normal(size=_SHAPE).astype("float32") for _ in range(2)]


def ours(device="cpu"):
    """`(work, 1, floor)` of `cmvq_keras.layers.VectorQuantizer` as it comes.

    Args:
        device: "cpu" or "gpu", as in all of these.
    """
    from benchmarks.speed import floor
    from cmvq_keras.layers import VectorQuantizer

    needs = floor.of_quantizer(VECTORS, CODES, DEPTH)
    return _with_gradient(VectorQuantizer(CODES, seed=0), device), 1, needs


def one_hot(device="cpu"):
    """`(work, 1, None)` of the published formulation in keras.ops."""
    from benchmarks.speed.one_hot import OneHotQuantizer

    return _with_gradient(OneHotQuantizer(CODES), device), 1, None


def vector_quantize_pytorch(device="cpu"):
    """`(work, 1, None)` of VectorQuantize with the same settings."""
    import torch
    from vector_quantize_pytorch import VectorQuantize

    layer = VectorQuantize(
        DEPTH, CODES, decay=0.99, commitment_weight=0.25, rotation_trick=False
    ).to(_place(device))
    x, probe = (torch.from_numpy(values).to(_place(device)) for values in _data())
    x.requires_grad_()

    def work():
        x.grad = None
        quantized, _, loss = layer(x)
        (loss.sum() + (quantized * probe).sum()).backward()
        _wait(torch, device)

    return work, 1, None


def _place(device):
    return "cuda" if device == "gpu" else "cpu"


def _wait(torch, device):
    if device == "gpu":
        torch.cuda.synchronize()


def _with_gradient(layer, device):
    import keras

    x, probe = _data()
    layer.build(x.shape)
    if keras.config.backend() == "torch":
        return _torch(layer, x, probe, device)
    make = {"jax": _jax, "tensorflow": _tensorflow}
    return make[keras.config.backend()](layer, x, probe)


def _objective(outputs, probe):
    from keras import ops

    return ops.mean(outputs["loss"]) + ops.sum(outputs["quantized"] * probe)


def _torch(layer, x, probe, device):
    import torch

    x, probe = (torch.from_numpy(each).to(_place(device)) for each in (x, probe))
    x.requires_grad_()

    def work():
        x.grad = None
        _objective(layer(x, training=True), probe).backward()
        _wait(torch, device)

    return work


def _tensorflow(layer, x, probe):
    import tensorflow as tf

    x, probe = tf.constant(x), tf.constant(probe)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = _objective(layer(x, training=True), probe)
        return tape.gradient(value, x)

    return lambda: step().numpy()


def _jax(layer, x, probe):
    import functools

    import jax

    x, probe = jax.numpy.asarray(x), jax.numpy.asarray(probe)
    state = [variable.value for variable in layer.non_trainable_variables]

    @functools.partial(jax.value_and_grad, has_aux=True)
    def value(x, state, probe):
        outputs, state = layer.stateless_call([], state, x, training=True)
        return _objective(outputs, probe), state

    step = jax.jit(value, donate_argnums=1)

    def work():
        nonlocal state
        (_, state), gradient = step(x, state, probe)
        jax.block_until_ready((state, gradient))

    return work
