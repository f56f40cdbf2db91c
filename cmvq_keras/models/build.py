"""From a recipe to its model."""

import math

from cmvq_keras import methods, networks, recipes
from cmvq_keras.layers import ThresholdMask, quantizer
from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.models.labels import IGNORED_LABEL
from cmvq_keras.models.masked import MaskedClassifier
from cmvq_keras.models.multimodal import MultimodalClassifier
from cmvq_keras.networks.kind import get as networks_of_kind
from cmvq_keras.recipe import Recipe


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
    return methods.get(recipe.method).build_model(recipe)


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
    solver = task_solver(recipe)
    if settings.reconstruction:
        return classifier(
            recipe,
            encoders,
            solver,
            CMVQVAE,
            decoders=decoders,
            quantizers=quantizers,
            mask=_mask(settings),
        )
    if settings.mask_mode == "none":
        return classifier(recipe, encoders, solver)
    return classifier(recipe, encoders, solver, MaskedClassifier, mask=_mask(settings))


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
        recompute=recipe.training.recompute,
        name=recipe.name.replace("-", "_"),
        **settings,
    )
    model.build({name: (None, *item.shape) for name, item in recipe.modalities.items()})
    return model


def with_heads(recipe, kind, solver, **settings):
    """As `classifier`, of the recipe's encoders and a task head for each of them.

    Args:
        recipe: a `ResolvedRecipe`.
        kind: `cmvq_keras.models.multi_head.MultiHeadClassifier` or a subclass.
        solver: the joint head.
        **settings: further arguments of `kind`.
    """
    encoders = {name: encoder(recipe, name) for name in recipe.modalities}
    heads = {name: task_solver(recipe, f"{name}_head") for name in recipe.modalities}
    return classifier(recipe, encoders, solver, kind, heads=heads, **settings)


def encoder(recipe, name):
    """The recipe's encoder of a modality, to `(batch, rows, columns, depth)`."""
    return _autoencoder(recipe, name)[0]


def late_fusion_encoder(recipe, name):
    """The recipe's encoder of a modality for late fusion, to a grid to be averaged."""
    modality = recipe.modalities[name]
    return networks_of_kind(modality.kind).late_fusion(name, modality, recipe.model)


def _autoencoder(recipe, name):
    modality = recipe.modalities[name]
    return networks_of_kind(modality.kind).autoencoder(name, modality, recipe.model)


def _quantizer(settings, name):
    kind = quantizer.get(settings.quantizer_kind)
    return kind.from_settings(settings, f"{name}_quantizer")


def _mask(settings):
    return ThresholdMask(
        threshold=settings.threshold,
        start=settings.mask_start,
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
            len(recipe.classes),
            hidden_channels=settings.hidden_channels,
            residual_channels=settings.residual_channels,
            num_residual_layers=settings.residual_layers,
            num_stages=int(math.log2(side // grid)),
            name=name,
        )
    if settings.head == "pooled":
        return networks.PooledSolver(
            len(recipe.classes), dropout=settings.dropout, name=name
        )
    return networks.ClassificationSolver(
        len(recipe.classes),
        channels=settings.embedding_dim // 2,
        residual_channels=max(1, settings.residual_channels // 4),
        num_residual_layers=settings.residual_layers,
        units=settings.solver_units,
        dropout=settings.dropout,
        name=name,
    )
