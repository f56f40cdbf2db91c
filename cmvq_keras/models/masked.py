"""A mask over the channels of all modalities, learned with the task."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from cmvq_keras.layers import ThresholdMask
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.recipe.model_settings import MASK_DELAY

#: Adam moves a weight by less than 7.3 learning rates in a step, whatever its gradients
#: were: by (1 - beta1) / sqrt((1 - beta2) (1 - beta1**2 / beta2)) of them.
FREEZE_MARGIN = 8.0


@keras.saving.register_keras_serializable("cmvq_keras")
class MaskedClassifier(MultimodalClassifier):
    """A classifier whose fusion passes a mask: CM-VQVAE without quantizers and
    decoders (Tejero-de-Pablos, WACV 2024, Table 4).

    The mask's penalty is a term of the loss.

    Args:
        encoders, solver: as in `MultimodalClassifier`.
        mask: a `ThresholdMask`; by default a binary one.
        **kwargs: of `MultimodalClassifier`.
    """

    loss_names = ("task", "mask_penalty")
    _layer_keys = ("mask", "solver")

    def __init__(
        self,
        encoders: Mapping[str, keras.layers.Layer],
        solver: keras.layers.Layer,
        *,
        mask: ThresholdMask | None = None,
        parts: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        mask = ThresholdMask() if mask is None else mask
        parts = {**(parts or {}), "mask": mask}
        super().__init__(encoders, solver, parts=parts, **kwargs)

    def tracked_terms(self):
        return [*super().tracked_terms(), "mask_penalty"]

    def undecayed_layers(self):
        # Decay pulls every channel below the threshold, whatever the task says.
        return [*super().undecayed_layers(), self.mask]

    def start_mask(self, reach: float) -> None:
        """Gives every mask weight the value from which it passes the threshold after
        `MASK_DELAY` of a training, where its gradient has one sign from the beginning.

        The networks have learned something by then. A mask that can close in a few
        steps closes what is not yet useful, and the task never learns to use it.

        Args:
            reach: how far the training moves such a weight, > 0, see
                `cmvq_keras.models.optimizers.reach`.
        """
        self.check_built()
        weights = self.mask.channel_weights
        start = self.mask.threshold + MASK_DELAY * reach
        weights.assign(ops.full(weights.shape, start, weights.dtype))

    def freeze_mask(self, reach: float) -> None:
        """Moves every mask weight so far from the threshold, to the side where it is,
        that the rest of a training cannot bring it back: the mask stays as it is.

        Args:
            reach: how far the rest of the training moves a weight, > 0.
        """
        self.check_built()
        weights, threshold = self.mask.channel_weights, self.mask.threshold
        far = FREEZE_MARGIN * reach
        is_open = ops.convert_to_tensor(weights) > threshold
        weights.assign(ops.where(is_open, threshold + far, threshold - far))

    def fuse(self, grids, training=False):
        return self.mask(super().fuse(grids, training), training=training)

    def loss_terms(self, x, y, y_pred, sample_weight):
        penalty = self.mask.penalty_value()
        terms = super().loss_terms(x, y, y_pred, sample_weight)
        terms["mask_penalty"] = (penalty, self._loss_weights["mask_penalty"])
        return terms

    def _other_losses(self, terms):
        if not self._count_other_losses():
            return None
        return sum(self.losses) - terms["mask_penalty"][0]

    def _count_other_losses(self):
        # The penalty stands among them too, as a regularizer.
        return super()._count_other_losses() - bool(self.mask.is_penalized)

    def channel_weights(self):
        self.check_built()
        return self._split(self.mask.channel_weights)

    def channel_values(self, complement=False):
        self.check_built()
        return self._split(self.mask.hard_values(complement=complement))

    def channel_shares(self):
        self.check_built()
        return self._split(self.mask.shares())

    def _split(self, values):
        return self.channels.split(ops.convert_to_numpy(values))
