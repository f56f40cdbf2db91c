"""Labels of each batch, looked at where the backend can raise an error.

JAX and PyTorch take their batches in Python, so a batch is checked before its step.
TensorFlow takes them inside its graph, so the check stands there too. XLA removes it
(TensorFlow on a GPU): the default loss is NaN then.
"""

import contextlib
import re

import keras

from cmvq_keras.errors import InputError

_RANGE = re.compile(r"label range:\] \[(\S+)\] \[(\S+)\] \[(\d+)\]")


def _jax_checked(step, check):
    def checked(state, iterator):
        return step(state, map(_through(check), iterator))

    return checked


def _torch_checked(step, check):
    def checked(batches):
        return step([_through(check)(batch) for batch in batches])

    return checked


def _through(check):
    def look(batch):
        if isinstance(batch, (list, tuple)) and len(batch) > 1:
            check(batch[1])
        return batch

    return look


def _tensorflow_checked(step, check):
    return step


#: `checked_steps(step, check)`: Keras's function of a step, which calls `check(labels)`
#: for every batch before it.
checked_steps = {"jax": _jax_checked, "torch": _torch_checked}.get(
    keras.config.backend(), _tensorflow_checked
)


def _tensorflow_in_range(labels, num_classes, ignore_class):
    import tensorflow as tf

    seen = tf.cast(labels, "float32")
    if ignore_class is not None:
        seen = tf.where(seen == float(ignore_class), 0.0, seen)
    whole = tf.reduce_all(seen == tf.floor(seen))
    low = tf.where(whole, tf.reduce_min(seen), float("nan"))
    high = tf.where(whole, tf.reduce_max(seen), float("nan"))
    valid = tf.logical_or(
        tf.logical_and(low >= 0.0, high < float(num_classes)), tf.size(seen) == 0
    )
    told = tf.debugging.Assert(valid, ["label range:", low, high, num_classes])
    with tf.control_dependencies([] if told is None else [told]):
        return tf.identity(labels)


def _unchanged(labels, num_classes, ignore_class):
    return labels


#: `in_range(labels, num_classes, ignore_class)`: the same labels, checked inside the
#: step where `checked_steps` cannot.
in_range = {"tensorflow": _tensorflow_in_range}.get(keras.config.backend(), _unchanged)


@contextlib.contextmanager
def _tensorflow_readable(check_range):
    import tensorflow as tf

    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = _RANGE.search(error.message)
        if found is None:
            raise
        try:
            check_range(float(found[1]), float(found[2]), int(found[3]))
        except InputError as readable:
            raise readable from None
        raise


@contextlib.contextmanager
def _readable(check_range):
    yield


#: `readable(check_range)`: a context in which the error of `in_range` becomes the one
#: that `check_range(low, high, num_classes)` raises.
readable = {"tensorflow": _tensorflow_readable}.get(keras.config.backend(), _readable)
