"""The quantizer: every vector of a feature map becomes its nearest code."""

import keras
from keras import ops

from cmvq_keras import ops as method_ops
from cmvq_keras.backend import kernels
from cmvq_keras.distribution import replicas

STARTS = ("reference", "batch", "kmeans")
KMEANS_STEPS = 10


@keras.saving.register_keras_serializable("cmvq_keras")
class VectorQuantizer(keras.layers.Layer):
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

    Input shape:
        `(batch, ..., depth)`, any float type.

    Output:
        A dictionary: "quantized", of the input's shape and the layer's compute
        dtype, with the gradient passed straight through; "indices",
        `(batch, ...)` int32; "loss", `(batch,)` float32, one loss a sample, whose
        mean is the published loss.

    Raises:
        ValueError: for settings out of range and inputs of another depth.

    Reference: docs/method.md, Section 3; van den Oord et al., 2017, eq. 3 and Appendix
    A.1. The published code differs from the paper: arg min, not arg max.
    """

    def __init__(
        self,
        num_embeddings,
        commitment_cost=0.25,
        decay=0.99,
        epsilon=1e-5,
        start="batch",
        revival_threshold=0.01,
        seed=None,
        **kwargs,
    ):
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
        self.num_embeddings = num_embeddings
        self.commitment_cost = commitment_cost
        self.decay = decay
        self.epsilon = epsilon
        self.start = start
        self.revival_threshold = revival_threshold
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

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
        depth = input_shape[-1]
        if len(input_shape) < 2 or depth is None:
            raise ValueError(
                "VectorQuantizer needs an input (batch, ..., depth) whose last axis "
                f"is known. Received: shape {tuple(input_shape)}"
            )
        shape = (self.num_embeddings, depth)
        if self._learns_by_average:
            normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
            self.embeddings = self._add("embeddings", shape, normal, False)
            self.ema_cluster_size = self._add(
                "ema_cluster_size", shape[:1], "zeros", False
            )
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
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: depth}, dtype=None
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
        indices = method_ops.nearest_code(flat, codes)
        chosen = ops.reshape(kernels.rows(codes, indices), ops.shape(vectors))
        if learns and self._learns_by_average:
            self._move_codes(ops.stop_gradient(flat), indices, codes, fresh, candidates)
        return {
            "quantized": ops.cast(
                method_ops.straight_through(chosen, vectors), self.compute_dtype
            ),
            "indices": ops.reshape(indices, ops.shape(vectors)[:-1]),
            "loss": self._loss(chosen, vectors),
        }

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
            indices = method_ops.nearest_code(flat, centres)
            counts, sums = self._count_and_sum(flat, indices)
            return ops.where(
                counts[:, None] > 0, sums / ops.maximum(counts, 1.0)[:, None], centres
            )

        return ops.fori_loop(0, KMEANS_STEPS, step, centres)

    def _count_and_sum(self, flat, indices):
        counts = method_ops.code_usage(indices, self.num_embeddings)
        sums = kernels.segment_sum(flat, indices, self.num_embeddings)
        return replicas.sums(counts, sums)

    def _move_codes(self, flat, indices, codes, fresh, candidates):
        """One step of the moving averages, then of the codes (Appendix A.1)."""
        counts, sums = self._count_and_sum(flat, indices)
        size = ops.convert_to_tensor(self.ema_cluster_size)
        total = ops.convert_to_tensor(self.ema_embeddings)
        if fresh is not None:
            # A little more than dead: the first batches, whose features change most,
            # move a started code fast, and none that wins its share passes for dead.
            share = 2 * max(self.revival_threshold, 0.01) * ops.mean(counts)
            size = ops.where(fresh, share * ops.ones_like(size), size)
            total = ops.where(fresh, share * codes, total)
        size = self.decay * size + (1 - self.decay) * counts
        n = ops.sum(size)
        size = (size + self.epsilon) / (n + self.num_embeddings * self.epsilon) * n
        total = self.decay * total + (1 - self.decay) * sums
        moved = total / size[:, None]
        if self._revives:
            # All three together, or the stale average overwrites the new code.
            least = self.revival_threshold * ops.mean(counts)
            dead = size < least
            size = ops.where(dead, ops.ones_like(size) * least, size)
            moved = ops.where(dead[:, None], candidates, moved)
            total = ops.where(dead[:, None], moved * size[:, None], total)
        finite = ops.all(ops.isfinite(sums))
        for variable, value in (
            (self.ema_cluster_size, size),
            (self.ema_embeddings, total),
            (self.embeddings, moved),
        ):
            old = ops.convert_to_tensor(variable)
            variable.assign(ops.where(finite, value, old))

    def compute_output_spec(self, inputs, training=False):
        shape = inputs.shape
        return {
            "quantized": keras.KerasTensor(shape, dtype=self.compute_dtype),
            "indices": keras.KerasTensor(shape[:-1], dtype="int32"),
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
        }


def _check(valid, message, received):
    if not valid:
        raise ValueError(f"{message}. Received: {received}")
