"""The recipes: one module a data set, found by walking this folder.

A module holds `RECIPE` (its default settings) and `SOURCES` (the folders of the data
root that it needs, see `cmvq_keras.data.datasets.sources`). It may hold `PRESETS`
(settings by
preset, on top of the common ones below) and, where its raw files can be read,
`open_split`, or `load_split` where they are made up. `FILES`, or `files(recipe)` where
it depends on settings, holds by modality what reads a single file, by its ending.
`MIRRORS` holds by modality what mirrors a batch left to right, `AUGMENTATIONS` what
changes one at random where its kind's own would be wrong, `LIMBS` the pairs of
joints between which a pose has lines, and a sequence of joints `(x, y, z)`; one of
joints `(x, y, visible)` has them as `cmvq_keras.data.kinds.drawing.PoseLimbs`. A name
is kebab-case for people and snake_case as a module.

A recipe file of one's own, outside the package, holds the same names; its path, ending
in `.py`, stands for its name. Its code is run, and then its recipe's name is known too.
See `cmvq_keras.recipe_file`.
"""

import dataclasses
import importlib
import os
import pathlib
import pkgutil
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cmvq_keras import recipe_file, validation
from cmvq_keras.recipe import Recipe
from cmvq_keras.resolved_recipe import ResolvedRecipe

if TYPE_CHECKING:
    import numpy as np

    from cmvq_keras.data.listing import Listing
    from cmvq_keras.data.split import Split
    from cmvq_keras.data.transforms.augmentation import Change

# What the author's own runs have in common (docs/method.md, Section 5). "paper" is the
# main text's table, "code" the run behind the published 65.32 %. Neither normalizes.
_PUBLISHED = {
    "model.codebook_start": "reference",
    "model.revival_threshold": 0.0,
    "model.commitment_cost": 0.25,
    "model.decay": 0.99,
    "model.penalty": "sum",
    "model.penalty_weight": 1e-4,
    "model.mask_clamp": None,
    "model.mask_freeze": None,
    "model.reconstruction_weight": 1.0,
    "model.modality_loss_weight": 0.0,
    "model.dropout": 0.5,
    "model.backbone": "vqvae",
    "model.head": "flat",
    "model.quantizer": "ema",
    "model.groups": 1,
    "training.learning_rate": 1e-3,
    "training.momentum": 0.0,
    "training.weight_decay": None,
    "training.label_smoothing": 0.0,
    "training.augmentation": False,
    "training.clip_norm": None,
    "training.class_weight": None,
    "training.early_stopping": None,
    "training.validation_every": 1,
}
PRESETS = {
    "default": {},
    "paper": {
        **_PUBLISHED,
        "model.mask_start": 0.1,
        "model.threshold": 0.05,
        "training.optimizer": "sgd",
        "training.select_by": "accuracy",
    },
    "code": {
        **_PUBLISHED,
        "model.mask_start": 0.01,
        "model.threshold": 0.005,
        "training.optimizer": "adam",
        "training.select_by": "task_loss",
    },
    # zeta in bits follows the truth: docs/complementarity.md.
    "calibrated": {"model.modality_dropout": 0.3},
}


def names() -> tuple[str, ...]:
    """The recipes' names, in alphabetical order."""
    found = pkgutil.iter_modules(__path__)
    return tuple(sorted(entry.name.replace("_", "-") for entry in found))


def module(name: str | os.PathLike) -> types.ModuleType:
    """The module of a recipe.

    Args:
        name: one of `names()`, the path of a recipe file, or the name of a recipe
            whose file was read before.

    Raises:
        ValueError: for an unknown name, with the nearest and all of them.
        FileNotFoundError: for a recipe file that is not there.
        cmvq_keras.errors.RecipeFileError: for faults in it.
    """
    if recipe_file.is_path(name):
        return recipe_file.load(name, names()).module
    return _known_module(name)


def _known_module(name):
    """As `module`, but no path: a name out of a run folder must not run any code."""
    if found := recipe_file.loaded(name):
        return found.module
    validation.one_of(name, names(), "recipe")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def is_known(name: str) -> bool:
    """Whether a recipe of that name has a module: ours, or a recipe file's."""
    return name in names() or recipe_file.loaded(name) is not None


