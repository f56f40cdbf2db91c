"""TCMax: the total correlation of all modalities' features and the label is maximized.

Samples of a batch are paired anew: that a picture goes with a sound and with a label is
told from all other pairs. No further number has to be chosen.

Reference: "Multimodal classification via total correlation maximization", ICLR 2026;
github.com/hubaak/TCMax, the form for linear fusions.
"""

import dataclasses
import math

import keras
from keras import ops

from cmvq_keras.methods.late_fusion import LateFusion, late_fusion
from cmvq_keras.methods.method import OF_CLASSES, WEIGHT_DECAY
from cmvq_keras.models import labels
from cmvq_keras.models.channels import FusedChannels
from cmvq_keras.models.multimodal import MultimodalClassifier


@dataclasses.dataclass(frozen=True)
class TcMax(LateFusion):
    """TCMax on the linear late fusion."""

    tasks: tuple = OF_CLASSES
    linear: bool = True
    on_several_devices: bool = False

    def reason_against(self, recipe):
        if len(recipe.task_modalities or recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        return super().reason_against(recipe)

    def build_model(self, recipe):
        return late_fusion(recipe, TotalCorrelationFusion, self.linear)


METHOD = TcMax(
    name="tcmax",
    title="TCMax",
    source="Multimodal classification via total correlation maximization, ICLR 2026",
    tuned=WEIGHT_DECAY,
)


@keras.saving.register_keras_serializable("cmvq_keras")
class TotalCorrelationFusion(MultimodalClassifier):
    """A late fusion with a linear solver that has a part "logits".

    "task_loss" is logged; "total_correlation_loss" is what is learned from. Weights
    of samples and classes do not change it.
    """

    def tracked_terms(self):
        return [*super().tracked_terms(), "total_correlation_loss"]

    def extra_outputs(self, features, training):
        return {"features": features}

    def loss_terms(self, x, y, y_pred, sample_weight):
        terms = super().loss_terms(x, y, y_pred, sample_weight)
        task, factor = terms["task_loss"]
        found = labels.align_labels(y, y_pred["task"])
        logits = list(self.modality_logits(y_pred["features"]).values())
        terms["task_loss"] = (task, None)
        terms["total_correlation_loss"] = (
            total_correlation_loss(logits, found),
            factor,
        )
        return terms

    def modality_logits(self, features):
        """Each modality's share of the logits, `(batch, classes)`: their sum is the
        model's output.

        Args:
            features: the encoders' outputs by modality, `(batch, 1, 1, channels)`.
        """
        last = self.solver.part("logits")
        seen = FusedChannels(self.task_modalities)
        kernels = seen.split(ops.convert_to_tensor(last.kernel), axis=0)
        bias = ops.convert_to_tensor(last.bias) / len(kernels)
        return {
            name: ops.matmul(_vectors(features[name]), kernel) + bias
            for name, kernel in kernels.items()
        }


def total_correlation_loss(logits, y):
    """Minus the bound of the total correlation, in nats: a scalar, 0 for a network that
    knows nothing.

    With f^m the logits of modality m, B samples and J classes:
    - mean over i of sum over m of f^m_i[y_i]
    + log of sum over y of product over m of sum over j of exp f^m_j[y] - log(B^M J).

    Args:
        logits: of each modality `(batch, classes)` float32.
        y: `(batch,)` integers.
    """
    together = sum(logits)
    classes = together.shape[-1]  # pyright: ignore
    true = ops.one_hot(y, classes, dtype=together.dtype)  # pyright: ignore
    own = ops.mean(ops.sum(together * true, axis=-1))
    everywhere = sum(ops.logsumexp(each, axis=0) for each in logits)
    count = ops.log(ops.cast(ops.shape(together)[0], together.dtype))  # pyright: ignore
    constant = len(logits) * count + math.log(classes)
    return ops.logsumexp(everywhere, axis=-1) - own - constant


def _vectors(features):
    return ops.cast(ops.reshape(features, (-1, features.shape[-1])), "float32")
