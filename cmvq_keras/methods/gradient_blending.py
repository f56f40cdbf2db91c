"""Gradient-Blending: a loss of each modality's own beside the joint one, weighed by
how much each generalizes for how much it overfits.

Reference: Wang, Tran, Feiszli, "What makes training multi-modal classification
networks hard?", CVPR 2020, Section 3.
"""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from cmvq_keras import recipes
from cmvq_keras.batches import evaluation_batches, training_batches
from cmvq_keras.errors import DivergedError
from cmvq_keras.methods.late_fusion import LateFusion, head, late_fusion
from cmvq_keras.methods.method import OF_CLASSES
from cmvq_keras.models import optimizers
from cmvq_keras.models.multi_head import MultiHeadClassifier
from cmvq_keras.recipe import choice

JOINT = "joint"
FLOOR = 0.01  # nats of overfitting; less is noise, and would take all of the weight


@dataclasses.dataclass(frozen=True)
class BlendingSettings:
    """`measured_at`: the epoch of a pilot training at which overfitting is measured:
    the one with the lowest validation loss ("best"), or the last one. `preset`
    "authors" takes the last one, as the paper does."""

    preset: str = choice("default", "default", "authors")
    measured_at: str = choice("best", "best", "last")


@dataclasses.dataclass(frozen=True)
class GradientBlending(LateFusion):
    """Offline G-Blend on the late fusion, for two modalities or more.

    It trains each modality alone and all jointly first: M + 2 trainings in all.
    """

    tasks: tuple = OF_CLASSES
    on_several_devices: bool = False
    own: type = BlendingSettings
    authors: dict = dataclasses.field(default_factory=lambda: {"measured_at": "last"})

    def reason_against(self, recipe):
        if len(recipe.task_modalities or recipe.modalities) < 2:
            return "it needs a recipe of two modalities or more"
        if JOINT in recipe.modalities:
            return f"it needs another name for the modality {JOINT}"
        return super().reason_against(recipe)

    def build_model(self, recipe):
        heads = {
            name: head(recipe, self.linear, name=f"{name}_head")
            for name in recipe.modalities
        }
        return late_fusion(recipe, BlendedFusion, self.linear, heads=heads)

    def prepare(self, model, recipe, splits):
        at = self.values(recipe).measured_at
        return {"gradient_blending": measure_blend(model, recipe, splits, at)}


METHOD = GradientBlending(
    name="gradient-blending",
    title="Grad-Blend",
    source="Wang, Tran, Feiszli, CVPR 2020, Proposition 1 and Algorithm 1 (offline)",
)


@keras.saving.register_keras_serializable("cmvq_keras")
class BlendedFusion(MultiHeadClassifier):
    """A late fusion with a head for every modality.

    Its weight `blend` `(modalities + 1,)` weighs their losses and, last, the joint
    one; equal until `measure_blend` sets it.
    """

    def build(self, input_shape):
        super().build(input_shape)
        count = len(self.modalities) + 1
        self.blend = self.add_weight(
            name="blend",
            shape=(count,),
            initializer=keras.initializers.Constant(1 / count),
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def head_weights(self):
        blend = ops.convert_to_tensor(self.blend)
        own = {name: blend[i] for i, name in enumerate(self.modalities)}
        return own, blend[len(own)]


def blend_weights(generalization, overfitting):
    """w_k proportional to G_k / O_k^2, with a sum of 1 (Proposition 1).

    Args:
        generalization: by name, how far the validation loss fell.
        overfitting: by name, how far the gap between validation and training loss
            grew.

    Returns:
        By name a weight in [0, 1]: 0 where nothing was generalized, equal ones where
        nothing was anywhere. `FLOOR` is the least overfitting.
    """
    raw = {
        name: max(0.0, gain) / max(FLOOR, abs(overfitting[name])) ** 2
        for name, gain in generalization.items()
    }
    total = sum(raw.values())
    if not total > 0:
        return dict.fromkeys(raw, 1 / len(raw))
    return {name: value / total for name, value in raw.items()}


def measure_blend(model, recipe, splits, measured_at="best"):
    """Trains each modality alone and all jointly, and sets the model's weights.

    Args:
        model: a `BlendedFusion`.
        recipe, splits: as in `cmvq_keras.methods.method.Method.prepare`.
        measured_at: the epoch of those trainings, "best" or "last".

    Returns:
        Notes: "weights", "generalization" and "overfitting" (nats) by name.

    Raises:
        DivergedError: if the losses of one of these trainings are not finite.
    """
    # A network that knows nothing; batch norm has no statistics to measure it with.
    start = math.log(len(recipe.classes))
    generalization, overfitting = {}, {}
    for name in (*model.modalities, JOINT):
        one = recipe if name == JOINT else _alone(recipe, name)
        trained, validation = pilot(one, splits, measured_at)
        if not math.isfinite(trained + validation):
            raise DivergedError(
                "Gradient-Blending needs finite losses of each training before the "
                f"main one. Received for {name}: {trained} in training, {validation} "
                "in validation. Try a lower training.learning_rate"
            )
        generalization[name] = start - validation
        overfitting[name] = validation - trained
    weights = blend_weights(generalization, overfitting)
    model.blend.assign(np.array(list(weights.values()), np.float32))
    return {
        "weights": weights,
        "generalization": generalization,
        "overfitting": overfitting,
    }


def pilot(recipe, splits, measured_at):
    """The losses on training and validation data of a late fusion trained by itself,
    at the epoch whose validation loss is the lowest ("best") or at the last one."""
    split = {
        part: dataclasses.replace(
            splits[part], x={name: splits[part].x[name] for name in recipe.modalities}
        )
        for part in ("train", "validation")
    }
    mirrors = recipes.mirrors(recipe) if recipe.training.mirror else None
    batches = training_batches(
        recipe.training,
        split["train"],
        mirrors,
        changes=recipes.augmentations(recipe),
    )
    model = late_fusion(recipe)
    optimizer = optimizers.optimizer(recipe.training, len(batches))
    model.compile(optimizer, optimizers.task_loss(recipe))
    best = keras.callbacks.EarlyStopping(
        monitor="val_task_loss",
        mode="min",
        patience=recipe.training.epochs,
        restore_best_weights=True,
    )
    model.fit(
        batches,
        validation_data=evaluation_batches(recipe, split["validation"]),
        epochs=recipe.training.epochs,
        shuffle=False,
        class_weight=optimizers.class_weight(recipe, split["train"].y),
        callbacks=[best] if measured_at == "best" else [],
        verbose=0,
    )
    return tuple(
        model.evaluate(
            evaluation_batches(recipe, split[name]), return_dict=True, verbose=0
        )["task_loss"]
        for name in ("train", "validation")
    )


def _alone(recipe, name):
    own = {name: recipe.modalities[name]}
    return recipes.resolve(dataclasses.replace(recipe.asked, modalities=own))
