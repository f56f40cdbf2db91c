"""Late fusion: one pooled encoder a modality, their vectors concatenated, a classifier.

It is the network that the methods `ogm`, `pmr` and `gradient-blending` train.
"""

import dataclasses

from cmvq_keras import networks
from cmvq_keras.methods.method import OF_CLASSES, Method
from cmvq_keras.models import build
from cmvq_keras.models.multimodal import MultimodalClassifier

FUSION = {"model.reconstruction": False, "model.modality_dropout": 0.0}


@dataclasses.dataclass(frozen=True)
class LateFusion(Method):
    """Late fusion, trained by cross entropy alone.

    Args:
        linear: whether the classifier is one dense layer.
        settings: as in `Method`.
    """

    linear: bool = False
    settings: dict = dataclasses.field(default_factory=lambda: dict(FUSION))

    def reason_against(self, recipe):
        if recipe.task == "segmentation":
            return "late fusion gives one label per sample, this recipe one per pixel"
        return None

    def applied(self, recipe):
        if recipe.preset in ("paper", "code"):
            # The published comparisons train ResNet18.
            recipe = recipe.with_settings({"model.backbone": "resnet18"})
        return super().applied(recipe)

    def has_mask(self, recipe):
        return False

    def build_model(self, recipe):
        return late_fusion(recipe, linear=self.linear)


@dataclasses.dataclass(frozen=True)
class OfTwo(LateFusion):
    """A method on the late fusion whose equations are for two modalities."""

    tasks: tuple = OF_CLASSES

    def reason_against(self, recipe):
        count = len(recipe.task_modalities or recipe.modalities)
        if count != 2:
            return f"its equations are for two modalities, this recipe has {count}"
        return super().reason_against(recipe)


METHOD = LateFusion(
    name="late-fusion",
    title="late fusion",
    source="Tejero-de-Pablos, WACV 2024, Section 4 (docs/method.md, Section 6)",
)


def late_fusion(recipe, kind=MultimodalClassifier, linear=False, **settings):
    """The late fusion of a recipe, built and not compiled.

    Args:
        recipe: a `ResolvedRecipe`.
        kind: `MultimodalClassifier` or a subclass.
        linear: whether the classifier is one dense layer.
        **settings: further arguments of `kind`.
    """
    encoders = {name: encoder(recipe, name) for name in recipe.modalities}
    solver = head(recipe, linear, name="task_solver")
    return build.classifier(recipe, encoders, solver, kind, **settings)


def encoder(recipe, name):
    """A modality's network, to `(batch, 1, 1, channels)`.

    It is the recipe's encoder; with `model.backbone` "resnet18" the whole ResNet18, to
    512 channels. A ResNet18 takes no poses: theirs is the pose encoder
    with as many channels. Other kinds keep their encoder.
    """
    grid = build.late_fusion_encoder(recipe, name)
    return networks.PooledEncoder(grid, name=f"{name}_encoder")


def head(recipe, linear=False, name=None):
    """A classifier: linear, or with a hidden layer (docs/method.md, Section 6)."""
    return networks.FusionSolver(
        len(recipe.outputs),
        units=None if linear else recipe.model.solver_units,  # pyright: ignore
        dropout=recipe.model.dropout,
        name=name,
    )
