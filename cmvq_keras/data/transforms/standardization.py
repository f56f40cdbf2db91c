"""Mean and standard deviation of training data, by entry of the last axis."""

import dataclasses

import numpy as np

from cmvq_keras.recipe.fields import AUTO


def measured(recipe, blocks_of):
    """A recipe whose modalities' offsets and scales are numbers.

    Args:
        recipe: a `cmvq_keras.recipe.Recipe`.
        blocks_of: function from a modality's name to arrays of its raw training
            values, as `moments` takes them.

    Returns:
        The recipe itself where nothing is "auto".
    """
    changed = {}
    for name, modality in recipe.modalities.items():
        if AUTO in (modality.offset, modality.scale):
            found = moments(lambda name=name: blocks_of(name))
            changed[name] = dataclasses.replace(
                modality,
                **{
                    key: value
                    for key, value in zip(("offset", "scale"), found, strict=True)
                    if getattr(modality, key) == AUTO
                },
            )
    if not changed:
        return recipe
    modalities = {**recipe.modalities, **changed}
    return dataclasses.replace(recipe, modalities=modalities)


def moments(blocks):
    """What `offset` and `scale` of a modality are when they are "auto".

    Args:
        blocks: function that yields arrays `(k, ..., entries)` of raw values, the same
            ones each time it is called; it is called twice.

    Returns:
        `(mean, deviation)`: a float each for one entry, else a tuple of them, to six
        digits. A deviation of 0 is given as 1.
    """
    count, total = 0, 0.0
    for block in blocks():
        flat = block.reshape(-1, block.shape[-1]).astype(np.float64)
        count += len(flat)
        total = total + flat.sum(axis=0)
    mean = total / count
    squares = sum(
        np.square(block.reshape(-1, block.shape[-1]) - mean).sum(axis=0)
        for block in blocks()
    )
    deviation = np.sqrt(squares / count)
    # Of a constant nothing but rounding is left.
    constant = deviation <= 1e-7 * np.abs(mean)
    return _plain(mean), _plain(np.where(constant, 1.0, deviation))


def _plain(values):
    found = [float(f"{value:.6g}") for value in values]
    return tuple(found) if len(found) > 1 else found[0]
