"""From a recipe to its model."""

import math

from cmvq_keras import methods, networks, recipes
from cmvq_keras.layers import ThresholdMask, VectorQuantizer
from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.models.labels import IGNORED_LABEL
from cmvq_keras.resolved_recipe import RESNET18_STRIDES


def build_model(recipe, preset="default"):
    """Builds a recipe's model, weights included.

    Args:
        recipe: a `Recipe`, or a recipe's name.
        preset: "default", "paper", "code" or "calibrated", for a name.

    Returns:
        A `CMVQVAE`, built, not compiled.

    Raises:
        ValueError: for an unknown name or method, or a grid that the inputs' shapes
            do not allow.

    Reference: docs/method.md, Sections 5 and 6.
    """
    recipe = recipes.resolve(recipe, preset)
    return methods.get(recipe.method).build_model(recipe) or _cmvqvae(recipe)


def _cmvqvae(recipe):
    grid = recipe.model.grid
    encoders, decoders = {}, {}
    for name, modality in recipe.modalities.items():
        encoders[name], decoders[name] = _autoencoder(
            recipe.model, name, modality, grid
        )
    quantizers = {name: _quantizer(recipe.model, name) for name in recipe.modalities}
    if not recipe.model.reconstruction:
        decoders = quantizers = None
    model = CMVQVAE(
        encoders,
        decoders,
        _solver(recipe, grid),
        quantizers=quantizers,
        mask=_mask(recipe.model),
        task_modalities=recipe.task_modalities,
        ignore_class=IGNORED_LABEL if recipe.task == "segmentation" else None,
        modality_dropout=recipe.model.modality_dropout,
        recompute=recipe.training.recompute,
        name=recipe.name.replace("-", "_"),
    )
    model.build({name: (None, *item.shape) for name, item in recipe.modalities.items()})
    return model


def _autoencoder(settings, name, modality, grid):
    sizes = {
        "hidden_channels": settings.hidden_channels,
        "residual_channels": settings.residual_channels,
        "num_residual_layers": settings.residual_layers,
    }
    names = f"{name}_encoder", f"{name}_decoder"
    depth = settings.embedding_dim
    if modality.kind == "pose":
        steps, joints, features = modality.shape
        return (
            networks.PoseEncoder(
                **sizes, embedding_dim=depth, grid=(grid, grid), name=names[0]
            ),
            networks.PoseDecoder(steps, joints, features, **sizes, name=names[1]),
        )
    stride = _stride(name, modality, grid)
    channels = modality.shape[-1]
    if settings.backbone == "resnet18":
        if stride not in RESNET18_STRIDES:
            raise ValueError(
                f"A resnet18 on {name} {modality.shape} gives grids of sides "
                + ", ".join(str(modality.shape[0] // s) for s in RESNET18_STRIDES)
                + f". Change model.grid. Received: {grid}"
            )
        return (
            networks.ResNet18Encoder(stride, embedding_dim=depth, name=names[0]),
            networks.ResNet18Decoder(channels, stride, name=names[1]),
        )
    sizes["num_stages"] = int(math.log2(stride))
    return (
        networks.ResidualEncoder(**sizes, embedding_dim=depth, name=names[0]),
        networks.ResidualDecoder(channels, **sizes, name=names[1]),
    )


def _stride(name, modality, grid):
    height, width = modality.shape[:2]
    stride = height // grid
    if height != width or height != stride * grid or stride & (stride - 1):
        raise ValueError(
            f"model.grid must be the side of {name} {modality.shape} divided by a "
            f"power of two, for a square input. Received: {grid}"
        )
    return stride


def _quantizer(settings, name):
    return VectorQuantizer(
        settings.num_embeddings,
        commitment_cost=settings.commitment_cost,
        # docs/method.md, Section 3: a decay of 0 is the published code's word for none.
        decay=settings.decay or None,
        start=settings.codebook_start,
        revival_threshold=settings.revival_threshold,
        name=f"{name}_quantizer",
    )


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


def _solver(recipe, grid):
    settings = recipe.model
    if recipe.task == "segmentation":
        side = max(modality.shape[0] for modality in recipe.modalities.values())
        return networks.SegmentationSolver(
            len(recipe.classes),
            hidden_channels=settings.hidden_channels,
            residual_channels=settings.residual_channels,
            num_residual_layers=settings.residual_layers,
            num_stages=int(math.log2(side // grid)),
            name="task_solver",
        )
    return networks.ClassificationSolver(
        len(recipe.classes),
        channels=settings.embedding_dim // 2,
        residual_channels=max(1, settings.residual_channels // 4),
        num_residual_layers=settings.residual_layers,
        units=settings.solver_units,
        dropout=settings.dropout,
        name="task_solver",
    )
