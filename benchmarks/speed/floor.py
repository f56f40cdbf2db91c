"""How many operations and bytes a recipe's network needs at least.

Counted are convolutions, dense layers and the distances of the quantizers: what lies
between them could be done on the way. A layer reads its input and its weights and
writes its output; in training it does so three times (forward, the gradient of its
input, that of its weights), the layers that see the data only twice.
"""

import math

import keras

from cmvq_keras.networks.parts import Chain

FLOAT = 4


def of_model(model, batch, training, decoders=True):
    """`(operations, bytes)` of one step of a built `CMVQVAE` on images.

    Args:
        model: the model.
        batch: samples.
        training: whether gradients count.
        decoders: whether the decoders run.
    """
    shapes = model.get_build_config()["input_shape"]
    total = [0, 0]
    grids = []
    for name, encoder in model.encoders.items():
        shape = (batch, *tuple(shapes[name])[1:])
        _add(total, encoder, shape, training, first=True)
        grid = encoder.compute_output_shape(shape)
        grids.append(grid)
        codes = model.quantizers[name].num_embeddings
        total[0] += 2 * math.prod(grid) * codes
        total[1] += 2 * FLOAT * math.prod(grid)
        if decoders:
            _add(total, model.decoders[name], grid, training)
    masked = (*grids[0][:-1], sum(grid[-1] for grid in grids))
    _add(total, model.solver, masked, training)
    return tuple(total)


def _add(total, network, shape, training, first=False):
    for layer, inputs, outputs in _walk(network, shape):
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        operations = 2 * _places(layer, inputs, outputs) * math.prod(kernel.shape)
        moved = sum(math.prod(each) for each in (inputs, outputs, kernel.shape))
        times = (2 if first else 3) if training else 1
        total[0] += times * operations
        total[1] += times * FLOAT * moved
        first = False


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