def get(name: str, preset: str = "default") -> Recipe:
    """A recipe by name.

    Args:
        name: as in `module`; a recipe file's code is run.
        preset: "default" (what its module's documentation says), "paper" (the
            paper's table), "code" (the author's code) or "calibrated" (the default
            with modality dropout, so that zeta can be measured in bits; see
            `cmvq_keras.evaluation.conditional_information`).

    Raises:
        ValueError: for an unknown name or preset, with the nearest; and as in
            `module`.

    Example:
        >>> get("digits", preset="paper").training.optimizer
        'sgd'
    """
    reader = module(name)
    validation.one_of(preset, PRESETS, "preset")
    recipe = reader.RECIPE
    settings = {**PRESETS[preset], **getattr(reader, "PRESETS", {}).get(preset, {})}
    if preset in ("paper", "code"):
        for modality in recipe.modalities:
            settings[f"modalities.{modality}.offset"] = 0.0
            settings[f"modalities.{modality}.scale"] = 1.0
    return dataclasses.replace(recipe.with_settings(settings), preset=preset)


def resolve(
    recipe: str | Recipe, preset: str = "default", *, modality: str | None = None
) -> ResolvedRecipe:
    """The recipe that is read, built, trained and stored.

    Its own `data` settings take effect (the planted recipe's `data.variant` decides
    how many modalities there are), and its grid becomes one that can be built. The
    public functions do this themselves.

    Args:
        recipe: a recipe's name, a `Recipe`, or a resolved one, which comes back as it
            is.
        preset: as in `get`, for a name.
        modality: the one to keep, as `Recipe.with_modality` does; None for all.

    Returns:
        `cmvq_keras.resolved_recipe.ResolvedRecipe`.

    Raises:
        ValueError: for `data` settings out of range, and as in `get`.

    Example:
        >>> list(resolve("planted", modality="audio").modalities)
        ['audio']
    """
    found = get(recipe, preset) if isinstance(recipe, str) else recipe
    if not isinstance(found, ResolvedRecipe):
        found = ResolvedRecipe(_with_data_applied(found))
    if modality is None:
        return found
    return ResolvedRecipe(found.with_modality(modality))


def _with_data_applied(recipe):
    validation.check_data_settings(recipe.data)
    if not is_known(recipe.name):
        return recipe
    recipe.check_data(_known_module(recipe.name).RECIPE.data)
    resolved = getattr(_known_module(recipe.name), "resolved", None)
    return resolved(recipe) if resolved else recipe


def load_split(
    recipe: str | Recipe,
    split: str,
    data_dir: str | os.PathLike | None = None,
    limit: int | None = None,
    store: Any = None,
) -> "Split":
    """One split's arrays.

    Args:
        recipe: a `Recipe` whose name is one of `names()`, or that name. Only the files
            of its own modalities have to exist.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.datasets.sources.data_root`.
        limit: only this many samples, the first in the seeded order; None for all.
        store: a prepared store to read from instead: a `cmvq_keras.data.Store` or
            its folder. The recipe's name and its data then have to be the store's.

    Returns:
        `cmvq_keras.data.split.Split`; from a store its inputs are
        `cmvq_keras.data.store.reader.StoredArray`s, which never are in memory as a
        whole.

    Raises:
        ValueError: for a recipe without a reader, an unknown split, settings out of
            range, and files in another format.
        FileNotFoundError: for missing files, with how to get them.
    """
    recipe = resolve(recipe)
    if store is not None:
        from cmvq_keras.data.store import reader

        return reader.load(recipe, split, store, limit)
    made_up = getattr(_known_module(recipe.name), "load_split", None)
    if made_up:
        return made_up(recipe, split, _folder(recipe, data_dir), limit)
    from cmvq_keras.data import decoding

    return decoding.load(open_split(recipe, split, data_dir, limit), recipe)


def open_split(
    recipe: str | Recipe,
    split: str,
    data_dir: str | os.PathLike | None = None,
    limit: int | None = None,
) -> "Listing":
    """What one split holds, before anything is decoded.

    Args:
        recipe, split, data_dir, limit: as in `load_split`.

    Returns:
        `cmvq_keras.data.listing.Listing`.

    Raises:
        ValueError, FileNotFoundError: as in `load_split`.
    """
    from cmvq_keras.data import decoding
    from cmvq_keras.data.datasets import sources
    from cmvq_keras.data.split import SPLITS

    validation.one_of(split, SPLITS, "split")
    validation.check_limit(limit)
    recipe = resolve(recipe)
    opener = getattr(_known_module(recipe.name), "open_split", None)
    if opener is None:
        raise ValueError(f"Recipe {recipe.name} has no raw files to read.")
    listing = opener(recipe, split, _folder(recipe, data_dir))
    root = str(sources.data_root(data_dir))
    listing = dataclasses.replace(listing, root=root, split=split)
    decoding.check_labels(listing, recipe)
    if limit is None:
        return listing
    # The share that may be damaged is one of the whole split.
    decoding.DamagedSamples(listing)
    return listing.first(limit)


