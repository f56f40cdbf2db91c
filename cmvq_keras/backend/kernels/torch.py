"""PyTorch: oneDNN and cuDNN are fastest when channels lie last in memory, those of the
kernels too."""

import contextlib
import functools

import torch
from keras import ops
from torch.nn import functional

from cmvq_keras.backend.numerics import (
    codebook_center,
    is_surely_nearest,
    may_be_wrong,
)

KERNEL_RANK = 4
#: Vectors whose distances to all codes stay in the processor's cache.
CHUNK = 4096
# (height, width, in, out) as out, height, width, in.
_ORDER, _BACK = (3, 0, 1, 2), (1, 2, 3, 0)


def convolve(inputs, kernel, bias, strides, padding):
    """See `kernels`."""
    maps = inputs.permute(0, 3, 1, 2)
    width = (0, 0)
    if padding == "same":
        sizes = zip(inputs.shape[1:3], kernel.shape[:2], strides, strict=True)
        around = [_same(*each) for each in sizes]
        if all(before == after for before, after in around):
            width = tuple(before for before, _ in around)
        else:
            maps = functional.pad(maps, (*around[1], *around[0]))
    kernel = kernel.permute(3, 2, 0, 1)
    found = functional.conv2d(maps, kernel, bias, tuple(strides), width)
    return found.permute(0, 2, 3, 1)


def _same(side, size, stride):
    """Zeros before and after a side, so that it becomes side / stride, rounded up."""
    missing = max((-(-side // stride) - 1) * stride + size - side, 0)
    return missing // 2, missing - missing // 2


def convolve_transposed(inputs, kernel, bias):
    """See `kernels`."""
    found = functional.conv_transpose2d(
        inputs.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias, 2, 1
    )
    return found.permute(0, 2, 3, 1)


def max_pool(inputs):
    """See `kernels`."""
    found = functional.max_pool2d(inputs.permute(0, 3, 1, 2), 3, 2, 1)
    return found.permute(0, 2, 3, 1)


def normalize(inputs, scale, offset, epsilon):
    """See `kernels`."""
    # With a momentum of 1 the running statistics become the batch's.
    mean, variance = torch.zeros_like(scale), torch.ones_like(scale)
    outputs = torch.batch_norm(
        inputs.movedim(-1, 1), scale, offset, mean, variance, True, 1.0, epsilon, True
    )
    count = inputs.numel() // len(scale)
    if count > 1:
        variance = variance * ((count - 1) / count)
    else:
        variance = torch.zeros_like(variance)
    return outputs.movedim(1, -1), mean, variance


def normalize_by(inputs, mean, variance, scale, offset, epsilon):
    """See `kernels`."""
    if _is_traced():
        return ops.batch_normalization(
            inputs, mean, variance, -1, offset, scale, epsilon
        )
    outputs = torch.batch_norm(
        inputs.movedim(-1, 1), scale, offset, mean, variance, False, 0.0, epsilon, True
    )
    return outputs.movedim(1, -1)


@contextlib.contextmanager
def _whole_float32():
    """Without TF32, whatever the user has chosen."""
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(chosen)


def _is_traced():
    """Whether the operations become a file, which has to serve batches of any size."""
    return torch.jit.is_tracing() or torch.compiler.is_exporting()


def nearest(vectors, codebook):
    """See `kernels`."""
    center = codebook_center(codebook)
    codes = codebook - center
    # ||z||^2 is the same for every code.
    offsets, codes = 0.5 * codes.square().sum(1), codes.t()
    if vectors.device.type != "cpu" or _is_traced():
        near = vectors - center
        with _whole_float32():
            scores, places = (near @ codes - offsets).max(1)
        places = places.int()
        if _is_traced() or vectors.device.type == "meta":
            return places  # nothing can be looked at
        return _looked_at_again(vectors, near, codebook, offsets, scores, places)
    found = torch.empty(len(vectors), dtype=torch.int32)
    moves = bool(center.any())
    # One piece of memory for all: to ask for new pages costs as much as the product.
    scores = vectors.new_empty(CHUNK, len(codebook))
    for rows, places in zip(vectors.split(CHUNK), found.split(CHUNK), strict=True):
        near = rows - center if moves else rows
        products = torch.mm(near, codes, out=scores[: len(rows)])
        # Here `max` is more than twice as fast as `argmax`.
        scored = products.sub_(offsets).max(1)
        places.copy_(scored.indices)
        _looked_at_again(rows, near, codebook, offsets, scored.values, places)
    return found


def _looked_at_again(vectors, near, codebook, offsets, scores, places):
    """Codes of the largest scores, those in doubt put right in place."""
    squared = near.square().sum(1) - 2 * scores
    rows = may_be_wrong(squared, near, offsets).nonzero()[:, 0]
    if not len(rows):
        return places
    exact = functools.partial(torch.cdist, compute_mode="donot_use_mm_for_euclid_dist")
    chosen, which = places[rows].long().unique(return_inverse=True)
    gaps = exact(codebook[chosen], codebook).square()
    gaps = gaps.masked_fill(gaps == 0, torch.inf).amin(1)[which]
    squared = (vectors[rows] - codebook[places[rows].long()]).square().sum(1)
    for some in rows[~is_surely_nearest(squared, gaps)].split(CHUNK):
        places[some] = exact(vectors[some], codebook).argmin(1).int()
    return places


def rows(table, places):
    """See `kernels`."""
    return ops.take(table, places, axis=0)


def segment_sum(values, segments, count):
    """See `kernels`."""
    sums = values.new_zeros((count, *values.shape[1:]))
    return sums.index_add_(0, segments, values)


def squared_difference(a, b):
    """See `kernels`."""
    return functional.mse_loss(a, b, reduction="none")


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(context, hard, soft):
        return hard.detach().view_as(hard)

    @staticmethod
    def backward(context, gradient):
        return None, gradient


def straight_through(hard, soft):
    """See `kernels`."""
    return _StraightThrough.apply(hard, soft)


def drawn(draw, shape):
    """See `kernels`."""
    return draw(shape)


def fuse_updates(optimizer):
    """Nothing: Keras updates all variables at once there."""


def to_channels_last(variables):
    """See `kernels`."""
    for variable in variables:
        if len(variable.shape) == KERNEL_RANK:
            tensor = variable.value
            ordered = tensor.data.permute(_ORDER).contiguous()
            tensor.data = ordered.permute(_BACK)


def prepare_optimizer(model):
    """See `kernels`."""
    optimizer = model.optimizer
    if optimizer is None or not model.built:
        return
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    to_channels_last(optimizer.variables)
