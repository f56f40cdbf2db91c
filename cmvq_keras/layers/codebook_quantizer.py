"""The base of quantizers with a codebook: the nearest code, group by group."""

from typing import Any

import keras
import numpy as np
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras.backend import kernels
from cmvq_keras.backend.numerics import codebook_center
from cmvq_keras.distribution import replicas
from cmvq_keras.layers.code_lookup import CodeLookup
from cmvq_keras.layers.quantizer import Quantizer


class CodebookQuantizer(Quantizer):
    """Base of the layers that choose the nearest of some codes, which are vectors.

    The channels form `groups` groups of one size, in their order. Each has codes of
    its own: row k of the codebook holds code k of each group, side by side. A subclass
    gives `build`, which sets `embeddings`, `(num_embeddings, depth)`, and `call`.

    Args:
        num_embeddings: number of codes K of each group, at least 2.
        groups: G, at least 1.
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: for settings out of range.
    """

    size_settings = ("num_embeddings", "groups")

    def __init__(self, num_embeddings: int, groups: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check(num_embeddings >= 2, "`num_embeddings` must be >= 2", num_embeddings)
        check(groups >= 1, "`groups` must be >= 1", groups)
        self.num_embeddings = num_embeddings
        self.groups = groups

    @classmethod
    def describe_codes(cls, settings):
        return settings.num_embeddings, settings.groups

    @property
    def num_codes(self) -> int:
        return self.num_embeddings

    @property
    def num_groups(self):
        return self.groups

    def check_groups(self, depth: int) -> None:
        """Raises ValueError unless the channels form groups of one size."""
        if depth % self.groups:
            raise ValueError(
                f"`groups` must divide the depth {depth}. Received: {self.groups}"
            )

    def _add(self, name, shape, initializer, trainable):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            trainable=trainable,
            dtype="float32",
            autocast=False,
        )

    def codebook(self):
        """The codes, `(num_embeddings, depth)` float32."""
        return ops.convert_to_tensor(self.embeddings)

    def channels_read(self, channels):
        """All channels of the groups that these lie in."""
        width = self.embeddings.shape[1] // self.groups
        groups = np.unique(np.asarray(channels) // width)
        return (groups[:, None] * width + np.arange(width)).reshape(-1)

    def for_inference(self, channels, name):
        width = self.embeddings.shape[1] // self.groups
        kept = np.bincount(np.asarray(channels) // width)
        kept = [int(count) for count in kept if count]
        kept = len(channels) if self.groups == 1 else kept
        lookup = CodeLookup(self.num_embeddings, kept, dtype="float32", name=name)
        codes = ops.convert_to_numpy(self.codebook())
        read = self.channels_read(channels)
        lookup.build((None, len(read)))
        lookup.embeddings.assign(codes[:, read])
        lookup.kept.assign(codes[:, channels])
        return lookup

    def in_doubt(self, vectors):
        codebook = self.codebook()
        center, codes = (
            np.asarray(ops.convert_to_numpy(each), "float64")
            for each in (codebook_center(codebook), codebook)
        )
        codes = codes - center
        flat = vectors.reshape(-1, codes.shape[1]) - center
        parts = (np.split(each, self.groups, axis=1) for each in (flat, codes))
        close = [_close(*part) for part in zip(*parts, strict=True)]
        return np.any(close, axis=0).reshape(vectors.shape[:-1])

    def _nearest(self, flat, codes):
        """`(n,)` codes, or `(n, groups)` for more than one."""
        if self.groups == 1:
            return method_ops.nearest_code(flat, codes)
        parts = zip(*(self._split(each) for each in (flat, codes)), strict=True)
        return ops.stack([method_ops.nearest_code(*part) for part in parts], axis=-1)

    def _split(self, rows):
        return ops.split(rows, self.groups, axis=-1)

    def _parts(self, flat):
        """`(n, depth)` as `(n * groups, depth / groups)`, group by group of a row."""
        return ops.reshape(flat, (-1, flat.shape[-1] // self.groups))

    def _places(self, indices):
        """The rows of `_by_group` that belong to `_parts`."""
        places = method_ops.places_by_group(indices, self.num_embeddings, self.groups)
        return ops.reshape(places, (-1,))

    def _chosen(self, flat, indices, codes):
        rows = kernels.rows(self._by_group(codes), self._places(indices))
        return method_ops.spread_non_finite(rows, self._parts(flat))

    def _count_and_sum(self, flat, indices):
        counts = method_ops.code_usage(indices, self.num_embeddings, self.groups)
        codes = self.num_embeddings * self.groups
        sums = kernels.segment_sum(self._parts(flat), self._places(indices), codes)
        return replicas.sums(counts, self._by_code(sums))

    def _by_code(self, table):
        """What `_by_group` makes of a codebook, as a codebook again."""
        if self.groups == 1:
            return table
        width = table.shape[1]
        parts = ops.reshape(table, (self.groups, self.num_embeddings, width))
        parts = ops.transpose(parts, (1, 0, 2))
        return ops.reshape(parts, (self.num_embeddings, self.groups * width))

    def _by_channel(self, values):
        """A value a code, `(num_embeddings,)` or `(groups, num_embeddings)`, for each
        channel of the codebook."""
        if self.groups == 1:
            return values[:, None]
        width = self.embeddings.shape[1] // self.groups
        return ops.repeat(ops.transpose(values), width, axis=1)

    def compute_output_spec(self, inputs, training=False):
        shape = tuple(inputs.shape)
        indices = shape[:-1] if self.groups == 1 else (*shape[:-1], self.groups)
        return {
            "quantized": keras.KerasTensor(shape, dtype=self.compute_dtype),
            "indices": keras.KerasTensor(indices, dtype="int32"),
            "loss": keras.KerasTensor(shape[:1], dtype="float32"),
        }


def _close(vectors, codes):
    """Whether two codes are as near to a vector as float32 can tell."""
    squares = np.square(codes).sum(axis=1)
    scores = vectors @ codes.T - squares / 2
    second, first = np.partition(scores, -2, axis=1)[:, -2:].T
    # Float32 rounds the scores, which are about as large as the largest code.
    return first - second < 1e-5 * squares.max()


def check(valid: bool, message: str, received: Any) -> None:
    """Raises ValueError with the message and what was received, unless valid."""
    if not valid:
        raise ValueError(f"{message}. Received: {received}")