def _folder(recipe, data_dir):
    """The raw data's folder: recipe files get the very folder, ours look it up."""
    if recipe_file.loaded(recipe.name) is None:
        return data_dir
    from cmvq_keras.data.datasets import sources

    return sources.data_root(data_dir)


def is_made_up(name: str) -> bool:
    """Whether a recipe makes its data up, with no raw files to read."""
    return hasattr(_known_module(name), "load_split")


def read_sample(
    recipe: Recipe,
    modality: str,
    path: str | os.PathLike,
    *,
    normalized: bool = True,
) -> "np.ndarray":
    """One file of one's own as a model's input, or as an exported model's.

    Args:
        recipe: a `Recipe`.
        modality: the name of one of its modalities.
        path: a `.npy` file of the modality's shape with raw values (whole numbers
            in a picture count as 0 to 255), or a file that the recipe's module can
            read, such as pictures, WAV files and label files of Penn Action.
        normalized: False for raw values, which exported models take.

    Returns:
        float32 array of the modality's shape.

    Raises:
        ValueError: for an unknown modality or ending, an unreadable file, a wrong
            shape, or values that are not finite.
        FileNotFoundError: if the file is not there.
    """
    from cmvq_keras.data import kinds, single_file

    validation.one_of(modality, recipe.modalities, "modality")
    own = _module_of(recipe)
    files = own.files(recipe) if hasattr(own, "files") else getattr(own, "FILES", {})
    about = recipe.modalities[modality]
    readers = files.get(modality) or kinds.get(about.kind).readers(
        kinds.options(recipe, modality)
    )
    return single_file.read(pathlib.Path(path), about, readers, normalized)


def mirrors(recipe: Recipe) -> dict[str, Callable]:
    """What mirrors a batch of a recipe's samples left to right.

    Args:
        recipe: a `Recipe`.

    Returns:
        Functions by modality, from `(n, height, width, channels)` to the same.

    Raises:
        ValueError: where a modality has none, as for sounds.
    """
    known = getattr(_module_of(recipe), "MIRRORS", {})
    missing = [name for name in recipe.modalities if name not in known]
    if missing:
        raise ValueError(
            f"training.mirror must be 0: recipe {recipe.name} does not say how "
            f"{', '.join(missing)} is mirrored. Received: {recipe.training.mirror}"
        )
    return known


def augmentations(recipe: Recipe) -> "dict[str, Change] | None":
    """What changes a recipe's training samples at random.

    A recipe's module may name a function of its own in `AUGMENTATIONS`; else it is that
    of the modality's kind. A map of depth moves as the first image beside it.

    Args:
        recipe: a `Recipe`.

    Returns:
        A `cmvq_keras.data.transforms.augmentation.Change` by modality; None where the
        recipe asks for none.

    Raises:
        ValueError: for a modality that has none, and for segmentation, whose label maps
            would have to move along.
    """
    if not recipe.training.augmentation:
        return None
    if recipe.task == "segmentation":
        raise ValueError("training.augmentation must be false for segmentation.")
    from cmvq_keras.data import kinds
    from cmvq_keras.data.transforms.augmentation import Change

    own = getattr(_module_of(recipe), "AUGMENTATIONS", {})
    first = {}
    for name, modality in recipe.modalities.items():
        first.setdefault(modality.kind, name)
    return {
        name: Change(
            own.get(name) or kinds.augmentation(modality.kind),
            first.get(kinds.get(modality.kind).moves_with, name),
        )
        for name, modality in recipe.modalities.items()
    }


def limbs(recipe: Recipe) -> dict[str, Any]:
    """Pairs of joints between which a recipe's poses have lines, by modality."""
    return getattr(_module_of(recipe), "LIMBS", {})


def sounds(recipe: Recipe) -> dict[str, Any]:
    """How a recipe's spectrograms were made,
    `cmvq_keras.data.transforms.griffin_lim.Spectrogram` by
    modality; those that are not named cannot be played."""
    return getattr(_module_of(recipe), "SOUNDS", {})


def _module_of(recipe):
    """The recipe's module; None for a recipe of a script's own."""
    return _known_module(recipe.name) if is_known(recipe.name) else None
