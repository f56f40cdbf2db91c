"""The rotation trick: the gradient is turned as the features are turned to codes."""

import keras
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras.layers.vector_quantizer import VectorQuantizer

QUANTIZERS = {"rotation": "RotationQuantizer"}
#: Below this length a vector counts as having it.
SHORTEST = 1e-6


@keras.saving.register_keras_serializable("cmvq_keras")
class RotationQuantizer(VectorQuantizer):
    """A `VectorQuantizer` whose gradient to the encoder is rotated and scaled.

    The code q of a vector e is e turned onto q, times `|q| / |e|`. The gradient goes
    back through that turn and scale, both taken as constants, in the place of being
    copied from q to e. Vectors of one code then get different gradients, by their angle
    to it. Values, codes and losses are those of `VectorQuantizer`, and so are the
    arguments.

    Not a good choice where codes or features are close to 0: their angle says nothing.

    Reference: Fifty et al., "Restructuring Vector Quantization with the Rotation
    Trick", 2024, Section 4.
    """

    def pass_gradient(self, chosen, vectors):
        width = vectors.shape[-1] // self.groups
        e, q = (ops.reshape(each, (-1, width)) for each in (vectors, chosen))
        turned = rotate(e, ops.stop_gradient(q))
        turned = self._on_grid(turned, vectors, vectors.shape[-1])
        return method_ops.straight_through(chosen, turned)


def rotate(vectors, codes):
    """Vectors turned onto codes and scaled to their length, `(n, depth)`.

    For unit vectors e of the vector and q of the code, and r the one between them, that
    is |code| / |vector| times (I - 2 r r' + 2 q e'), a constant, times the vector.
    """
    fixed = ops.stop_gradient(vectors)
    lengths = [_length(each) for each in (fixed, codes)]
    e, q = fixed / lengths[0], codes / lengths[1]
    r = (e + q) / _length(e + q)
    turned = vectors - 2 * r * _dot(r, vectors) + 2 * q * _dot(e, vectors)
    return lengths[1] / lengths[0] * turned


def _dot(a, b):
    return ops.sum(a * b, axis=-1, keepdims=True)


def _length(vectors):
    return ops.maximum(ops.sqrt(_dot(vectors, vectors)), SHORTEST)
