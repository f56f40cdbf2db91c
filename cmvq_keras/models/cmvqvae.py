"""CM-VQVAE as one Keras model that trains with plain `fit`."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from cmvq_keras import metrics as method_metrics
from cmvq_keras.layers import Quantizer, ThresholdMask, VectorQuantizer
from cmvq_keras.models.features import decode_mix, decode_part
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.networks.backbone import BackboneEncoder, FeatureDecoder


@keras.saving.register_keras_serializable("cmvq_keras")
class CMVQVAE(MaskedClassifier):
    """One VQ-VAE a modality, a mask over their channels, a task solver.

    The losses come with the model: softmax cross entropy of the labels,
    reconstruction of each modality (the inputs are their own targets), the
    quantizers' losses and the mask's penalty. `compile` needs an optimizer alone.

    Not a good choice where one modality suffices: train it alone first.

    Args:
        encoders: by modality, a layer from an input to a grid
            `(batch, ..., depth)`; the same grid and depth for all.
        decoders: by modality, a layer from that grid back to the input's shape.
            Where a `cmvq_keras.BackboneEncoder` has none, its features are rebuilt in
            the place of its inputs. Without any take `MaskedClassifier`.
        solver: a layer from the masked grids, concatenated on the channels, to
            logits `(batch, ..., classes)`.
        quantizers: by modality a `Quantizer`; by default a `VectorQuantizer` of 512
            codes.
        mask: a `ThresholdMask`; by default a binary one.
        task_modalities: names of those that the solver sees; None for all. The
            published unimodal runs feed one part of a whole model.
        modalities: order of concatenation; by default that of `encoders`.
        ignore_class: label that counts neither in the loss nor in accuracy.
        modality_dropout: share of the training samples for which the solver misses
            one of its modalities, in [0, 1); 0 as published. See `ModalityDropout`.
        reconstruction_weight: factor of the reconstruction losses, beside that of
            `compile`; 1 as published.

    Call arguments:
        inputs: dictionary by modality, `(batch, ...)` float each.
        training: whether codebooks and statistics move.

    Returns (of a call):
        "task", logits `(batch, ..., classes)`; and by modality "reconstruction", of
        the input's shape, "indices", `(batch, ...)` int32 codes, "quantizer_loss",
        `(batch,)`; "features" of those whose features are rebuilt.

    Raises:
        ValueError: when names, grids, depths or reconstructions do not match.

    Reference: docs/method.md, Sections 2 and 3; Tejero-de-Pablos, WACV 2024.
    """

    loss_names = ("task", "reconstruction", "quantizer", "mask_penalty")
    reconstructions = ("all", "complementary", "contradictory", "mix")
    _by_modality_keys = ("encoders", "decoders", "quantizers")

    def __init__(
        self,
        encoders: Mapping[str, keras.layers.Layer],
        decoders: Mapping[str, keras.layers.Layer],
        solver: keras.layers.Layer,
        quantizers: Mapping[str, Quantizer] | None = None,
        mask: ThresholdMask | None = None,
        task_modalities: Sequence[str] | None = None,
        modalities: Sequence[str] | None = None,
        ignore_class: int | None = None,
        modality_dropout: float = 0.0,
        *,
        reconstruction_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        if decoders is None:
            raise ValueError(
                "`decoders` must be layers by modality. Without decoders nothing is "
                "quantized: take MaskedClassifier, or MultimodalClassifier for no "
                "mask either. Received: None"
            )
        decoders = {**decoders, **_of_features(encoders, decoders)}
        if quantizers is None:
            names = modalities or encoders
            quantizers = {name: VectorQuantizer(512) for name in names}
        super().__init__(
            encoders,
            solver,
            mask=mask,
            task_modalities=task_modalities,
            modalities=modalities,
            ignore_class=ignore_class,
            modality_dropout=modality_dropout,
            parts={"decoders": decoders, "quantizers": quantizers},
            **kwargs,
        )
        self.reconstruction_weight = reconstruction_weight

    @property
    def rebuilt_features(self) -> tuple[str, ...]:
        """Modalities of which features are rebuilt, and not inputs."""
        return tuple(
            name
            for name in self.modalities
            if isinstance(self.decoders[name], FeatureDecoder)
        )

    def _make_trackers(self):
        super()._make_trackers()
        # Made in `build`: only a built quantizer knows how many groups it has.
        self._codes_used = {}

    def tracked_terms(self):
        """Names of those `loss_terms` that are logged."""
        names = super().tracked_terms()
        for kind in ("reconstruction_loss", "quantizer_loss", "perplexity"):
            names += [f"{name}_{kind}" for name in self.modalities]
        return names

    def build(self, input_shape):
        super().build(input_shape)
        for name, quantizer in self.quantizers.items():
            if name not in self._codes_used:
                self._codes_used[name] = method_metrics.CodesUsed(
                    quantizer.num_codes,
                    quantizer.num_groups,
                    name=f"{name}_codes_used",
                )

    def build_modality(self, name, grid, shape):
        quantized = self.quantizers[name](grid)["quantized"]
        rebuilt = self.values_of(name, self.decoders[name](quantized))
        if name in self.rebuilt_features:
            return
        if tuple(rebuilt.shape[1:]) != shape[1:]:
            raise ValueError(
                f"The decoder of {name} must give its input's shape {shape[1:]}. "
                f"Received: {tuple(rebuilt.shape[1:])}"
            )

    def call(self, inputs, training=False):
        features, targets = self._encode(inputs, training)
        coded = {
            name: self.quantizers[name](features[name], training=training)
            for name in self.modalities
        }
        seen = {name: coded[name]["quantized"] for name in coded}
        return {
            "task": self.solve(seen, training=training),
            "reconstruction": {
                name: self.decoders[name](seen[name], training=training)
                for name in coded
            },
            "indices": {name: coded[name]["indices"] for name in coded},
            "quantizer_loss": {name: coded[name]["loss"] for name in coded},
            **({"features": targets} if targets else {}),
            **self.extra_outputs(features, training),
        }

    def _encode(self, inputs, training):
        """As `encode`, and by modality the features that are rebuilt."""
        own = self.rebuilt_features
        if not own:
            return self.encode(inputs, training), {}
        inputs = self.prepared(inputs)
        grids, targets = {}, {}
        for name in self.modalities:
            encoder = self.encoders[name]
            if name not in own:
                grids[name] = encoder(inputs[name], training=training)
                continue
            found = encoder.features(inputs[name], training=training)
            targets[name] = self.decoders[name].target(found)
            grids[name] = encoder.from_features(found, training=training)
        return grids, targets

    def task_features(self, name, inputs):
        grid = super().task_features(name, inputs)
        return self.quantizers[name](grid)["quantized"]

    def undecayed_layers(self):
        return [*super().undecayed_layers(), *self.quantizers.values()]

    def parts_of(self, name):
        return {
            **super().parts_of(name),
            "decoders": self.decoders[name],
            "quantizers": self.quantizers[name],
        }

    def loss_terms(self, x, y, y_pred, sample_weight):
        weights = self._loss_weights
        terms = super().loss_terms(x, y, y_pred, sample_weight)
        of_rebuilt = self.reconstruction_weight * weights["reconstruction"]
        for name in y_pred["reconstruction"]:
            decoded = y_pred["reconstruction"][name]
            target = y_pred.get("features", {}).get(name, x[name])
            rebuilt = self._reconstruction_loss(name, target, decoded)
            coded = ops.mean(y_pred["quantizer_loss"][name])
            perplexity = self._track_codes(name, y_pred["indices"])
            terms[f"{name}_reconstruction_loss"] = (rebuilt, of_rebuilt)
            terms[f"{name}_quantizer_loss"] = (coded, weights["quantizer"])
            terms[f"{name}_perplexity"] = (perplexity, None)
        return terms

    def _reconstruction_loss(self, name, target, decoded):
        """The decoder's own loss where it has one, else the mean squared error."""
        if own := getattr(self.decoders[name], "reconstruction_loss", None):
            return own(target, decoded)
        error = ops.cast(decoded, "float32") - ops.cast(target, "float32")
        return ops.mean(ops.square(error))

    def values_of(self, name: str, decoded: Any) -> Any:
        """What a modality's decoder gives, as values of the modality: a decoder of
        logits says so in its `to_values`."""
        to_values = getattr(self.decoders[name], "to_values", None)
        return to_values(decoded) if to_values else decoded

    def _track_codes(self, name, indices):
        quantizer = self.quantizers[name]
        counts, perplexity = method_metrics.usage_perplexity(
            indices[name], quantizer.num_codes, quantizer.num_groups
        )
        self._codes_used[name].update_state(counts)
        return perplexity

    def check_can_decode(self):
        self.check_built()

    def reconstruct(self, x, features="all", batch_size=128):
        """Each modality decoded from a part of its features (paper, Figs. 1 and 3).

        Args:
            x: dictionary of arrays `(n, ...)`.
            features: "all", "complementary" (those that the task sees) or
                "contradictory" (those that it does not).
            batch_size: samples decoded at a time.

        Returns:
            A dictionary of numpy arrays of the inputs' shapes; `(n, channels)` of
            `rebuilt_features`.
        """
        self.check_can_decode()
        self.check_inputs(x)
        return decode_part(self, x, features, batch_size)

    def mix(self, x, batch_size=128):
        """Complementary features of each sample with the contradictory ones of the
        next (of the last, with those of the first), decoded.

        Args and result as in `reconstruct`.

        Reference: docs/method.md, Section 6, "mix".
        """
        self.check_can_decode()
        self.check_inputs(x)
        return decode_mix(self, x, batch_size)

    def get_config(self):
        return {
            **super().get_config(),
            "reconstruction_weight": self.reconstruction_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if config["decoders"] is None:
            # Version 0.1.0 had this class for models without reconstruction too.
            return MaskedClassifier.from_config(config, custom_objects)
        return super().from_config(config, custom_objects)


def _of_features(encoders, decoders):
    """Decoders of features for encoders that have no decoder but know how."""
    return {
        name: encoder.feature_decoder(name=f"{name}_decoder")
        for name, encoder in encoders.items()
        if decoders.get(name) is None and isinstance(encoder, BackboneEncoder)
    }
