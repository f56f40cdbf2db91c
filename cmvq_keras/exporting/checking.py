"""Whether an exported file gives a model's logits."""

import numpy as np
from keras import ops

TOLERANCE = 1e-5  # of logits in [-1, 1]; of the largest one beyond
SAMPLES = 16


def made_up(modalities, names, seed=0):
    """Raw values to compare by: noise around each modality's offset.

    Args:
        modalities: `Modality` by name.
        names: those that are wanted.
        seed: integer, of the draws.

    Returns:
        By name `(SAMPLES, height, width, channels)` float32.
    """
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(
            modalities[name].offset,
            modalities[name].scale,
            (SAMPLES, *modalities[name].shape),
        ).astype(np.float32)
        for name in names
    }


def compare(model, x, logits):
    """How far logits are from a model's.

    Two engines round features differently, and where one lies as near to two codes,
    another code may be chosen: samples in which that can be may differ.

    Args:
        model: a `CMVQVAE`.
        x: normalized inputs `(n, ...)` of the task's modalities.
        logits: `(n, ..., classes)`, of the file.

    Returns:
        The largest difference, and how many of the n samples differ by more than
        `TOLERANCE`.

    Raises:
        ValueError: when a sample differs by more where no code is in doubt, or half
            of them do.
    """
    expected = ops.convert_to_numpy(model.inference_model()(x))
    difference = np.abs(logits - expected).reshape(len(logits), -1).max(axis=1)
    # What is no number differs too.
    differ = ~(difference <= TOLERANCE * max(1, np.abs(expected).max()))
    wrong = differ
    if differ.any() and differ.mean() <= 0.5:
        wrong = differ & ~(_in_doubt(model, x) & np.isfinite(difference))
    if wrong.any():
        raise ValueError(
            "The exported file does not give the logits of the run: they differ by up "
            f"to {difference[wrong].max():.1e} on {wrong.sum()} of {len(logits)} "
            "samples. Nothing was written."
        )
    return float(difference.max()), int(differ.sum())


def _in_doubt(model, x):
    """Whether a sample has a feature for which rounding can choose another code."""
    doubt = np.zeros(len(next(iter(x.values()))), bool)
    for name in model.quantizers.keys() & x.keys():
        vectors = ops.convert_to_numpy(model.encoders[name](x[name]))
        found = model.quantizers[name].in_doubt(vectors)
        doubt |= found.reshape(len(doubt), -1).any(axis=1)
    return doubt
