"""The kinds of modality: one file each, found by walking this folder.

A file holds `AXES`, the axes of a sample by the kind's name, and `KINDS`, the name of
its `cmvq_keras.data.kinds.kind.Kind`; both are literals and are read without importing
the file. Its networks register themselves in `cmvq_keras/networks/`.
"""

from cmvq_keras import registry, validation

ROOM = "data/kinds"


def names():
    """The kinds' names, in alphabetical order."""
    return registry.names(ROOM, "KINDS")


def get(name):
    """A kind by name, a `cmvq_keras.data.kinds.kind.Kind`.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    return registry.load(ROOM, "KINDS", name)


def masked(recipe):
    """Names of a recipe's modalities whose kind has a mask."""
    return [name for name, item in recipe.modalities.items() if get(item.kind).has_mask]


def options(recipe, modality):
    """How a modality's files are read: what `Kind.measure` found, kept in the recipe's
    `data` as `<modality>_<option>`."""
    start = f"{modality}_"
    return {
        name.removeprefix(start): value
        for name, value in recipe.data.items()
        if name.startswith(start)
    }


def augmentation(name):
    """What changes samples of a kind at random, see
    `cmvq_keras.data.transforms.augmentation`.

    Raises:
        ValueError: for a kind that has none, with those that have one.
    """
    known = {each: get(each).augment for each in names() if get(each).augment}
    return known[validation.one_of(name, known, "kind with an augmentation")]
