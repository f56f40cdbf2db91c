"""CM-VQVAE as one Keras model that trains with plain `fit`."""

import keras
import numpy as np
from keras import ops

import cmvq_keras.networks  # noqa: F401  (registers what a saved model is made of)
from cmvq_keras import metrics as method_metrics
from cmvq_keras.backend import kernels
from cmvq_keras.backend.runtime import keep_weights
from cmvq_keras.distribution import replicas
from cmvq_keras.layers import ModalityDropout, ThresholdMask, VectorQuantizer
from cmvq_keras.layers.remat import remat
from cmvq_keras.losses import task_loss
from cmvq_keras.models import labels, saved_weights
from cmvq_keras.models.features import check_reconstructs, decode_mix, decode_part

LOSS_TERMS = ("task", "reconstruction", "quantizer", "mask_penalty")


@keras.saving.register_keras_serializable("cmvq_keras")
class CMVQVAE(keras.Model):
    """One VQ-VAE a modality, a mask over their channels, a task solver.

    The losses come with the model: softmax cross entropy of the labels,
    reconstruction of each modality (the inputs are their own targets), the
    quantizers' losses and the mask's penalty. `compile` needs an optimizer alone.

    Not a good choice where one modality suffices: train it alone first.

    Args:
        encoders: by modality, a layer from an input to a grid
            `(batch, ..., depth)`; the same grid and depth for all.
        decoders: by modality, a layer from that grid back to the input's shape; None
            for a model that does not reconstruct, and so does not quantize either
            (docs/method.md, Section 7, Table 4).
        solver: a layer from the masked grids, concatenated on the channels, to
            logits `(batch, ..., classes)`.
        quantizers: by modality a `VectorQuantizer`; by default one of 512 codes.
            Without decoders there are none.
        mask: a `ThresholdMask`; by default a binary one.
        task_modalities: names of those that the solver sees; None for all. The
            published unimodal runs feed one part of a whole model.
        modalities: order of concatenation; by default that of `encoders`.
        ignore_class: label that counts neither in the loss nor in accuracy.
        modality_dropout: share of the training samples for which the solver misses
            one of its modalities, in [0, 1); 0 as published. See `ModalityDropout`.
        recompute: whether encoders and decoders run once more for their gradient,
            which takes less memory; see `cmvq_keras.layers.remat`.

    Call arguments:
        inputs: dictionary by modality, `(batch, ...)` float each.
        training: whether codebooks and statistics move.

    Returns (of a call):
        "task", logits `(batch, ..., classes)`; and by modality "reconstruction", of
        the input's shape, "indices", `(batch, ...)` int32 codes, "quantizer_loss",
        `(batch,)`; these three are empty without decoders.

    Raises:
        ValueError: when names, grids, depths or reconstructions do not match.

    Reference: docs/method.md, Sections 2 and 3; Tejero-de-Pablos, WACV 2024.
    """

    def __init__(
        self,
        encoders,
        decoders,
        solver,
        quantizers=None,
        mask=None,
        task_modalities=None,
        modalities=None,
        ignore_class=None,
        modality_dropout=0.0,
        recompute=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.modalities = tuple(modalities or encoders)
        if not self.modalities:
            raise ValueError("`encoders` must hold at least one modality. Received: {}")
        self.reconstructs = decoders is not None
        if not self.reconstructs and quantizers is not None:
            raise ValueError(
                "`quantizers` must be None without decoders: nothing is quantized. "
                f"Received: {quantizers}"
            )
        # Dictionaries of layers are stored by position: one order for all.
        order = sorted(self.modalities)
        self.encoders = _by_modality("encoders", encoders, order)
        self.decoders, self.quantizers = {}, {}
        if self.reconstructs:
            if quantizers is None:
                quantizers = {name: VectorQuantizer(512) for name in self.modalities}
            self.decoders = _by_modality("decoders", decoders, order)
            self.quantizers = _by_modality("quantizers", quantizers, order)
        self.mask = ThresholdMask() if mask is None else mask
        self.solver = solver
        self.task_modalities = tuple(task_modalities or self.modalities)
        unknown = set(self.task_modalities) - set(self.modalities)
        if unknown:
            raise ValueError(
                f"`task_modalities` must be some of {', '.join(self.modalities)}. "
                f"Received: {', '.join(self.task_modalities)}"
            )
        self.ignore_class = ignore_class
        self.modality_dropout = modality_dropout
        self.recompute = recompute
        self._left_out = None
        if modality_dropout:
            parts = len(self.task_modalities)
            self._left_out = ModalityDropout(modality_dropout, parts, name="left_out")
        self._task_loss = self._default_task_loss()
        self._loss_weights = dict.fromkeys(LOSS_TERMS, 1.0)
        self._has_other_losses = False
        self._is_in_step = False
        self._label_axes, self._num_classes = None, None
        self._make_trackers()

    def _default_task_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=self.ignore_class
        )

    def _make_trackers(self):
        self._other_tracker = keras.metrics.Mean(name="regularization_loss")
        self._trackers = {
            name: keras.metrics.Mean(name=name) for name in self.tracked_terms()
        }
        self._codes_used = {
            name: method_metrics.CodesUsed(
                quantizer.num_embeddings, name=f"{name}_codes_used"
            )
            for name, quantizer in self.quantizers.items()
        }

    def tracked_terms(self):
        """Names of those `loss_terms` that are logged."""
        names = ["task_loss", "mask_penalty"]
        for kind in ("reconstruction_loss", "quantizer_loss", "perplexity"):
            names += [f"{m}_{kind}" for m in self.modalities if self.reconstructs]
        return names

    def build(self, input_shape):
        self._check_names(input_shape)
        grids = {}
        for name in self.modalities:
            shape = tuple(input_shape[name])
            grid = self.encoders[name](keras.KerasTensor(shape))
            grids[name] = tuple(grid.shape[1:])
            if not self.reconstructs:
                continue
            quantized = self.quantizers[name](grid)["quantized"]
            rebuilt = self.decoders[name](quantized)
            if tuple(rebuilt.shape[1:]) != shape[1:]:
                raise ValueError(
                    f"The decoder of {name} must give its input's shape {shape[1:]}. "
                    f"Received: {tuple(rebuilt.shape[1:])}"
                )
        if len(set(grids.values())) > 1:
            raise ValueError(
                "The encoders must all give the same grid and depth. Received: "
                + ", ".join(f"{name} {grid}" for name, grid in grids.items())
            )
        grid = next(iter(grids.values()))
        logits = self._solve({name: keras.KerasTensor((None, *grid)) for name in grids})
        self._label_axes = len(logits.shape) - 1
        self._num_classes = logits.shape[-1]

    def build_from_config(self, config):
        # Keras's own swallows what build() raises and goes on with random weights.
        if config:
            self.build(config["input_shape"])

    def load_own_variables(self, store):
        super().load_own_variables(store)
        saved_weights.check_complete(self, store)

    def call(self, inputs, training=False):
        self._check_names(inputs)
        features = {
            name: self._run(self.encoders[name], inputs[name], training)
            for name in self.modalities
        }
        coded = {
            name: self.quantizers[name](features[name], training=training)
            for name in self.modalities
            if self.reconstructs
        }
        seen = {name: coded[name]["quantized"] for name in coded} or features
        return {
            "task": self._solve(seen, training=training),
            "reconstruction": {
                name: self._run(self.decoders[name], seen[name], training)
                for name in coded
            },
            "indices": {name: coded[name]["indices"] for name in coded},
            "quantizer_loss": {name: coded[name]["loss"] for name in coded},
            **self.extra_outputs(features, training),
        }

    def _run(self, network, inputs, training):
        if self.recompute and training:
            return remat(network, inputs)
        return network(inputs, training=training)

    def extra_outputs(self, features, training):
        """What `call` gives besides; for subclasses whose loss needs it.

        Args:
            features: the encoders' outputs by modality.
            training: as in `call`.
        """
        return {}

    def task_features(self, name, inputs):
        """What the task may see of a modality: its codes, or without reconstruction
        its features; `(batch, ..., depth)`.

        Args:
            name: the modality.
            inputs: `(batch, ...)`.
        """
        grid = self.encoders[name](inputs)
        return self.quantizers[name](grid)["quantized"] if self.reconstructs else grid

    def _solve(self, quantized, training=False):
        """Logits from the grids; a modality that is not there counts as zeros."""
        absent = ops.zeros_like(next(iter(quantized.values())))
        grids = [quantized.get(name, absent) for name in self.modalities]
        masked = self.mask(ops.concatenate(grids, axis=-1), training=training)
        if self.task_modalities != self.modalities:
            parts = dict(
                zip(
                    self.modalities,
                    ops.split(masked, len(self.modalities), axis=-1),
                    strict=True,
                )
            )
            masked = ops.concatenate(
                [parts[name] for name in self.task_modalities], axis=-1
            )
        if self._left_out is not None:
            masked = self._left_out(masked, training=training)
        return self.solver(masked, training=training)

    def _check_names(self, inputs):
        if not isinstance(inputs, dict) or set(inputs) != set(self.modalities):
            names = sorted(inputs) if isinstance(inputs, dict) else type(inputs)
            raise ValueError(
                "The input must be a dictionary with exactly the modalities "
                f"{', '.join(self.modalities)}. Received: {names}"
            )

    # Training

    def compile(
        self,
        optimizer="adam",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        **kwargs,
    ):
        """Configures training; the losses come with the model.

        Args:
            optimizer: as in Keras.
            loss: None for softmax cross entropy, or another loss for the task: a
                `keras.losses.Loss`, or a function of labels and logits that gives
                one value a label.
            loss_weights: factors for some of the terms "task", "reconstruction",
                "quantizer", "mask_penalty"; 1 by default. Logs stay unweighted.
            metrics: as in Keras; they get the labels and the logits.
            weighted_metrics: likewise, weighted by sample_weight and class_weight.
            **kwargs: Keras's other arguments, `jit_compile` for one.

        Raises:
            ValueError: for an unknown loss term, and for losses that would take the
                logits for probabilities.
        """
        for term in loss_weights or {}:
            if term not in LOSS_TERMS:
                raise ValueError(
                    f"`loss_weights` takes the terms {', '.join(LOSS_TERMS)}. "
                    f"Received: {term!r}"
                )
        self._task_loss = self._default_task_loss() if loss is None else task_loss(loss)
        self._loss_weights = {**dict.fromkeys(LOSS_TERMS, 1.0), **(loss_weights or {})}
        super().compile(
            optimizer=optimizer,
            metrics=self._with_accuracy(metrics),
            weighted_metrics=_of_the_task(weighted_metrics),
            **kwargs,
        )
        if self.optimizer is not None:
            replicas.prepare(self.optimizer)

    def _with_accuracy(self, metrics):
        """Accuracy among the compiled metrics: there Keras's callbacks find it."""
        metrics = list(_of_the_task(metrics) or ())
        names = {getattr(metric, "name", metric) for metric in metrics}
        if not names & {"accuracy", "acc"}:
            metrics.insert(0, method_metrics.Accuracy(self.ignore_class))
        return metrics

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            # Keras's own compile was given neither: they are this model's.
            config["loss"] = keras.saving.serialize_keras_object(self._task_loss)
            config["loss_weights"] = dict(self._loss_weights)
        return config

    def compile_from_config(self, config):
        self.compile(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *args, **kwargs):
        """Keras's `fit`; after an error the weights are those of the last step.

        `class_weight` is for one label a sample, not for label maps.
        """
        labels.check_values(y, *self._label_range())
        if kwargs.get("class_weight") and (self._label_axes or 1) > 1:
            raise ValueError(
                "`class_weight` must be None with a label a pixel: give the loss "
                "its weights instead, compile(loss=...)."
            )
        kernels.optimizer_to_channels_last(self)
        with keep_weights(self):
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Keras's `evaluate`; an error leaves the weights as they were."""
        labels.check_values(y, *self._label_range())
        with keep_weights(self), replicas.reading(x):
            return super().evaluate(x, y, *args, **kwargs)

    def predict(self, *args, **kwargs):
        """Keras's `predict`; an error leaves the weights as they were."""
        with keep_weights(self):
            return super().predict(*args, **kwargs)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The sum of all loss terms (docs/method.md, Section 3).

        `sample_weight` and `class_weight` weigh the task alone: a sample of weight 0
        is still reconstructed, as one without a label would be.
        """
        terms = self.loss_terms(x, y, y_pred, sample_weight)
        if replicas.may_be_empty:
            some = ops.shape(y_pred["task"])[0] > 0
            terms = {
                name: (ops.where(some, value, 0.0), factor)
                for name, (value, factor) in terms.items()
            }
        total = sum(v * factor for v, factor in terms.values() if factor is not None)
        # Keras averages the loss over samples, not batches: so do its terms.
        count = ops.shape(y_pred["task"])[0]
        other = self._other_losses(terms["mask_penalty"][0])
        if other is not None:
            total = total + other
            self._other_tracker.update_state(other, sample_weight=count)
        for name, tracker in self._trackers.items():
            tracker.update_state(terms[name][0], sample_weight=count)
        return replicas.share(total)

    def loss_terms(self, x, y, y_pred, sample_weight):
        """The terms of the loss, and what is logged beside them.

        Args:
            x, y, y_pred, sample_weight: as in `compute_loss`.

        Returns:
            By name pairs of a scalar and its factor in the sum; None for what is only
            logged. `tracked_terms` says which are logged.
        """
        weights = self._loss_weights
        penalty = self.mask.penalty_value()
        task = self.task_term(y, y_pred["task"], sample_weight)
        terms = {
            "task_loss": (task, weights["task"]),
            "mask_penalty": (penalty, weights["mask_penalty"]),
        }
        for name in y_pred["reconstruction"]:
            error = ops.cast(y_pred["reconstruction"][name], "float32") - ops.cast(
                x[name], "float32"
            )
            rebuilt = ops.mean(ops.square(error))
            coded = ops.mean(y_pred["quantizer_loss"][name])
            perplexity = self._track_codes(name, y_pred["indices"])
            terms[f"{name}_reconstruction_loss"] = (rebuilt, weights["reconstruction"])
            terms[f"{name}_quantizer_loss"] = (coded, weights["quantizer"])
            terms[f"{name}_perplexity"] = (perplexity, None)
        return terms

    def task_term(self, y, logits, sample_weight=None):
        """The task's loss of some logits, a float32 scalar."""
        found = labels.align_labels(y, logits)
        if sample_weight is not None:
            sample_weight = method_metrics.broadcast_weights(sample_weight, found)
        loss = ops.cast(
            self._task_loss(found, logits, sample_weight=sample_weight), "float32"
        )
        loss = replicas.unshared(loss)
        if self.ignore_class is None or not replicas.are_separate:
            return loss
        # The loss is a mean over labels that count: replicas differ in how many.
        counted = ops.sum(ops.cast(found != self.ignore_class, "float32"))
        samples = ops.cast(ops.shape(logits)[0], "float32")
        counted_of_all, samples_of_all = replicas.sums(counted, samples)
        share = samples_of_all / samples / ops.maximum(counted_of_all, 1.0)
        return loss * counted * share

    def _label_range(self):
        return self._label_axes, self._num_classes, self.ignore_class

    def _track_codes(self, name, indices):
        counts, perplexity = method_metrics.usage_perplexity(
            indices[name], self.quantizers[name].num_embeddings
        )
        self._codes_used[name].update_state(counts)
        return perplexity

    def _other_losses(self, penalty):
        """Regularizers and `add_loss` of the user's own layers; None without any."""
        losses = self.losses
        if len(losses) <= (1 if self.mask.is_penalized else 0):
            return None
        self._has_other_losses = True
        return sum(losses) - penalty

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        found = labels.align_labels(y, y_pred["task"])
        self._is_in_step = True
        try:
            return super().compute_metrics(x, found, y_pred["task"], sample_weight)
        finally:
            self._is_in_step = False

    def get_metrics_result(self):
        if self._is_in_step:
            # Those of this process: to ask all of them at each step would cost time.
            return self._metrics_result()
        with replicas.metrics_of_all(self):
            return self._metrics_result()

    def _metrics_result(self):
        results = super().get_metrics_result()
        if not self._has_other_losses:
            results.pop(self._other_tracker.name)
        return results

    # Insight

    def complementarity(self):
        """Shares of the channels that the task uses, and zeta.

        Returns:
            See `cmvq_keras.metrics.complementarity`.
        """
        self._check_built()
        shares = ops.convert_to_numpy(self.mask.shares())
        parts = np.split(shares, len(self.modalities))
        return method_metrics.complementarity(
            dict(zip(self.modalities, parts, strict=True))
        )

    def inference_model(self, without=()):
        """A plain Keras model from the inputs to the same logits, without decoders.

        It shares this model's weights and takes the task's modalities alone.

        Args:
            without: modalities that it does not take: zeros in their channels.

        Raises:
            ValueError: where none is left.
        """
        self._check_built()
        inputs, quantized = {}, {}
        shapes = self.get_build_config()["input_shape"]
        left = [name for name in self.task_modalities if name not in without]
        if not left:
            raise ValueError(
                "`without` must leave one of the task's modalities "
                f"{', '.join(self.task_modalities)}. Received: {without}"
            )
        for name in left:
            inputs[name] = keras.Input(tuple(shapes[name])[1:], name=name)
            quantized[name] = self.task_features(name, inputs[name])
        return keras.Model(
            inputs, self._solve(quantized), name=f"{self.name}_inference"
        )

    def reconstruct(self, x, features="all", batch_size=128):
        """Each modality decoded from a part of its features (paper, Figs. 1 and 3).

        Args:
            x: dictionary of arrays `(n, ...)`.
            features: "all", "complementary" (those that the task sees) or
                "contradictory" (those that it does not).
            batch_size: samples decoded at a time.

        Returns:
            A dictionary of numpy arrays of the inputs' shapes.

        Raises:
            ValueError: for a model without decoders.
        """
        self._check_can_decode(x)
        return decode_part(self, x, features, batch_size)

    def mix(self, x, batch_size=128):
        """Complementary features of each sample with the contradictory ones of the
        next (of the last, with those of the first), decoded.

        Args and result as in `reconstruct`.

        Reference: docs/method.md, Section 6, "mix".
        """
        self._check_can_decode(x)
        return decode_mix(self, x, batch_size)

    def _check_can_decode(self, x):
        self._check_built()
        self._check_names(x)
        check_reconstructs(self)

    def _check_built(self):
        if not self.built:
            raise ValueError(
                "The model has no weights yet: call it on a batch, fit it, or call "
                "build({modality: shape}) first."
            )

    # Saving

    def get_config(self):
        def serialized(layers):
            return {
                name: keras.saving.serialize_keras_object(layers[name])
                for name in self.modalities
            }

        def serialized_if_any(layers):
            return serialized(layers) if self.reconstructs else None

        return {
            **super().get_config(),
            "encoders": serialized(self.encoders),
            "decoders": serialized_if_any(self.decoders),
            "quantizers": serialized_if_any(self.quantizers),
            "mask": keras.saving.serialize_keras_object(self.mask),
            "solver": keras.saving.serialize_keras_object(self.solver),
            "task_modalities": list(self.task_modalities),
            "modalities": list(self.modalities),
            "ignore_class": self.ignore_class,
            "modality_dropout": self.modality_dropout,
            "recompute": self.recompute,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("encoders", "decoders", "quantizers"):
            if config[key] is None:
                continue
            config[key] = {
                name: keras.saving.deserialize_keras_object(layer, custom_objects)
                for name, layer in config[key].items()
            }
        for key in ("mask", "solver"):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects
            )
        return cls(**config)


def _by_modality(argument, layers, order):
    if sorted(layers) != order:
        raise ValueError(
            f"`{argument}` must have exactly the modalities {', '.join(order)}. "
            f"Received: {', '.join(sorted(layers))}"
        )
    return {name: layers[name] for name in order}


def _of_the_task(metrics):
    """Metrics as Keras takes them for one output; {"task": ...} is that output."""
    if not isinstance(metrics, dict):
        return metrics
    if set(metrics) != {"task"}:
        raise ValueError(
            "Metrics by output take the output task alone. Received: "
            + ", ".join(map(str, metrics))
        )
    found = metrics["task"]
    return list(found) if isinstance(found, (list, tuple)) else [found]
