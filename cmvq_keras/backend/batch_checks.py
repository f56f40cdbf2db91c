"""Labels and shapes of each batch, looked at where the backend can raise an error.

JAX and PyTorch take their batches in Python, so a batch is checked before its step.
TensorFlow takes them inside its graph, so the checks stand there too. XLA (TensorFlow
on a GPU) removes that of the labels: its batches are taken in Python. It knows all
shapes before the step.
"""

import contextlib
import itertools
import re

import keras

from cmvq_keras.errors import InputError

_RANGE = re.compile(r"label range:\] \[(\S+)\] \[(\S+)\] \[(\d+)\]")
_SHAPE = re.compile(r"input shape:\] \[(.+?)\] \[(\w+)\] \[([\d ]*)\]")
_MAX_AXES = 16


def _jax_checked(step, check, has_xla):
    def checked(state, iterator):
        return step(state, map(_through(check), iterator))

    return checked


def _torch_checked(step, check, has_xla):
    def checked(batches):
        return step([_through(check)(batch) for batch in batches])

    return checked


def _through(check):
    def look(batch):
        if isinstance(batch, (list, tuple)) and len(batch) > 1:
            check(batch[1])
        return batch

    return look


def _tensorflow_checked(step, check, has_xla):
    import tensorflow as tf

    def checked(iterator):
        if not isinstance(iterator, tf.data.Iterator):
            return step(iterator)  # of several devices
        first = next(iterator)
        # Keras's function takes the batches of what is no iterator of TensorFlow's as
        # they come, one at least.
        return step(map(_through(check), itertools.chain([first], iterator)))

    return checked if has_xla else step


#: `checked_steps(step, check, has_xla)`: Keras's function of a step, which calls
#: `check(labels)` for every batch before it; `has_xla` is the model's `jit_compile`.
checked_steps = {"jax": _jax_checked, "torch": _torch_checked}.get(
    keras.config.backend(), _tensorflow_checked
)


def _tensorflow_in_range(labels, num_classes, ignore_class):
    import tensorflow as tf

    seen = lowest = highest = tf.cast(labels, "float32")
    if ignore_class is not None:
        ignored = seen == float(ignore_class)
        lowest = tf.where(ignored, float("inf"), seen)
        highest = tf.where(ignored, float("-inf"), seen)
    whole = tf.reduce_all(seen == tf.floor(seen))
    low = tf.where(whole, tf.reduce_min(lowest), float("nan"))
    high = tf.where(whole, tf.reduce_max(highest), float("nan"))
    valid = tf.logical_or(
        tf.logical_and(low >= 0.0, high < float(num_classes)), tf.size(seen) == 0
    )
    check = tf.debugging.Assert(valid, ["label range:", low, high, num_classes])
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(labels)


def _unchanged(labels, num_classes, ignore_class):
    return labels


#: `in_range(labels, num_classes, ignore_class)`: the same labels, checked inside the
#: step where `checked_steps` cannot.
in_range = {"tensorflow": _tensorflow_in_range}.get(keras.config.backend(), _unchanged)


def _tensorflow_of_shape(name, value, expected):
    import tensorflow as tf

    rank = value.shape.rank
    wanted = tf.TensorShape([None, *expected[1:]])
    if rank is not None and all(
        size is not None or any_size is None
        for size, any_size in zip(value.shape[1:], wanted[1:], strict=True)
    ):
        return value
    # Of the sizes None is any: -1 stands for it.
    sizes = tf.constant([-1 if size is None else size for size in expected[1:]])
    shape = tf.shape(value)

    def fits():
        return tf.reduce_all((sizes == -1) | (shape[1:] == sizes))

    valid = tf.cond(tf.rank(value) == len(expected), fits, lambda: tf.constant(False))
    data = ["input shape:", name, value.dtype.name, shape]
    refused = tf.debugging.Assert(valid, data, summarize=_MAX_AXES)
    with tf.control_dependencies([] if refused is None else [refused]):
        value = tf.identity(value)
    value.set_shape(wanted)
    return value


def _of_any_shape(name, value, expected):
    return value


#: `of_shape(name, value, expected)`: an input `(batch, ...)`, checked inside the step
#: where its shape is not known before.
of_shape = {"tensorflow": _tensorflow_of_shape}.get(
    keras.config.backend(), _of_any_shape
)


@contextlib.contextmanager
def _tensorflow_readable(check_range, check_shape):
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        try:
            if found := _RANGE.search(error.message):
                check_range(float(found[1]), float(found[2]), int(found[3]))
            if found := _SHAPE.search(error.message):
                sizes = tuple(map(int, found[3].split()))
                check_shape(found[1], sizes, found[2])
        except InputError as readable:
            raise readable from None
        raise


@contextlib.contextmanager
def _readable(check_range, check_shape):
    yield


#: `readable(check_range, check_shape)`: a context in which the error of `in_range`
#: becomes the one that `check_range(low, high, num_classes)` raises, that of `of_shape`
#: the one of `check_shape(name, shape, dtype)`.
readable = {"tensorflow": _tensorflow_readable}.get(keras.config.backend(), _readable)
