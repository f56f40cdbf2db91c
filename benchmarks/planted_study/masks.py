"""Masks that were tried in the study and are in no recipe, see docs/complementarity.md.

They are settings of the study alone, beside those of the recipe:

| setting | what it does |
|---|---|
| study.normalize=true | every channel has mean 0 and variance 1 before the mask |
| study.penalty=relative | lambda * sum of absolute weights / their Euclidean norm |
| study.penalty_from=4 | no penalty before that epoch (counted from 0) |
"""

import keras
from keras import layers, ops

from cmvq_keras.layers import MaskPenalty, ThresholdMask
from cmvq_keras.models.cmvqvae import CMVQVAE

CHOICES = {
    "study.normalize": ("true",),
    "study.penalty": ("relative",),
    "study.penalty_from": tuple(map(str, range(1, 100))),
}


def check(own):
    """Checks the study's own settings, text by name.

    Raises:
        ValueError: for an unknown setting or value.
    """
    for name, value in own.items():
        if value not in CHOICES.get(name, ()):
            known = ", ".join(f"{known}={each[0]}" for known, each in CHOICES.items())
            raise ValueError(f"Known: {known}. Received: {name}={value}")


def with_mask(model, own):
    """An untrained model with its mask as the study's settings say.

    Args:
        model: a `CMVQVAE` that nothing was trained of yet.
        own: the study's settings, see `check`.
    """
    settings = model.mask.get_config()
    mask = StudyMask("study.normalize" in own, "study.penalty" in own, **settings)
    config = {**model.get_config(), "mask": keras.saving.serialize_keras_object(mask)}
    changed = CMVQVAE.from_config(config)
    changed.build(model.get_build_config()["input_shape"])
    return changed


@keras.saving.register_keras_serializable("planted_study")
class StudyMask(ThresholdMask):
    """A mask that does not depend on how large the codes or its weights are.

    Args:
        normalized: whether all channels vary as much before the mask.
        relative: whether the penalty is the same when all weights grow alike.
        **kwargs: as in `ThresholdMask`.
    """

    def __init__(self, normalized, relative, **kwargs):
        super().__init__(**kwargs)
        self.normalized, self.relative = normalized, relative
        if relative:
            self.penalty = RelativePenalty(weight=self.penalty.weight)

    def build(self, input_shape):
        self.scale = layers.BatchNormalization(center=False, scale=False)
        self.scale.build(input_shape)
        super().build(input_shape)

    def call(self, inputs, complement=False, training=False):
        if self.normalized:
            inputs = self.scale(inputs, training=training)
        return super().call(inputs, complement=complement, training=training)

    def get_config(self):
        own = {"normalized": self.normalized, "relative": self.relative}
        return {**super().get_config(), **own}


class RelativePenalty(MaskPenalty):
    """lambda times the sum of the absolute weights over their Euclidean norm."""

    def __call__(self, x):
        return self.weight * ops.sum(ops.abs(x)) / (ops.norm(x) + 1e-9)
