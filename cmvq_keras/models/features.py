"""Looking at the features: each modality decoded from a part of its channels.

The functions take a built `CMVQVAE`; its methods `reconstruct` and `mix` call them.
"""

import numpy as np

from cmvq_keras.models import stages

FEATURES = ("all", "complementary", "contradictory")


def decode_part(model, x, features, batch_size):
    """Decodes one of `FEATURES` of each modality; see `CMVQVAE.reconstruct`."""
    kept = kept_channels(model, features)
    grids = quantized_grids(model, x, batch_size)
    return _decode(model, {m: grids[m] * kept[m] for m in grids}, batch_size)


def decode_mix(model, x, batch_size):
    """Decodes each sample's complementary features with the next one's
    contradictory features; see `CMVQVAE.mix`."""
    ours = kept_channels(model, "complementary")
    theirs = kept_channels(model, "contradictory")
    grids = quantized_grids(model, x, batch_size)
    mixed = {
        m: grids[m] * ours[m] + np.roll(grids[m], -1, axis=0) * theirs[m] for m in grids
    }
    return _decode(model, mixed, batch_size)


def kept_channels(model, features):
    """By modality the factors that leave one of `FEATURES`: `(channels,)`, or 1."""
    if features not in FEATURES:
        raise ValueError(
            f"`features` must be one of {', '.join(FEATURES)}. Received: {features!r}"
        )
    if features == "all":
        return dict.fromkeys(model.modalities, np.float32(1))
    return model.channel_values(complement=features == "contradictory")


def quantized_grids(model, x, batch_size):
    """By modality the features that the mask gets, `(n, rows, columns, channels)`
    float32; quantized, but for a model without reconstruction."""
    return stages.predicted(stages.encoder(model), x, batch_size)


def _decode(model, grids, batch_size):
    return stages.predicted(stages.decoder(model), grids, batch_size)
