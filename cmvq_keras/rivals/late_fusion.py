"""Late fusion of one ResNet18 a modality, the network that the rivals train."""

from cmvq_keras import networks
from cmvq_keras.layers import ThresholdMask
from cmvq_keras.models.cmvqvae import CMVQVAE

STRIDE = 32  # of the whole ResNet18
CHANNELS = 512
POSE_GRID = (32, 32)


def build(recipe, kind=CMVQVAE, linear=False, **settings):
    """The late fusion of a recipe, built and not compiled.

    Args:
        recipe: a `ResolvedRecipe`.
        kind: `CMVQVAE` or a subclass.
        linear: whether the classifier is one dense layer.
        **settings: further arguments of `kind`.
    """
    model = kind(
        {name: encoder(recipe, name) for name in recipe.modalities},
        None,
        head(recipe, linear, name="task_solver"),
        mask=ThresholdMask(mode="none", name="mask"),
        task_modalities=recipe.task_modalities,
        modality_dropout=recipe.model.modality_dropout,
        recompute=recipe.training.recompute,
        name=f"{recipe.name}_{recipe.method}".replace("-", "_"),
        **settings,
    )
    model.build({name: (None, *item.shape) for name, item in recipe.modalities.items()})
    return model


def encoder(recipe, name):
    """A modality's network, to `(batch, 1, 1, 512)`.

    A ResNet18 takes no poses: theirs is the pose encoder with as many channels.
    """
    if recipe.modalities[name].kind == "pose":
        grid = networks.PoseEncoder(
            recipe.model.hidden_channels,
            recipe.model.residual_channels,
            recipe.model.residual_layers,
            embedding_dim=CHANNELS,
            grid=POSE_GRID,
            name=f"{name}_pose",
        )
    else:
        grid = networks.ResNet18Encoder(STRIDE, name=f"{name}_resnet18")
    return networks.PooledEncoder(grid, name=f"{name}_encoder")


def head(recipe, linear=False, name=None):
    """A classifier: with a hidden layer (docs/method.md, Section 6), or linear."""
    return networks.FusionSolver(
        len(recipe.classes),
        units=None if linear else recipe.model.solver_units,
        dropout=recipe.model.dropout,
        name=name,
    )
