"""Pure tensor functions of the method; they hold no state."""

from keras import ops

from cmvq_keras.backend import kernels


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

    Distances are as exact far from 0 as near it: see `numerics.codebook_center`. On a
    CPU the distances of a part of the vectors are there at a time.

    Args:
        vectors: `(n, depth)` float32.
        codebook: `(codes, depth)` float32.

    Returns:
        `(n,)` int32; of equally near codes the first.
    """
    return kernels.nearest(ops.stop_gradient(vectors), ops.stop_gradient(codebook))


def spread_non_finite(values, vectors):
    """`values`, but NaN for each vector that holds a value that is not finite.

    No code is near such a vector, and which one a backend names is chance.

    Args:
        values: `(..., channels)`, what became of the vectors.
        vectors: `(..., depth)`.
    """
    # One pass: no value that is not finite leaves the sum finite.
    finite = ops.isfinite(ops.sum(ops.stop_gradient(vectors), axis=-1, keepdims=True))
    return ops.where(finite, values, float("nan"))


def places_by_group(indices, num_codes, num_groups):
    """Where codes stand in a table of all groups, one group's codes after another's.

    Args:
        indices: int32 codes; for more than one group the last axis is the group.
        num_codes: codes of each group.
        num_groups: groups.
    """
    if num_groups == 1:
        return indices
    return indices + num_codes * ops.arange(num_groups, dtype="int32")


def code_usage(indices, num_codes, num_groups=1):
    """How often each code occurs.

    Args:
        indices: int32 codes of any shape; for more than one group the last axis is the
            group.
        num_codes: codes of each group.
        num_groups: groups.

    Returns:
        Float32 counts, `(num_codes,)` or for more groups `(num_groups, num_codes)`.
    """
    places = ops.reshape(places_by_group(indices, num_codes, num_groups), (-1,))
    ones = ops.ones_like(places, dtype="float32")
    counts = kernels.segment_sum(ones, places, num_codes * num_groups)
    return counts if num_groups == 1 else ops.reshape(counts, (num_groups, num_codes))


def perplexity(counts):
    """exp of the entropy of the codes' shares: 1 (one code) to the number of codes.

    The 1e-10 under the logarithm is the one of the published code.

    Args:
        counts: `(..., num_codes)`.

    Returns:
        `(...)`.
    """
    total = ops.sum(counts, axis=-1, keepdims=True)
    shares = counts / ops.maximum(total, 1.0)
    return ops.exp(-ops.sum(shares * ops.log(shares + 1e-10), axis=-1))


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
