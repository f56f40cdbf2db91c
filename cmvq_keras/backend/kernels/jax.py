"""JAX: on a CPU, XLA's loops for some gradients of convolutions become products.

XLA hands a plain convolution to a fast routine, but writes loops of its own for the
gradient of a kernel and for whatever needs zeros between the values, as a transposed
convolution does. Here those are sums of matrix products, and convolutions of size 2
whose channels hold the four pixels of a square. On other devices all is left to XLA.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from keras import ops

from cmvq_keras.backend.numerics import (
    codebook_center,
    full_precision_matmul,
    is_surely_nearest,
    may_be_wrong,
)

# Fewer channels than that: one product with all shifts side by side.
_FEW_CHANNELS = 4
# Vectors whose distances to all codes are there at a time, on a CPU.
_CHUNK = 8192
# Random numbers are drawn by so many, or by multiples of the most.
_DRAWN = (512, 4096, 32768, 262144, 2097152)


def _is_slow():
    return jax.default_backend() == "cpu"


def convolve(inputs, kernel, bias, strides, padding):
    """See `kernels`."""
    size, strides = kernel.shape[:2], tuple(strides)
    if not _is_slow() or padding != "same":
        found = ops.conv(inputs, kernel, strides, padding, "channels_last")
    elif size == (1, 1) and strides == (1, 1):
        found = _product(inputs, kernel[0, 0])
    elif size == (3, 3) and strides == (1, 1):
        found = _convolve(1, inputs, kernel)
    elif size == (4, 4) and strides == (2, 2) and _is_even(inputs.shape[1:3]):
        found = _convolve(2, inputs, kernel)
    else:
        found = ops.conv(inputs, kernel, strides, padding, "channels_last")
    return found if bias is None else found + bias


def _is_even(sides):
    return all(side % 2 == 0 for side in sides)


def convolve_transposed(inputs, kernel, bias):
    """See `kernels`."""
    if _is_slow():
        found = _double(inputs, kernel)
    else:
        found = ops.conv_transpose(
            inputs, kernel, 2, "same", data_format="channels_last"
        )
    return found if bias is None else found + bias


def max_pool(inputs):
    """See `kernels`."""
    window, strides = (1, 3, 3, 1), (1, 2, 2, 1)
    padding = ((0, 0), (1, 1), (1, 1), (0, 0))
    return lax.reduce_window(inputs, -jnp.inf, lax.max, window, strides, padding)


#: See `kernels`.
normalize_by = None


def normalize(inputs, scale, offset, epsilon):
    """See `kernels`."""
    wide = ops.cast(inputs, "float32")
    mean, variance = ops.moments(wide, tuple(range(len(inputs.shape) - 1)))
    outputs = ops.batch_normalization(wide, mean, variance, -1, offset, scale, epsilon)
    return ops.cast(outputs, inputs.dtype), mean, variance


def nearest(vectors, codebook):
    """See `kernels`."""
    center = codebook_center(codebook)
    codes = codebook - center
    # ||z||^2 is the same for every code.
    offsets = 0.5 * jnp.sum(jnp.square(codes), axis=1, keepdims=True)

    def of(rows):
        scores = full_precision_matmul(codes, (rows - center).T) - offsets
        places = _first_largest(scores) if _is_slow() else jnp.argmax(scores, axis=0)
        return _looked_at_again(rows, rows - center, codebook, offsets, places)

    count, depth = vectors.shape
    # An exported model's batch has no size yet: only a number can be cut.
    if not (_is_slow() and isinstance(count, int) and count > _CHUNK):
        return of(vectors).astype("int32")
    whole = count // _CHUNK * _CHUNK
    found = lax.map(of, vectors[:whole].reshape(-1, _CHUNK, depth)).reshape(-1)
    if whole < count:
        found = jnp.concatenate([found, of(vectors[whole:])])
    return found


def _looked_at_again(vectors, near, codebook, offsets, places):
    """Codes of the largest scores, those in doubt put right."""
    squared = jnp.sum(jnp.square(vectors - codebook[places]), axis=1)
    doubted = may_be_wrong(squared, near, offsets)

    def by_gaps():
        gaps = _distances(codebook, codebook)
        gaps = jnp.min(jnp.where(gaps == 0, jnp.inf, gaps), axis=1)[places]
        wrong = doubted & ~is_surely_nearest(squared, gaps)
        return lax.cond(jnp.any(wrong), by_differences, lambda: places)

    def by_differences():
        found = jnp.argmin(_distances(vectors, codebook), axis=1)
        return jnp.where(doubted, found.astype(places.dtype), places)

    return lax.cond(jnp.any(doubted), by_gaps, lambda: places)


def _distances(a, b):
    """`(n, m)` squared distances of rows, from their differences."""
    return jnp.sum(jnp.square(a[:, None] - b[None]), axis=-1)


def _first_largest(scores):
    """argmax over the first axis: XLA's own looks at one value after another."""

    def step(row, best):
        values, places = best
        larger = scores[row] > values
        return jnp.where(larger, scores[row], values), jnp.where(larger, row, places)

    first = scores[0], jnp.zeros(scores.shape[1], "int32")
    return lax.fori_loop(1, len(scores), step, first)[1]


def rows(table, places):
    """See `kernels`."""
    # Keras's own is prepared for places that there are not: a second array.
    return table.at[places].get(mode="promise_in_bounds")


