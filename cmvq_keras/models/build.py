"""From a recipe to its model."""

import math

import keras

from cmvq_keras import methods, networks, recipe_file, recipes
from cmvq_keras.errors import RecipeFileError
from cmvq_keras.layers import ThresholdMask, quantizer
from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.models.labels import IGNORED_LABEL
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.models.multi_head import (
    MultiHeadClassifier,
    MultiHeadCMVQVAE,
    MultiHeadMaskedClassifier,
)
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.networks.kind import get as networks_of_kind
from cmvq_keras.recipe import Recipe
from cmvq_keras.recipe.fields import AUTO


def build_model(recipe: str | Recipe, preset: str = "default") -> MultimodalClassifier:
    """Builds a recipe's model, weights included.

    Args:
        recipe: a `Recipe`, or a recipe's name.
        preset: "default", "paper", "code" or "calibrated", for a name.

    Returns:
        A `MultimodalClassifier`, built, not compiled: a `CMVQVAE` by default.

    Raises:
        ValueError: for an unknown name or method, or a grid that the inputs' shapes
            do not allow.

    Reference: docs/method.md, Sections 5 and 6.
    """
    recipe = recipes.resolve(recipe, preset)
    method = methods.get(recipe.method)
    if recipe.task not in method.tasks:
        others = ", ".join(methods.of_task(recipe.task))
        raise ValueError(
            f"The method {method.name} trains {' and '.join(method.tasks)}. Received: "
            f"a recipe for {recipe.task}, which these train: "
            f"{others}"
        )
    return method.build_model(recipe)


def masked(recipe):
    """The recipe's own model: CM-VQVAE, or what is left of it without reconstruction.

    Args:
        recipe: a `ResolvedRecipe`.
    """
    settings = recipe.model
    encoders, decoders = {}, {}
    for name in recipe.modalities:
        encoders[name], decoders[name] = _autoencoder(recipe, name)
    quantizers = {name: _quantizer(settings, name) for name in recipe.modalities}
    parts = {}
    if settings.reconstruction:
        parts = {
            "decoders": decoders,
            "quantizers": quantizers,
            "reconstruction_weight": settings.reconstruction_weight,
        }
    if settings.reconstruction or settings.mask_mode != "none":
        parts["mask"] = _mask(settings)
    classes = _WITHOUT_HEADS
    seen = recipe.task_modalities or tuple(recipe.modalities)
    if settings.modality_loss_weight and 1 < len(seen) == len(recipe.modalities):
        classes = _WITH_HEADS
        parts["heads"] = _heads(recipe)
        parts["head_weight"] = settings.modality_loss_weight
    kind = classes["decoders" in parts, "mask" in parts]
    return classifier(recipe, encoders, task_solver(recipe), kind, **parts)


# By whether there are decoders, and whether there is a mask.
_WITHOUT_HEADS = {
    (True, True): CMVQVAE,
    (False, True): MaskedClassifier,
    (False, False): MultimodalClassifier,
}
_WITH_HEADS = {
    (True, True): MultiHeadCMVQVAE,
    (False, True): MultiHeadMaskedClassifier,
    (False, False): MultiHeadClassifier,
}


def classifier(recipe, encoders, solver, kind=MultimodalClassifier, **settings):
    """A recipe's model of some encoders and a solver, weights included.

    Args:
        recipe: a `ResolvedRecipe`.
        encoders: by modality.
        solver: the task's head.
        kind: `MultimodalClassifier` or a subclass.
        **settings: further arguments of `kind`.
    """
    model = kind(
        encoders=encoders,
        solver=solver,
        task_modalities=recipe.task_modalities,
        ignore_class=IGNORED_LABEL if recipe.task == "segmentation" else None,
        modality_dropout=recipe.model.modality_dropout,
        task=recipe.task,
        units=_units(recipe),
        name=recipe.name.replace("-", "_"),
        **settings,
    )
    model.build({name: (None, *item.shape) for name, item in recipe.modalities.items()})
    return model


