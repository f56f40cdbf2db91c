"""What is to be trained: variants of a recipe, and a seed for each training."""

import dataclasses
import importlib.util
import itertools
import pathlib
import re

from cmvq_keras import methods, recipes
from cmvq_keras.resolved_recipe import ResolvedRecipe

REFERENCE = "ours"
SHALLOW = "kernel-ridge"
# What any fusion has to beat: without these a table cannot say what overfits.
_FIRST = ("unimodal", "ensemble", "all-features")
#: What is compared where no methods are named.
STANDARD = (*_FIRST, SHALLOW, REFERENCE)
EVERY = "all"  # in place of all methods' names
FIRST_TUNING_SEED = 100
_SEED = "training.seed"
# The table's foot has lines of its own on these.
_TOLD = ("training.epochs", "training.limit", _SEED)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=,+-]{0,150}")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of the table.

    Args:
        label: its folder's name.
        title: how tables name it.
        method: the name of its method.
        recipe: the `ResolvedRecipe` to train, but for the seed.
        full: the one whose test samples it is measured on: all modalities.
        values: the values that a sweep gives it, by setting.
        chosen: the values that tuning chose for it, by setting.
    """

    label: str
    title: str
    method: str
    recipe: ResolvedRecipe
    full: ResolvedRecipe
    values: dict = dataclasses.field(default_factory=dict)
    chosen: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        check_label(self.label)


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One training: a variant and a seed. Each is a key of its own."""

    variant: Variant
    seed: int

    @property
    def recipe(self):
        """The `ResolvedRecipe` to train."""
        return recipes.resolve(self.variant.recipe.with_settings({_SEED: self.seed}))

    def folder(self, out):
        """Its run folder in the folder of the comparison."""
        return folder(out, self.variant.label, self.seed)


def check_label(label):
    """Raises ValueError for a label that cannot name a folder."""
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise ValueError(
            "A label must be of letters, digits and . _ = , + - to name a folder. "
            f"Received: {label!r}"
        )


def folder(out, label, seed):
    """The run folder of a label and a seed."""
    return pathlib.Path(out) / label / f"seed-{seed}"


def order(variants, seeds):
    """The trials in their order: all variants with the first seed, then the next.

    A comparison that is stopped has then given each of them about as many seeds.
    """
    return [Trial(variant, seed) for seed in seeds for variant in variants]


def of_methods(recipe, names=None):
    """The variants of some methods.

    Args:
        recipe: a `ResolvedRecipe`.
        names: methods in the order of the table; None for `STANDARD`, and "all" by
            itself for every one: each modality alone, the ensemble and plain fusion
            first, ours last.

    Returns:
        `(variants, left)`: a list of `Variant`, and of the methods that do not apply
        a list of dictionaries "method", "title" and "reason".

    Raises:
        ValueError: for an unknown method, for "all" beside others, and for a method's
            setting that none of them has.
    """
    variants, left = [], []
    standard = names is None
    names = list(STANDARD) if names is None else _named(names)
    _check_method_settings(recipe, names)
    for name in names:
        method = methods.get(name)
        reason = method.reason(recipe)
        if standard and name == SHALLOW and not _has_sklearn():
            reason = 'it needs scikit-learn: pip install "cmvq-keras[report]"'
        if reason:
            left.append({"method": name, "title": method.title, "reason": reason})
            continue
        for label, changed in method.variants(recipe).items():
            title = method.title if label == name else label.replace("-", " ")
            own = recipes.resolve(changed)
            variants.append(Variant(label, title, name, own, recipe))
    return variants, left


def _named(names):
    names = list(dict.fromkeys([names] if isinstance(names, str) else names))
    if EVERY not in names:
        return names
    if len(names) > 1:
        raise ValueError(
            f"{EVERY} stands for every method: give it alone, or the methods' names. "
            f"Received: {', '.join(names)}"
        )
    return _usual_order()


def _has_sklearn():
    return importlib.util.find_spec("sklearn") is not None


def _check_method_settings(recipe, names):
    known = {own for name in names for own in methods.get(name).own_names()}
    unknown = [f"method.{name}" for name in recipe.method_settings if name not in known]
    if unknown:
        has = ", ".join(f"method.{name}" for name in sorted(known)) or "none"
        raise ValueError(
            f"A method's setting must be one that a compared method has: {has}. "
            f"Received: {', '.join(unknown)}"
        )


def _usual_order():
    def rank(name):
        place = _FIRST.index(name) if name in _FIRST else len(_FIRST)
        return name == REFERENCE, name.startswith(REFERENCE), place, name

    return sorted(methods.names(), key=rank)


def of_settings(recipe, over):
    """The variants of a sweep: "ours" with every combination of some values.

    Args:
        recipe: a `ResolvedRecipe`.
        over: lists of values, or of their texts, by setting.

    Returns:
        A list of `Variant`.

    Raises:
        ValueError: for unknown settings and values out of range, and for a sweep over
            the seed.
    """
    if _SEED in over:
        raise ValueError(f"{_SEED} cannot be swept: --seeds says how many there are.")
    found = {}
    for chosen in itertools.product(*over.values()):
        wanted = dict(zip(over, chosen, strict=True))
        full = recipes.resolve(recipe.with_settings(wanted))
        values = {name: full.asked.settings()[name] for name in over}
        label = ",".join(f"{name}={shown(value)}" for name, value in values.items())
        title = ", ".join(map(shown, values.values()))
        method = methods.get(REFERENCE)
        _check_method_settings(full, [REFERENCE])
        (changed,) = method.variants(full).values()
        own = recipes.resolve(changed)
        found[label] = Variant(label, title, REFERENCE, own, full, values)
    return list(found.values())


def shown(value):
    """A setting's value as `--set` takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def reference(variants, recipe):
    """The label that the others are compared with, or None: "ours", and in a sweep
    the values that the recipe has itself."""
    for variant in variants:
        own = {name: recipe.settings()[name] for name in variant.values}
        if variant.method == REFERENCE and variant.values == own:
            return variant.label
    return None


def changed(recipe):
    """What differs from the recipe's preset, a list of texts "NAME=VALUE".

    Epochs, limit and seed are left out.

    Args:
        recipe: a `Recipe` whose data settings are applied.
    """
    if not recipes.is_known(recipe.name):
        return []
    preset = recipes.get(recipe.name, recipe.preset)
    data = {name: v for name, v in recipe.settings().items() if _is_data(name)}
    # What follows from a change of the data is no change of its own.
    usual = recipes.resolve(preset.with_settings(data)).asked.settings()
    usual |= {name: v for name, v in preset.settings().items() if _is_data(name)}
    return [
        f"{name}={shown(value)}"
        for name, value in recipe.settings().items()
        if name not in _TOLD and usual.get(name) != value
    ]


def decisive(recipe):
    """A recipe without the setting that chooses nothing: how often a training that
    keeps its last epoch is validated. It changes at most what PyTorch draws.

    Args:
        recipe: a `Recipe`, or a resolved one.

    Returns:
        A `Recipe` to compare with another one.
    """
    training = recipe.training
    if training.select_by == "last":
        training = dataclasses.replace(training, validation_every=1)
    return dataclasses.replace(recipe, training=training)


def _is_data(name):
    return name.startswith("data.")
