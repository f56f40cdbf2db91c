"""Starts of weights: Keras's values, without a compilation for each shape."""

# pyright: reportCallIssue=false

import functools
import math

import keras

from cmvq_keras.backend import kernels


class _ByPlace:
    """An initializer of which a value depends on its place in the flat weight alone."""

    def __call__(self, shape, dtype=None):
        draw = functools.partial(super().__call__, dtype=dtype)  # pyright: ignore
        return kernels.drawn(draw, tuple(shape))


@keras.saving.register_keras_serializable("cmvq_keras")
class Uniform(_ByPlace, keras.initializers.RandomUniform):
    """`keras.initializers.RandomUniform`, the same values."""


@keras.saving.register_keras_serializable("cmvq_keras")
class TruncatedNormal(_ByPlace, keras.initializers.TruncatedNormal):
    """`keras.initializers.TruncatedNormal`, the same values."""


def pytorch_uniform(fan_in):
    """PyTorch's default start of weights and biases: uniform(+-1 / sqrt(fan_in)).

    Reference: docs/method.md, Section 6. A new object at each call, because one
    initializer gives every weight of a shape the same values.
    """
    limit = 1 / math.sqrt(fan_in)
    return Uniform(-limit, limit)  # pyright: ignore


def he_normal(fan):
    """A normal of variance 2 / fan, cut off at twice the standard deviation before.

    Reference: He et al. 2015, eq. 10 (`fan` inputs) and eq. 14 (outputs). A new object
    at each call.
    """
    # Of a standard normal cut off at 2 this is the standard deviation.
    return TruncatedNormal(0.0, math.sqrt(2 / fan) / 0.87962566103423978)
