"""Mean and standard deviation of training data, by entry of the last axis."""

import dataclasses

import numpy as np

from cmvq_keras.recipe.fields import AUTO


def measured(recipe, blocks_of, labels=None, masked=()):
    """A recipe whose modalities' and targets' offsets and scales are numbers.

    Args:
        recipe: a `cmvq_keras.recipe.Recipe`.
        blocks_of: function from a modality's name to arrays of its raw training
            values, as `moments` takes them.
        labels: function that gives the training labels, `(n, targets)`.
        masked: names of modalities whose last entry is a mask: it stays as it is, and
            values where it is 0 do not count.

    Returns:
        The recipe itself where nothing is "auto".
    """
    recipe = _with_targets(recipe, labels)
    changed = {}
    for name, modality in recipe.modalities.items():
        if AUTO in (modality.offset, modality.scale):
            if name in masked:
                found = _of_masked(lambda name=name: blocks_of(name))
            else:
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


def _of_masked(blocks):
    def there():
        for block in blocks():
            yield block[block[..., -1] > 0.5][:, :-1]

    mean, deviation = (np.atleast_1d(each).tolist() for each in moments(there))
    return (*mean, 0.0), (*deviation, 1.0)


def are_measured(recipe):
    """Whether no offset and no scale is "auto" any more."""
    return not any(
        AUTO in (each.offset, each.scale)
        for each in (*recipe.modalities.values(), *recipe.targets.values())
    )


def _with_targets(recipe, labels):
    if all(AUTO not in (t.offset, t.scale) for t in recipe.targets.values()):
        return recipe
    found = [np.atleast_1d(each) for each in moments(lambda: [labels()])]
    targets = {
        name: dataclasses.replace(
            target,
            offset=float(mean) if target.offset == AUTO else target.offset,
            scale=float(deviation) if target.scale == AUTO else target.scale,
        )
        for (name, target), mean, deviation in zip(
            recipe.targets.items(), *found, strict=True
        )
    }
    return dataclasses.replace(recipe, targets=targets)


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
