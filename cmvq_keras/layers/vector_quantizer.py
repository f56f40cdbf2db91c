"""The quantizer: every vector of a feature map becomes its nearest code."""

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

QUANTIZERS = {"ema": "VectorQuantizer", "gradient": "VectorQuantizer"}
SETTINGS = {
    "num_embeddings": {"default": 512, "integer": "[2, 2**20]"},
    "groups": {"default": 1, "integer": "[1, 2**31)"},
    "commitment_cost": {"default": 0.25, "number": "[0, inf)"},
    "decay": {"default": 0.99, "number": "[0, 1)", "optional": True},
    "codebook_start": {
        "default": "batch",
        "choices": ("reference", "batch", "kmeans"),
    },
    "revival_threshold": {"default": 0.01, "number": "[0, 1)"},
}
STARTS = SETTINGS["codebook_start"]["choices"]
KMEANS_STEPS = 10


@keras.saving.register_keras_serializable("cmvq_keras")
class VectorQuantizer(Quantizer):
    """Replaces each vector on the last axis with the nearest code of a codebook.

    With `decay` the codes follow the exponential moving average of the vectors that
    chose them (and no gradient); with `decay=None` they learn by gradient. All
    arithmetic on codes is float32 under every dtype policy: half precision chooses
    wrong codes. State moves only in a training call of a trainable layer, after the
    old codebook was used, and not when the batch holds non-finite values.

    Not a good choice where the features need more detail than
    `log2(num_embeddings)` bits a position can tell.

    Args:
        num_embeddings: number of codes K, at least 2.
        commitment_cost: beta >= 0, the weight of the commitment loss.
        decay: of the moving averages, in [0, 1); None for a codebook that learns by
            gradient.
        epsilon: Laplace smoothing of the moving code counts, > 0. The smoothed
            count is stored and decays at the next step, as in the published code.
        start: "reference", the published start (codes from a standard normal, or
            from uniform(-1/K, 1/K) with `decay=None`; moving counts at 0: most codes
            are lost in the first step); "batch", vectors of the first training
            batch; "kmeans", ten k-means steps from there.
        revival_threshold: in [0, 1); codes whose moving count falls below this part
            of an even share (vectors in the batch / K) are dead and become vectors
            of the batch; 0 switches it off. Only with `decay`.
        seed: integer, of the draws from the batch.
        groups: G, into how many groups of one size the channels are cut, in their
            order. Each has a codebook of its own and chooses its own code (product
            quantization), so that a mask that closes a group closes all it could
            tell. 1, one code for all channels, is the paper's.

    Input shape:
        `(batch, ..., depth)`, any float type.

    Output:
        A dictionary: "quantized", of the input's shape and the layer's compute
        dtype, with the gradient passed straight through; "indices",
        `(batch, ...)` int32, or `(batch, ..., groups)` for more than one; "loss",
        `(batch,)` float32, one loss a sample, whose mean is the published loss. A
        vector (of a group) that holds a value that is not finite becomes NaN.

    Raises:
        ValueError: for settings out of range and inputs of another depth.

    Reference: docs/method.md, Section 3; van den Oord et al., 2017, eq. 3 and Appendix
    A.1. The published code differs from the paper: arg min, not arg max.
    """

    size_settings = ("num_embeddings", "groups")

    def __init__(
        self,
        num_embeddings: int,
        commitment_cost: float = 0.25,
        decay: float | None = 0.99,
        epsilon: float = 1e-5,
        start: str = "batch",
        revival_threshold: float = 0.01,
        seed: int | None = None,
        groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check(num_embeddings >= 2, "`num_embeddings` must be >= 2", num_embeddings)
        _check(commitment_cost >= 0, "`commitment_cost` must be >= 0", commitment_cost)
        _check(
            decay is None or 0 <= decay < 1, "`decay` must be in [0, 1) or None", decay
        )
        _check(epsilon > 0, "`epsilon` must be > 0", epsilon)
        _check(start in STARTS, f"`start` must be one of {', '.join(STARTS)}", start)
        _check(
            0 <= revival_threshold < 1,
            "`revival_threshold` must be in [0, 1)",
            revival_threshold,
        )
        _check(groups >= 1, "`groups` must be >= 1", groups)
        self.num_embeddings = num_embeddings
        self.groups = groups
        self.commitment_cost = commitment_cost
        self.decay = decay
        self.epsilon = epsilon
        self.start = start
        self.revival_threshold = revival_threshold
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @classmethod
    def from_settings(cls, settings, name):
        by_average = settings.quantizer_kind != "gradient"
        return cls(
            settings.num_embeddings,
            commitment_cost=settings.commitment_cost,
            decay=(settings.decay or None) if by_average else None,
            start=settings.codebook_start,
            revival_threshold=settings.revival_threshold,
            groups=settings.groups,
            name=name,
        )

    @classmethod
    def describe_codes(cls, settings):
        return settings.num_embeddings, settings.groups

    @property
    def num_codes(self) -> int:
        return self.num_embeddings

    @property
    def num_groups(self):
        return self.groups

    @property
    def _learns_by_average(self):
        return self.decay is not None

    @property
    def _starts_from_data(self):
        return self.start != "reference"

    @property
    def _revives(self):
        return self._learns_by_average and self.revival_threshold > 0

    def build(self, input_shape):
        depth = self.check_depth(input_shape)
        self.check_groups(depth)
        shape = (self.num_embeddings, depth)
        sizes = shape[:1] if self.groups == 1 else (self.groups, self.num_embeddings)
        if self._learns_by_average:
            normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
            self.embeddings = self._add("embeddings", shape, normal, False)
            self.ema_cluster_size = self._add("ema_cluster_size", sizes, "zeros", False)
            ema_normal = keras.initializers.RandomNormal(
                0.0, 1.0, seed=None if self.seed is None else self.seed + 1
            )
            self.ema_embeddings = self._add("ema_embeddings", shape, ema_normal, False)
        else:
            limit = 1.0 / self.num_embeddings
            uniform = keras.initializers.RandomUniform(-limit, limit, seed=self.seed)
            self.embeddings = self._add("embeddings", shape, uniform, True)
            if self._starts_from_data:
                # A trainable weight cannot be assigned inside a traced step: the
                # start is kept beside it and added.
                self.start_offset = self._add("start_offset", shape, "zeros", False)
        if self._starts_from_data:
            self.initialized = self._add("initialized", (), "zeros", False)

    def check_groups(self, depth):
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
        codes = ops.convert_to_tensor(self.embeddings)
        if not self._learns_by_average and self._starts_from_data:
            codes = codes + self.start_offset
        return codes

    def codebook_state(self):
        if self.groups > 1:
            return {}
        state = {"codes": self.embeddings}
        if self._learns_by_average:
            state["counts"] = self.ema_cluster_size
            state["sums"] = self.ema_embeddings
        return state

    def mark_started(self):
        if self._starts_from_data:
            self.initialized.assign(1.0)
            if not self._learns_by_average:
                self.start_offset.assign(ops.zeros(self.start_offset.shape))

    def transfer_from(self, source):
        """Codes are copied as they are used; one that was copied counts as started."""
        if not isinstance(source, VectorQuantizer):
            return super().transfer_from(source)
        if source._learns_by_average != self._learns_by_average:
            raise ValueError(
                "must both learn by moving averages, or both by gradient. Received: "
                f"decay={source.decay} and decay={self.decay}"
            )
        codes = source.codebook()
        if tuple(codes.shape) != tuple(self.embeddings.shape):
            raise ValueError(
                "must have as many codes of the same depth. Received: "
                f"{tuple(codes.shape)} and {tuple(self.embeddings.shape)}"
            )
        if source.groups != self.groups:
            raise ValueError(
                "must have as many groups of channels. Received: "
                f"groups={source.groups} and groups={self.groups}"
            )
        copies = [(self.embeddings, codes)]
        if self._learns_by_average:
            for state in ("ema_cluster_size", "ema_embeddings"):
                copies.append((getattr(self, state), getattr(source, state)))
        if self._starts_from_data:
            started = source.initialized if source._starts_from_data else 1.0
            copies.append((self.initialized, started))
            if not self._learns_by_average:
                copies.append((self.start_offset, ops.zeros(codes.shape)))
        return copies

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

    def call(self, inputs, training=False):
        learns = bool(training) and self.trainable
        vectors = ops.cast(inputs, "float32")
        depth = self.embeddings.shape[1]
        flat = ops.reshape(vectors, (-1, depth))
        codes, fresh, candidates = self.codebook(), None, None
        if learns and (self._starts_from_data or self._revives):
            candidates = self._draw(ops.stop_gradient(flat))
        if learns and self._starts_from_data:
            codes, fresh = self._start_from(ops.stop_gradient(flat), candidates, codes)
        indices = self._nearest(flat, codes)
        chosen = self._on_grid(self._chosen(flat, indices, codes), vectors, depth)
        if learns and self._learns_by_average:
            self._move_codes(ops.stop_gradient(flat), indices, codes, fresh, candidates)
        return {
            "quantized": ops.cast(
                self.pass_gradient(chosen, vectors), self.compute_dtype
            ),
            "indices": self._on_grid(indices, vectors, *indices.shape[1:]),
            "loss": self._loss(chosen, vectors),
        }

    def pass_gradient(self, chosen: Any, vectors: Any) -> Any:
        """The codes, with the gradient that the encoder gets.

        Args:
            chosen: the vectors' codes, `(batch, ..., depth)` float32.
            vectors: `(batch, ..., depth)` float32.
        """
        return method_ops.straight_through(chosen, vectors)

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

    def _loss(self, chosen, vectors):
        axes = tuple(range(1, len(vectors.shape)))
        distance = kernels.squared_difference(ops.stop_gradient(chosen), vectors)
        loss = self.commitment_cost * ops.mean(distance, axis=axes)
        if not self._learns_by_average:
            moved = kernels.squared_difference(chosen, ops.stop_gradient(vectors))
            loss = loss + ops.mean(moved, axis=axes)
        return loss

    def _draw(self, flat):
        """One vector of the batch for each code: one from each of K equal strata,
        so that none is drawn twice while there are enough."""
        rows = replicas.rows(flat)
        count = ops.cast(rows, "float32")
        jitter = keras.random.uniform(
            (self.num_embeddings,), seed=self.seed_generator, dtype="float32"
        )
        strata = ops.arange(self.num_embeddings, dtype="float32")
        positions = (strata + jitter) * (count / self.num_embeddings)
        positions = ops.minimum(ops.cast(positions, "int32"), rows - 1)
        return replicas.take(flat, positions)

    def _start_from(self, flat, candidates, codes):
        """The codes to use now; before the first batch those of the data."""
        # One pass: no value that is not finite leaves the sum finite.
        wrong = ops.logical_not(ops.isfinite(ops.sum(flat)))
        (wrong,) = replicas.sums(ops.cast(wrong, "float32"))
        finite = wrong == 0
        initialized = ops.convert_to_tensor(self.initialized)
        fresh = ops.logical_and(initialized < 0.5, finite)

        def start():
            if self.start == "kmeans":
                return self._kmeans(flat, candidates)
            return candidates

        drawn = ops.cond(fresh, start, lambda: ops.stop_gradient(codes))
        self.initialized.assign(ops.where(fresh, 1.0, initialized))
        if self._learns_by_average:
            return drawn, fresh
        offset = drawn - ops.stop_gradient(codes)
        self.start_offset.assign(self.start_offset + offset)
        return codes + offset, fresh

    def _kmeans(self, flat, centres):
        if not replicas.loops_with_sums:
            raise ValueError(
                "`start` must be 'batch' or 'reference' on several devices with "
                "TensorFlow, which cannot sum over them in a loop. Received: 'kmeans'"
            )

        def step(_, centres):
            counts, sums = self._count_and_sum(flat, self._nearest(flat, centres))
            counts = self._by_channel(counts)
            return ops.where(counts > 0, sums / ops.maximum(counts, 1.0), centres)

        return ops.fori_loop(0, KMEANS_STEPS, step, centres)

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

    def _move_codes(self, flat, indices, codes, fresh, candidates):
        """One step of the moving averages, then of the codes (Appendix A.1)."""
        counts, sums = self._count_and_sum(flat, indices)
        decay = self.decay or 0.0
        size = ops.convert_to_tensor(self.ema_cluster_size)
        total = ops.convert_to_tensor(self.ema_embeddings)
        mean = ops.mean(counts, axis=-1, keepdims=True)
        if fresh is not None:
            # A little more than dead: the first batches, whose features change most,
            # move a started code fast, and none that wins its share passes for dead.
            share = 2 * max(self.revival_threshold, 0.01) * mean * ops.ones_like(size)
            size = ops.where(fresh, share, size)
            total = ops.where(fresh, self._by_channel(share) * codes, total)
        size = decay * size + (1 - decay) * counts
        n = ops.sum(size, axis=-1, keepdims=True)
        size = (size + self.epsilon) / (n + self.num_embeddings * self.epsilon) * n
        total = decay * total + (1 - decay) * sums
        moved = total / self._by_channel(size)
        if self._revives:
            # All three together, or the stale average overwrites the new code.
            least = self.revival_threshold * mean * ops.ones_like(size)
            dead = size < least
            size = ops.where(dead, least, size)
            dead = self._by_channel(dead)
            moved = ops.where(dead, candidates, moved)
            total = ops.where(dead, moved * self._by_channel(size), total)
        finite = ops.all(ops.isfinite(sums))
        for variable, value in (
            (self.ema_cluster_size, size),
            (self.ema_embeddings, total),
            (self.embeddings, moved),
        ):
            old = ops.convert_to_tensor(variable)
            variable.assign(ops.where(finite, value, old))

    def compute_output_spec(self, inputs, training=False):
        shape = tuple(inputs.shape)
        indices = shape[:-1] if self.groups == 1 else (*shape[:-1], self.groups)
        return {
            "quantized": keras.KerasTensor(shape, dtype=self.compute_dtype),
            "indices": keras.KerasTensor(indices, dtype="int32"),
            "loss": keras.KerasTensor(shape[:1], dtype="float32"),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "num_embeddings": self.num_embeddings,
            "commitment_cost": self.commitment_cost,
            "decay": self.decay,
            "epsilon": self.epsilon,
            "start": self.start,
            "revival_threshold": self.revival_threshold,
            "seed": self.seed,
            "groups": self.groups,
        }


def _close(vectors, codes):
    """Whether two codes are as near to a vector as float32 can tell."""
    squares = np.square(codes).sum(axis=1)
    scores = vectors @ codes.T - squares / 2
    second, first = np.partition(scores, -2, axis=1)[:, -2:].T
    # Float32 rounds the scores, which are about as large as the largest code.
    return first - second < 1e-5 * squares.max()


def _check(valid, message, received):
    if not valid:
        raise ValueError(f"{message}. Received: {received}")
