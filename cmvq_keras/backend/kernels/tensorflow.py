"""TensorFlow: one operation where Keras takes a dozen."""

import functools

import keras
import tensorflow as tf
from keras import ops

from cmvq_keras.backend.numerics import (
    codebook_center,
    full_precision_matmul,
    is_surely_nearest,
    may_be_wrong,
)

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


#: See `kernels`.
normalize_by = None


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
    if tf.config.list_physical_devices("GPU"):
        return _nearest(vectors, codebook)
    count, depth = vectors.shape
    few = count is not None and count <= CHUNK
    found = _nearest if few else _nearest_by_chunks
    if not tf.executing_eagerly():
        found = _traced(found, depth, codebook.shape[0])
    return tf.ensure_shape(found(vectors, codebook), (count,))


@functools.cache
def _traced(function, depth, num_codes):
    """A function of `nearest` for a graph: traced once, whatever model calls it."""
    kinds = tf.TensorSpec((None, depth)), tf.TensorSpec((num_codes, depth))
    return tf.function(function, kinds, autograph=False)


def _nearest(vectors, codebook):
    center = codebook_center(codebook)
    codes = codebook - center
    # ||z||^2 is the same for every code.
    offsets = 0.5 * tf.reduce_sum(tf.square(codes), axis=1)
    near = vectors - center
    scores = full_precision_matmul(near, tf.transpose(codes)) - offsets
    places = tf.argmax(scores, axis=1, output_type=tf.int32)
    return _looked_at_again(vectors, near, codebook, offsets, places)


def _nearest_by_chunks(vectors, codebook):
    """As `_nearest`, with distances of at most `CHUNK` vectors there at a time."""
    # One chunk at least: XLA, where a user has chosen it, compiles no loop over none.
    length = tf.clip_by_value(tf.shape(vectors)[0], 1, CHUNK)
    whole = tf.shape(vectors)[0] // length * length
    chunks = tf.reshape(vectors[:whole], (-1, length, vectors.shape[1]))
    one = functools.partial(_nearest, codebook=codebook)
    found = tf.map_fn(one, chunks, fn_output_signature=tf.int32, parallel_iterations=1)
    return tf.concat([tf.reshape(found, (-1,)), one(vectors[whole:])], axis=0)


def _looked_at_again(vectors, near, codebook, offsets, places):
    """Codes of the largest scores, those in doubt put right."""
    squared = _squared_distance(vectors, tf.gather(codebook, places))
    doubted = may_be_wrong(squared, near, offsets)

    def by_gaps():
        gaps = _distances(codebook, codebook)
        gaps = tf.reduce_min(tf.where(gaps == 0.0, float("inf"), gaps), axis=1)
        sure = is_surely_nearest(squared, tf.gather(gaps, places))
        wrong = tf.logical_and(doubted, tf.logical_not(sure))
        return tf.cond(tf.reduce_any(wrong), by_differences, lambda: places)

    def by_differences():
        found = tf.argmin(_distances(vectors, codebook), axis=1, output_type=tf.int32)
        return tf.where(doubted, found, places)

    return tf.cond(tf.reduce_any(doubted), by_gaps, lambda: places)


def _squared_distance(a, b):
    return tf.reduce_sum(tf.math.squared_difference(a, b), axis=-1)


def _distances(a, b):
    """`(n, m)` squared distances of rows of `a` and `b`, from their differences."""
    # A row of `b` at a time: all differences at once would take m times the memory.
    found = tf.map_fn(lambda row: _squared_distance(a, row), b, parallel_iterations=1)
    return tf.transpose(found)


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


def fuse_updates(optimizer):
    """See `kernels`: Adam and AdamW on one device."""
    kinds = keras.optimizers.Adam, keras.optimizers.AdamW
    if type(optimizer) in kinds and not optimizer.amsgrad:
        optimizer._backend_update_step = functools.partial(_adam, optimizer)
        optimizer._apply_weight_decay = functools.partial(_decay, optimizer)


def _decay(optimizer, variables):
    """Weight decay: Keras's operations, but the schedule only once."""
    variables = _of_tensorflow(variables)
    if optimizer.weight_decay is None or tf.distribute.has_strategy():
        type(optimizer)._apply_weight_decay(optimizer, variables)
        return
    rate = tf.convert_to_tensor(optimizer.learning_rate)
    for variable in filter(optimizer._use_weight_decay, variables):
        share = tf.cast(optimizer.weight_decay, variable.dtype)
        variable.assign_sub(variable * share * tf.cast(rate, variable.dtype))


def _adam(optimizer, gradients, variables, learning_rate):
    """Adam's update: Keras's operations, but those on scalars only once."""
    own = functools.partial(type(optimizer)._backend_update_step, optimizer)
    variables = _of_tensorflow(variables)
    if tf.distribute.has_strategy():
        own(gradients, variables, learning_rate)
        return
    plain, others = [], []
    for each in zip(gradients, variables, strict=True):
        (plain if _is_plain(*each) else others).append(each)
    if plain:
        _adam_of_plain(optimizer, plain, learning_rate)
    if others:
        own(*zip(*others, strict=True), learning_rate)


def _adam_of_plain(optimizer, pairs, learning_rate):
    raw, beta_1, beta_2 = tf.raw_ops, optimizer.beta_1, optimizer.beta_2
    step = ops.cast(optimizer.iterations + 1, "float32")
    powers = [ops.power(ops.cast(beta, "float32"), step) for beta in (beta_1, beta_2)]
    rate = ops.cast(learning_rate, "float32")
    rate = rate * ops.sqrt(1 - powers[1]) / (1 - powers[0])
    numbers = 1 - beta_1, 1 - beta_2, optimizer.epsilon
    rest_1, rest_2, epsilon = (tf.constant(each, tf.float32) for each in numbers)
    for gradient, variable in pairs:
        index = optimizer._get_variable_index(variable)
        mean = optimizer._momentums[index].value.handle
        square = optimizer._velocities[index].value.handle
        change = raw.Sub(x=gradient, y=_read(mean))
        change = raw.Mul(x=change, y=rest_1)
        raw.AssignAddVariableOp(resource=mean, value=change)
        change = raw.Sub(x=raw.Square(x=gradient), y=_read(square))
        change = raw.Mul(x=change, y=rest_2)
        raw.AssignAddVariableOp(resource=square, value=change)
        root = raw.AddV2(x=raw.Sqrt(x=_read(square)), y=epsilon)
        change = raw.RealDiv(x=raw.Mul(x=_read(mean), y=rate), y=root)
        raw.AssignSubVariableOp(resource=variable.handle, value=change)


def _of_tensorflow(variables):
    """The variables of TensorFlow behind Keras's; others as they are."""
    return [
        each.value if isinstance(each, keras.Variable) else each for each in variables
    ]


def _read(handle):
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)


def _is_plain(gradient, variable):
    """Whether a gradient is whole, not rows of a table, and all is in float32."""
    return (
        isinstance(gradient, tf.Tensor)
        and isinstance(variable, tf.Variable)
        and gradient.dtype == variable.dtype == tf.float32
    )


def to_channels_last(variables):
    """Nothing: the order in memory is Keras's."""


def prepare_optimizer(model):
    """See `kernels`. A step that makes variables is traced twice."""
    optimizer = model.optimizer
    # On several devices Keras makes them before the first step.
    if optimizer is None or not model.built or model._distribute_strategy is not None:
        return
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