def _units(recipe):
    """What brings a regression's numbers to its targets' units; None for other tasks,
    and where offsets and scales are not measured yet."""
    targets = recipe.targets.values()
    if not targets or AUTO in [each for t in targets for each in (t.offset, t.scale)]:
        return None
    return networks.TargetUnits(
        [t.offset for t in targets], [t.scale for t in targets], name="target_units"
    )


def with_heads(recipe, kind, solver, **settings):
    """As `classifier`, of the recipe's encoders and a task head for each of them.

    Args:
        recipe: a `ResolvedRecipe`.
        kind: `cmvq_keras.models.multi_head.MultiHeadClassifier` or a subclass.
        solver: the joint head.
        **settings: further arguments of `kind`.
    """
    encoders = {name: encoder(recipe, name) for name in recipe.modalities}
    return classifier(recipe, encoders, solver, kind, heads=_heads(recipe), **settings)


def _heads(recipe):
    return {name: task_solver(recipe, f"{name}_head") for name in recipe.modalities}


def encoder(recipe, name):
    """The recipe's encoder of a modality, to `(batch, rows, columns, depth)`."""
    return _autoencoder(recipe, name)[0]


def late_fusion_encoder(recipe, name):
    """The recipe's encoder of a modality for late fusion, to a grid to be averaged."""
    if own := _own_encoder(recipe, name):
        return own
    modality = recipe.modalities[name]
    return networks_of_kind(modality.kind).late_fusion(name, modality, recipe.model)


def _autoencoder(recipe, name):
    if own := _own_encoder(recipe, name):
        hidden = recipe.model.hidden_channels
        return own, own.feature_decoder(hidden, name=f"{name}_decoder")
    modality = recipe.modalities[name]
    return networks_of_kind(modality.kind).autoencoder(name, modality, recipe.model)


def _own_encoder(recipe, name):
    """The encoder that the recipe's file gives, or None."""
    backbone = recipe_file.encoder(recipe, name)
    if backbone is None or isinstance(backbone, networks.BackboneEncoder):
        return backbone
    if not isinstance(backbone, keras.layers.Layer):
        raise RecipeFileError(
            f"{recipe_file.loaded(recipe.name).path}: build_encoder must give a keras "
            f"layer or model, or None. Received: {type(backbone).__name__}"
        )
    grid, depth = (recipe.model.grid, recipe.model.grid), recipe.model.embedding_dim
    return networks.BackboneEncoder(backbone, grid, depth, name=f"{name}_encoder")


def _quantizer(settings, name):
    kind = quantizer.get(settings.quantizer_kind)
    return kind.from_settings(settings, f"{name}_quantizer")


def _mask(settings):
    # Twice the threshold, as published, until a training knows how far weights move.
    automatic = settings.mask_start == AUTO
    return ThresholdMask(
        threshold=settings.threshold,
        start=2 * settings.threshold if automatic else settings.mask_start,
        mode=settings.mask_mode,
        penalty=settings.penalty,
        penalty_weight=settings.penalty_weight,
        clamp=settings.mask_clamp,
        name="mask",
    )


def task_solver(recipe, name="task_solver"):
    """The recipe's task head, a layer from a grid to logits.

    Args:
        recipe: a `ResolvedRecipe`.
        name: of the layer.
    """
    settings = recipe.model
    grid = settings.grid
    if recipe.task == "segmentation":
        side = max(modality.shape[0] for modality in recipe.modalities.values())
        return networks.SegmentationSolver(
            len(recipe.outputs),
            hidden_channels=settings.hidden_channels,
            residual_channels=settings.residual_channels,
            num_residual_layers=settings.residual_layers,
            num_stages=int(math.log2(side // grid)),
            name=name,
        )
    if settings.head == "pooled":
        return networks.PooledSolver(
            len(recipe.outputs), dropout=settings.dropout, name=name
        )
    return networks.ClassificationSolver(
        len(recipe.outputs),
        channels=settings.embedding_dim // 2,
        residual_channels=max(1, settings.residual_channels // 4),
        num_residual_layers=settings.residual_layers,
        units=settings.solver_units,
        dropout=settings.dropout,
        name=name,
    )
