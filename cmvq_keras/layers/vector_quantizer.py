"""The quantizer: every vector of a feature map becomes its nearest code; they learn."""

from typing import Any

import keras
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras.backend import kernels
from cmvq_keras.distribution import replicas
from cmvq_keras.layers.codebook_quantizer import CodebookQuantizer, check

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
class VectorQuantizer(CodebookQuantizer):
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
        super().__init__(num_embeddings, groups, **kwargs)
        check(commitment_cost >= 0, "`commitment_cost` must be >= 0", commitment_cost)
        check(
            decay is None or 0 <= decay < 1, "`decay` must be in [0, 1) or None", decay
        )
        check(epsilon > 0, "`epsilon` must be > 0", epsilon)
        check(start in STARTS, f"`start` must be one of {', '.join(STARTS)}", start)
        check(
            0 <= revival_threshold < 1,
            "`revival_threshold` must be in [0, 1)",
            revival_threshold,
        )
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

    @property
    def learns_by_average(self) -> bool:
        """Whether the codes follow moving averages; else they learn by gradient."""
        return self.decay is not None

    @property
    def starts_from_data(self) -> bool:
        """Whether the first training batch gives the codes."""
        return self.start != "reference"

    @property
    def revives(self) -> bool:
        """Whether dead codes become vectors of the batch."""
        return self.learns_by_average and self.revival_threshold > 0

    def build(self, input_shape):
        depth = self.check_depth(input_shape)
        self.check_groups(depth)
        shape = (self.num_embeddings, depth)
        sizes = shape[:1] if self.groups == 1 else (self.groups, self.num_embeddings)
        if self.learns_by_average:
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
            if self.starts_from_data:
                # A trainable weight cannot be assigned inside a traced step: the
                # start is kept beside it and added.
                self.start_offset = self._add("start_offset", shape, "zeros", False)
        if self.starts_from_data:
            self.initialized = self._add("initialized", (), "zeros", False)

    def codebook(self):
        """The codes, `(num_embeddings, depth)` float32."""
        codes = ops.convert_to_tensor(self.embeddings)
        if not self.learns_by_average and self.starts_from_data:
            codes = codes + self.start_offset
        return codes

    def codebook_state(self):
        if self.groups > 1:
            return {}
        state = {"codes": self.embeddings}
        if self.learns_by_average:
            state["counts"] = self.ema_cluster_size
            state["sums"] = self.ema_embeddings
        return state

    def mark_started(self):
        if self.starts_from_data:
            self.initialized.assign(1.0)
            if not self.learns_by_average:
                self.start_offset.assign(ops.zeros(self.start_offset.shape))

    def transfer_from(self, source):
        """Codes are copied as they are used; one that was copied counts as started."""
        if not isinstance(source, VectorQuantizer):
            return super().transfer_from(source)
        if source.learns_by_average != self.learns_by_average:
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
        if self.learns_by_average:
            for state in ("ema_cluster_size", "ema_embeddings"):
                copies.append((getattr(self, state), getattr(source, state)))
        if self.starts_from_data:
            started = source.initialized if source.starts_from_data else 1.0
            copies.append((self.initialized, started))
            if not self.learns_by_average:
                copies.append((self.start_offset, ops.zeros(codes.shape)))
        return copies

    def call(self, inputs, training=False):
        learns = bool(training) and self.trainable
        vectors = ops.cast(inputs, "float32")
        depth = self.embeddings.shape[1]
        flat = ops.reshape(vectors, (-1, depth))
        codes, fresh, candidates = self.codebook(), None, None
        if learns and (self.starts_from_data or self.revives):
            candidates = self._draw(ops.stop_gradient(flat))
        if learns and self.starts_from_data:
            codes, fresh = self._start_from(ops.stop_gradient(flat), candidates, codes)
        indices = self._nearest(flat, codes)
        chosen = self._on_grid(self._chosen(flat, indices, codes), vectors, depth)
        if learns and self.learns_by_average:
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

    def _loss(self, chosen, vectors):
        axes = tuple(range(1, len(vectors.shape)))
        distance = kernels.squared_difference(ops.stop_gradient(chosen), vectors)
        loss = self.commitment_cost * ops.mean(distance, axis=axes)
        if not self.learns_by_average:
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
        if self.learns_by_average:
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
        if self.revives:
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
