"""How many operations and bytes a recipe's network needs at least.

Counted are convolutions, dense layers and the distances of the quantizers: what lies
between them could be done on the way. A layer reads its input and its weights and
writes its output; in training it does so three times (forward, the gradient of its
input, that of its weights), the layers that see the data only twice. Of memory, these
layers' inputs must be there for the gradients of their weights.
"""

import math

import keras

from cmvq_keras.networks.parts import Chain

FLOAT = 4


def of_model(model, batch, training, decoders=True, width=FLOAT):
    """`(operations, bytes)` of one step of a built `CMVQVAE` on images.

    Args:
        model: the model.
        batch: samples.
        training: whether gradients count.
        decoders: whether the decoders run.
        width: bytes of a value.
    """
    operations = moved = 0
    for name, grid in _grids(model, batch).items():
        operations += 2 * math.prod(grid) * model.quantizers[name].num_codes
        moved += 2 * math.prod(grid)
    for network, shape, sees_data in _networks(model, batch, decoders):
        for layer, inputs, outputs in _with_kernels(network, shape):
            times = (2 if sees_data else 3) if training else 1
            sees_data = False
            size = math.prod(layer.kernel.shape)
            operations += times * 2 * _places(layer, inputs, outputs) * size
            moved += times * (math.prod(inputs) + math.prod(outputs) + size)
    return operations, width * moved


def memory(model, batch, width=FLOAT):
    """Bytes that a training step of a built `CMVQVAE` must add to the weights.

    The gradients in float32, and what the layers with kernels read.

    Args:
        model: the model.
        batch: samples.
        width: bytes of a value.
    """
    kept = sum(
        math.prod(inputs)
        for network, shape, _ in _networks(model, batch, decoders=True)
        for _, inputs, _ in _with_kernels(network, shape)
    )
    weights = sum(math.prod(each.shape) for each in model.trainable_weights)
    return FLOAT * weights + width * kept


def _grids(model, batch):
    """Shapes of what the encoders give, by modality."""
    shapes = model.get_build_config()["input_shape"]
    return {
        name: encoder.compute_output_shape((batch, *tuple(shapes[name])[1:]))
        for name, encoder in model.encoders.items()
    }


def _networks(model, batch, decoders):
    """Yields `(network, input shape, whether it sees the data)`."""
    shapes = model.get_build_config()["input_shape"]
    grids = _grids(model, batch)
    for name, grid in grids.items():
        yield model.encoders[name], (batch, *tuple(shapes[name])[1:]), True
        if decoders:
            yield model.decoders[name], grid, False
    grid = next(iter(grids.values()))
    depth = sum(each[-1] for each in grids.values())
    yield model.solver, (*grid[:-1], depth), False


def _with_kernels(network, shape):
    """`_walk`, of what has a kernel; the zeros around an input need not be read."""
    unpadded = None
    for layer, inputs, outputs in _walk(network, shape):
        if getattr(layer, "kernel", None) is not None:
            yield layer, unpadded or inputs, outputs
        unpadded = inputs if isinstance(layer, keras.layers.ZeroPadding2D) else None


def _places(layer, inputs, outputs):
    """How often the whole kernel is used."""
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    return math.prod((inputs if transposed else outputs)[:-1])


def _walk(layer, shape):
    """`(layer, input shape, output shape)` of everything in a chain."""
    if not isinstance(layer, Chain):
        yield layer, shape, layer.compute_output_shape(shape)
        return
    for part in layer.parts:
        yield from _walk(part, shape)
        shape = part.compute_output_shape(shape)


def of_quantizer(vectors, codes, depth):
    """`(operations, bytes)` of one training call: distances, and the vectors read and
    written forward and backward."""
    return 2 * vectors * codes * depth, 4 * FLOAT * vectors * depth
