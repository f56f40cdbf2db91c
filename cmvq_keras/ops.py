"""Pure tensor functions of the method; they hold no state."""

from keras import ops

from cmvq_keras.backend import kernels
from cmvq_keras.backend.numerics import full_precision_matmul


def straight_through(hard, soft):
    """The value of `hard` with the gradient of `soft`, exactly.

    The usual `soft + stop_gradient(hard - soft)` rounds: it equals `hard` in only
    about two thirds of float32 values.

    Args:
        hard: tensor whose values are returned.
        soft: tensor of the same shape that receives the gradient.

    Reference: the straight-through estimator of van den Oord et al., 2017, Section 3.2.
    """
    return kernels.straight_through(hard, soft)


def nearest_code(vectors, codebook):
    """Index of the nearest code (Euclidean) for each vector, without a gradient.

    ||z||^2 is the same for every code, so it is left out of the distances. On a CPU
    the distances of a part of the vectors are there at a time.

    Args:
        vectors: `(n, depth)` float32.
        codebook: `(codes, depth)` float32.

    Returns:
        `(n,)` int32; of equally near codes the first.
    """
    return kernels.nearest(ops.stop_gradient(vectors), ops.stop_gradient(codebook))


def nearest_code_at_once(vectors, codebook):
    """`nearest_code` in a few plain operations, without a loop, for ONNX."""
    scores = full_precision_matmul(vectors, ops.transpose(codebook))
    scores = scores - 0.5 * ops.sum(ops.square(codebook), axis=1)
    return ops.cast(ops.argmax(scores, axis=1), "int32")


def code_usage(indices, num_embeddings):
    """How often each code occurs: `(num_embeddings,)` float32 counts."""
    indices = ops.reshape(indices, (-1,))
    ones = ops.ones_like(indices, dtype="float32")
    return kernels.segment_sum(ones, indices, num_embeddings)


def perplexity(counts):
    """exp of the entropy of the codes' shares: 1 (one code) to the number of codes.

    The 1e-10 under the logarithm is the one of the published code.
    """
    shares = counts / ops.maximum(ops.sum(counts), 1.0)
    return ops.exp(-ops.sum(shares * ops.log(shares + 1e-10)))


def threshold(weights, level, mode="binary"):
    """Hard mask values for real mask weights (docs/method.md, Sections 2 and 6).

    Args:
        weights: tensor of real weights.
        level: the threshold t; a weight equal to t counts as 0.
        mode: "binary" (1 above t, else 0) or "ternary" (also -1 below 0).
    """
    hard = ops.cast(weights > level, weights.dtype)
    if mode == "ternary":
        hard = hard - ops.cast(weights < 0, weights.dtype)
    return hard
