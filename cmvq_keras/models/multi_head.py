"""A classifier with a head of each modality's own beside the joint one."""

from collections.abc import Mapping
from typing import Any

import keras

from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.validation import must_be


@keras.saving.register_keras_serializable("cmvq_keras")
class MultiHeadClassifier(MultimodalClassifier):
    """The joint head predicts; each modality's own head adds a loss.

    The output of a call also has "heads": by modality, logits or a regression's
    numbers.

    Args:
        heads: by modality, a layer from its features to logits.
        head_weight: factor of the loss of each of them, beside the joint one's.
        **kwargs: of `MultimodalClassifier`.

    Raises:
        ValueError: for a modality named "val", whose loss would be mixed up with the
            validation's.
    """

    _by_modality_keys = ("encoders", "heads")

    def __init__(
        self,
        *args: Any,
        heads: Mapping[str, keras.layers.Layer],
        head_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if "val" in self.modalities:
            wanted = "named otherwise in a model with heads"
            raise ValueError(must_be("a modality", wanted, "val"))
        self.head_weight = head_weight
        self.heads = {name: heads[name] for name in sorted(heads)}

    def build(self, input_shape):
        super().build(input_shape)
        for name, head in self.heads.items():
            if not head.built:
                head.build(self.encoders[name].compute_output_shape(input_shape[name]))

    def tracked_terms(self):
        own = [f"{name}_task_loss" for name in self.modalities]
        return [*super().tracked_terms(), *own]

    def extra_outputs(self, features, training):
        return {
            "heads": {
                name: self.run_head(name, features[name], training)
                for name in self.modalities
            }
        }

    def run_head(self, name: str, features: Any, training: bool = False) -> Any:
        """What a modality's own head gives, as the task's outputs are.

        Args:
            name: the modality.
            features: its grid.
            training: as in `call`.
        """
        found = self.heads[name](features, training=training)
        return found if self.units is None else self.units(found)

    def loss_terms(self, x, y, y_pred, sample_weight):
        terms = super().loss_terms(x, y, y_pred, sample_weight)
        task, factor = terms["task_loss"]
        weights, joint = self.head_weights()
        terms["task_loss"] = (task, None if joint is None else factor * joint)
        for name in self.modalities:
            own = self.task_term(y, y_pred["heads"][name], sample_weight)
            terms[f"{name}_task_loss"] = (own, factor * weights[name])
        return terms

    def head_weights(self) -> tuple[dict[str, Any], Any]:
        """Factors of the losses: by modality, and the joint head's; None for one that
        is logged alone."""
        return dict.fromkeys(self.modalities, self.head_weight), 1.0

    def get_config(self):
        return {**super().get_config(), "head_weight": self.head_weight}


@keras.saving.register_keras_serializable("cmvq_keras")
class MultiHeadMaskedClassifier(MultiHeadClassifier, MaskedClassifier):
    """A `MaskedClassifier` with a head of each modality's own, before the mask."""


@keras.saving.register_keras_serializable("cmvq_keras")
class MultiHeadCMVQVAE(MultiHeadClassifier, CMVQVAE):
    """A `CMVQVAE` with a head of each modality's own, before quantizer and mask.

    The heads keep an encoder learning when the joint head leans on another modality.
    """

    _by_modality_keys = ("encoders", "heads", "decoders", "quantizers")