def segment_sum(values, segments, count):
    """See `kernels`."""
    return jax.ops.segment_sum(values, segments, count)


@jax.custom_vjp
def squared_difference(a, b):
    """See `kernels`."""
    return jnp.square(a - b)


def _squared_forward(a, b):
    return squared_difference(a, b), (a, b)


def _squared_backward(saved, gradient):
    a, b = saved
    # Not a - b: XLA would know it from the forward pass, and keep it in memory.
    change = 2 * gradient * (b - a)
    return -change, change


squared_difference.defvjp(_squared_forward, _squared_backward)


def straight_through(hard, soft):
    """See `kernels`."""
    return lax.stop_gradient(hard) + (soft - lax.stop_gradient(soft))


def drawn(draw, shape):
    """See `kernels`."""
    if not jax.config.jax_threefry_partitionable:
        return draw(shape)
    # A few lengths serve all shapes, and NumPy cuts them: JAX would compile each.
    count = math.prod(shape)
    longest = _DRAWN[-1]
    length = next((each for each in _DRAWN if count <= each), None)
    values = draw((length or math.ceil(count / longest) * longest,))
    if not isinstance(values, jax.core.Tracer):
        values = np.asarray(values)
    return jnp.asarray(values[:count].reshape(shape))


def fuse_updates(optimizer):
    """Nothing: the compiler fuses them."""


def to_channels_last(variables):
    """Nothing: the compiler orders memory."""


def prepare_optimizer(model):
    """Nothing: Keras makes its variables before the first step."""


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(stride, inputs, kernel):
    """Size 3 and stride 1, or size 4 and stride 2: padded by 1 on each side."""
    return _plain(inputs, kernel, stride, 1)


def _convolve_forward(stride, inputs, kernel):
    return _plain(inputs, kernel, stride, 1), (inputs, kernel)


def _convolve_backward(stride, saved, gradient):
    inputs, kernel = saved
    if stride == 2:
        found = _doubled(gradient, kernel)
    else:
        flipped = kernel[::-1, ::-1].swapaxes(2, 3)
        found = _plain(gradient, flipped, 1, 1)
    return found, _kernel_gradient(inputs, gradient, kernel.shape, stride)


_convolve.defvjp(_convolve_forward, _convolve_backward)


@jax.custom_vjp
def _product(inputs, matrix):
    """A convolution of size 1."""
    return inputs @ matrix


def _product_forward(inputs, matrix):
    return inputs @ matrix, (inputs, matrix)


def _product_backward(saved, gradient):
    inputs, matrix = saved
    # JAX's own rule gives this transposed, and XLA then transposes the whole map.
    rows, changes = (each.reshape(-1, each.shape[-1]) for each in (inputs, gradient))
    return gradient @ matrix.T, rows.T @ changes


_product.defvjp(_product_forward, _product_backward)


@jax.custom_vjp
def _double(inputs, kernel):
    """The transposed convolution of size 4 and stride 2, padded by 1."""
    return _doubled(inputs, kernel)


def _double_forward(inputs, kernel):
    return _doubled(inputs, kernel), (inputs, kernel)


def _double_backward(saved, gradient):
    inputs, kernel = saved
    found = _plain(gradient, kernel, 2, 1)
    return found, _kernel_gradient(gradient, inputs, kernel.shape, 2)


_double.defvjp(_double_forward, _double_backward)


def _plain(inputs, kernel, stride, width):
    around = ((width, width), (width, width))
    return lax.conv_general_dilated(
        inputs,
        kernel,
        (stride, stride),
        around,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _doubled(inputs, kernel):
    """A convolution of size 2 gives the four pixels of each square as channels.

    A square lies between four inputs: shifted by one pixel against the outputs.
    """
    out, channels = kernel.shape[2:]
    # Axes: row of the input, row in the square, likewise columns, out, in.
    parts = kernel.reshape(2, 2, 2, 2, out, channels)[::-1, :, ::-1]
    parts = parts.transpose(0, 2, 5, 1, 3, 4).reshape(2, 2, channels, 4 * out)
    squares = _plain(inputs, parts, 1, 1)
    batch, height, width, _ = squares.shape
    squares = squares.reshape(batch, height, width, 2, 2, out)
    pixels = squares.transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(batch, 2 * height, 2 * width, out)[:, 1:-1, 1:-1]


def _kernel_gradient(large, small, shape, stride):
    """Of a convolution from a large map to a small one, or of its transpose.

    One matrix product for each place in the kernel.
    """
    height, width = small.shape[1:3]
    padded = jnp.pad(large, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = small.reshape(-1, small.shape[-1])

    def beside(i):
        """The places of one row of the kernel, each as a matrix: otherwise XLA
        transposes them in memory."""
        length = stride * (height - 1) + 1
        lines = lax.dynamic_slice_in_dim(padded, i, length, axis=1)[:, ::stride]
        return [
            lines[:, :, j : j + stride * width : stride].reshape(len(rows), -1)
            for j in range(shape[1])
        ]

    if large.shape[-1] < _FEW_CHANNELS:
        all_of_them = [each for i in range(shape[0]) for each in beside(i)]
        return (jnp.concatenate(all_of_them, axis=1).T @ rows).reshape(shape)
    # A loop, or the maps of all rows would be there at once.
    found = lax.map(
        lambda i: jnp.stack([each.T @ rows for each in beside(i)]),
        jnp.arange(shape[0]),
    )
    return found.reshape(shape)
