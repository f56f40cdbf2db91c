"""Products at full precision."""

import keras
from keras import ops


def _jax_matmul(a, b):
    import jax

    return jax.numpy.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _tensorflow_matmul(a, b):
    import tensorflow as tf

    rounds = tf.config.experimental.tensor_float_32_execution_enabled()
    if rounds and tf.config.list_physical_devices("GPU"):
        return split_matmul(a, b)
    return tf.matmul(a, b)


def split_matmul(a, b):
    """`a @ b` from three products whose factors survive rounding to TF32.

    TensorFlow has no precision argument on a product: on a GPU it rounds float32
    factors to 11 bits. Each factor is split into two parts of that length (Veltkamp's
    splitting); the product of the two small parts is below float32's own error.
    """
    a_high, b_high = _leading_bits(a), _leading_bits(b)
    return ops.matmul(a_high, b_high) + (
        ops.matmul(a_high, b - b_high) + ops.matmul(a - a_high, b_high)
    )


def _leading_bits(x):
    scaled = x * (2.0**13 + 1.0)
    return scaled - (scaled - x)


#: `full_precision_matmul(a, b)`: a float32 product that no GPU may round to TF32 or
#: bfloat16, for distances: a rounded distance chooses another code.
full_precision_matmul = {
    "jax": _jax_matmul,
    "tensorflow": _tensorflow_matmul,
}.get(keras.config.backend(), ops.matmul)


def codebook_center(codebook):
    """What is taken from vectors and codes before their product: `(depth,)` float32.

    A product of numbers far from 0 rounds away what tells one code from another. In a
    channel whose codes lie farther from 0 than from each other it is their mean;
    elsewhere 0, which leaves every bit as it was.

    Args:
        codebook: `(codes, depth)` float32.
    """
    mean = ops.mean(codebook, axis=0)
    spread = ops.mean(ops.square(codebook - mean), axis=0)
    return ops.where(ops.square(mean) > spread, mean, ops.zeros_like(mean))


#: Squared distance to a code, as a part of the squared distances from the center, below
#: which it is computed again: the rounding of a product is about 1 % of it there.
NEAR = 2.0**-14


def may_be_wrong(squared, vectors, offsets):
    """Which codes that a product has found are to be looked at again.

    The product of a vector and a code far from each other's center is known up to a
    part of their size. Where the code found is so near that this matters, as between
    groups of codes far apart, distances are computed from differences.

    Args:
        squared: `(n,)` squared distances to the codes found.
        vectors: `(n, depth)` float32, less the center.
        offsets: half of the squared distances of the codes from the center, any shape.

    Returns:
        `(n,)` booleans.
    """
    sizes = ops.sum(ops.square(vectors), axis=1) + 2.0 * ops.max(offsets)
    return squared < NEAR * sizes


def is_surely_nearest(squared, gaps):
    """Whether a code is the nearest, by its distance from the others.

    By the triangle inequality; it spares vectors that lie on their code, such as those
    of an even background.

    Args:
        squared: `(n,)` squared distances to the codes found, from differences.
        gaps: `(n,)` squared distances of these codes to the nearest other one, equal
            ones aside.
    """
    return 4.0 * squared < gaps
