"""TensorFlow: one operation where Keras takes a dozen."""

import tensorflow as tf
from keras import ops

from cmvq_keras.backend.numerics import codebook_center, full_precision_matmul

#: Vectors whose distances to all codes are there at a time, without a GPU.
CHUNK = 16_384


def convolve(inputs, kernel, bias, strides, padding):
    """See `kernels`."""
    found = tf.nn.conv2d(inputs, kernel, strides, padding.upper())
    return found if bias is None else tf.nn.bias_add(found, bias)


def convolve_transposed(inputs, kernel, bias):
    """See `kernels`."""
    batch, height, width, _ = tf.unstack(tf.shape(inputs))
    shape = (batch, 2 * height, 2 * width, kernel.shape[2])
    found = tf.nn.conv2d_transpose(inputs, kernel, shape, 2, "SAME")
    _, *sides, _ = inputs.shape
    sides = [side and 2 * side for side in sides]
    found.set_shape((inputs.shape[0], *sides, kernel.shape[2]))
    return found if bias is None else tf.nn.bias_add(found, bias)


def max_pool(inputs):
    """See `kernels`."""
    return tf.nn.max_pool2d(inputs, 3, 2, [[0, 0], [1, 1], [1, 1], [0, 0]])


def normalize(inputs, scale, offset, epsilon):
    """See `kernels`."""
    channels = inputs.shape[-1]
    shape = tf.shape(inputs)
    maps = inputs
    if len(inputs.shape) != 4:
        maps = tf.reshape(inputs, (shape[0], -1, 1, channels))
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=maps, scale=scale, offset=offset, mean=[], variance=[], epsilon=epsilon
    )
    outputs = tf.ensure_shape(tf.reshape(outputs, shape), inputs.shape)
    # The operation's variance is the unbiased one.
    count = tf.cast(tf.size(inputs) // channels, tf.float32)
    return outputs, mean, variance * ((count - 1) / count)


def nearest(vectors, codebook):
    """See `kernels`."""
    center = codebook_center(codebook)
    codes = codebook - center
    # ||z||^2 is the same for every code.
    offsets = 0.5 * tf.reduce_sum(tf.square(codes), axis=1)
    codes = tf.transpose(codes)

    def of(rows):
        scores = full_precision_matmul(rows - center, codes) - offsets
        return tf.argmax(scores, axis=1, output_type=tf.int32)

    count, depth = vectors.shape
    if tf.config.list_physical_devices("GPU") or (count and count <= CHUNK):
        return of(vectors)
    # One chunk at least: XLA, where a user has chosen it, compiles no loop over none.
    length = tf.clip_by_value(tf.shape(vectors)[0], 1, CHUNK)
    whole = tf.shape(vectors)[0] // length * length
    chunks = tf.reshape(vectors[:whole], (-1, length, depth))
    found = tf.map_fn(of, chunks, tf.int32, parallel_iterations=1)
    found = tf.concat([tf.reshape(found, (-1,)), of(vectors[whole:])], axis=0)
    return tf.ensure_shape(found, (count,))


def rows(table, places):
    """See `kernels`."""
    return ops.take(table, places, axis=0)


def segment_sum(values, segments, count):
    """See `kernels`."""
    return tf.math.unsorted_segment_sum(values, segments, count)


def squared_difference(a, b):
    """See `kernels`."""
    return tf.math.squared_difference(a, b)


def straight_through(hard, soft):
    """See `kernels`."""
    return tf.stop_gradient(hard) + (soft - tf.stop_gradient(soft))


def drawn(draw, shape):
    """See `kernels`."""
    return draw(shape)


def release_freed_memory():
    """Nothing: it asks the system for memory in large pieces."""


def to_channels_last(variables):
    """Nothing: the order in memory is Keras's."""


def optimizer_to_channels_last(model):
    """Nothing, likewise."""
