"""The mean of the modalities' own answers: no fusion at all.

Each modality's encoder and head learn from their own loss, as if they were alone; they
share nothing. What a fusion does not beat is not worth fusing.
"""

import dataclasses

import keras
from keras import ops

from cmvq_keras.methods.method import Method
from cmvq_keras.models import build
from cmvq_keras.models.multi_head import MultiHeadClassifier

PLAIN = {
    "model.reconstruction": False,
    "model.mask_mode": "none",
    "model.modality_loss_weight": 0.0,
    "model.modality_dropout": 0.0,
}


@dataclasses.dataclass(frozen=True)
class Ensemble(Method):
    """Networks of one modality each, trained side by side."""

    settings: dict = dataclasses.field(default_factory=lambda: dict(PLAIN))

    def reason_against(self, recipe):
        if len(recipe.task_modalities or recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        return None

    def build_model(self, recipe):
        return build.with_heads(recipe, EnsembleClassifier, solver=None)


METHOD = Ensemble(
    name="ensemble",
    title="ensemble",
    source="Kittler et al., On combining classifiers, TPAMI 1998, sum rule",
)


@keras.saving.register_keras_serializable("cmvq_keras")
class EnsembleClassifier(MultiHeadClassifier):
    """Its logits are those of the heads' mean probability: of the classes, or of each
    class where a sample has several. A regression's numbers are the heads' mean.

    A modality that is not there is left out of the mean. "task_loss" is logged; the
    heads' losses are what is learned from.
    """

    def call(self, inputs, training=False):
        features = self.encode(inputs, training)
        heads = self.extra_outputs(features, training)["heads"]
        return {"task": self._mean(heads), "heads": heads}

    def solve(self, grids, training=False):
        return self._mean(
            {name: self.run_head(name, grids[name], training) for name in grids}
        )

    def _mean(self, logits):
        seen = [logits[name] for name in self.task_modalities if name in logits]
        if self.task == "regression":
            return ops.mean(ops.stack(seen), axis=0)
        if self.task == "multi-label":
            return logit_of_mean(seen)
        return log_mean_probability(seen)

    def head_weights(self):
        own, _ = super().head_weights()
        return own, None

    @property
    def trained_without(self):
        return True  # each head knows its own modality alone


def log_mean_probability(logits):
    """log of the mean of softmax(each), over a list of `(batch, ..., classes)`."""
    found = ops.stack([ops.log_softmax(each, axis=-1) for each in logits])
    return ops.logsumexp(found, axis=0) - ops.log(float(len(logits)))


def logit_of_mean(logits):
    """The logit of the mean of sigmoid(each), over a list of `(batch, classes)`."""
    found = ops.stack(logits)
    yes, no = (ops.log_sigmoid(sign * found) for sign in (1.0, -1.0))
    return ops.logsumexp(yes, axis=0) - ops.logsumexp(no, axis=0)
