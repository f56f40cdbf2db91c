"""What one model takes over from another.

As in the published code (docs/method.md, Section 7, Table 6) encoders, decoders,
pre-quantization and codebooks are copied, moving averages included; the task solver
and the mask start anew.
"""

from cmvq_keras.models.masked import MaskedClassifier


def transfer(source, target, keep_solver=False, keep_mask=False):
    """Copies what two models share: encoders, decoders and codebooks.

    The pre-quantization is the encoders' last layer. A codebook that was copied
    counts as started: no batch replaces it. A target that does not reconstruct takes
    the encoders alone. Random number states are not copied.

    Args:
        source: a built `CMVQVAE`.
        target: another one, with the same modalities or some of them. Nothing of
            it changes when an error is raised.
        keep_solver: whether to copy the task solver, but for its last layer.
        keep_mask: whether to copy the weights of the mask.

    Raises:
        ValueError: for a modality, or decoders, that `source` lacks, and for layers
            of other weights.
    """
    copies = []
    for name in target.modalities:
        if name not in source.modalities:
            raise ValueError(
                f"The source must have the modality {name}. It has "
                f"{', '.join(source.modalities)}."
            )
        old, new = source.parts_of(name), target.parts_of(name)
        if not old.keys() >= new.keys():
            raise ValueError(
                "The source must have decoders and codebooks. It has neither."
            )
        for kind, part in new.items():
            copied = _codebook if kind == "quantizers" else _layer
            copies += copied(f"{kind}.{name}", old[kind], part)
    if keep_solver:
        old, new = (_all_but_last(model.solver) for model in (source, target))
        copies += _matched("solver", old, new)
    if keep_mask:
        copies += _mask_weights(source, target)
    for variable, value in copies:
        variable.assign(value)


def _matched(what, old, new):
    """Pairs (variable, new value) of two lists of weights, checked."""
    shapes = [
        [(weight.name, tuple(weight.shape)) for weight in side] for side in (old, new)
    ]
    if shapes[0] != shapes[1]:
        odd = next(
            (pair for pair in zip(*shapes, strict=False) if pair[0] != pair[1]), None
        )
        text = f"{odd[0]} and {odd[1]}" if odd else f"{len(old)} and {len(new)} weights"
        raise ValueError(f"{what} must be the same layers in both models: {text}.")
    return list(zip(new, old, strict=True))


def _layer(what, source, target):
    return _matched(what, source.weights, target.weights)


def _codebook(what, source, target):
    try:
        return target.transfer_from(source)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from None


def _all_but_last(solver):
    """The weights of a solver without those of its last layer that has any."""
    layers = getattr(solver, "parts", None) or getattr(solver, "layers", None)
    if not layers:
        raise ValueError(
            "keep_solver needs a solver whose layers are a sequence, as in "
            "keras.Sequential. "
            f"Received: {type(solver).__name__}"
        )
    last = [layer for layer in layers if layer.weights][-1]
    dropped = {id(weight) for weight in last.weights}
    return [weight for weight in solver.weights if id(weight) not in dropped]


def _mask_weights(source, target):
    if not all(isinstance(model, MaskedClassifier) for model in (source, target)):
        raise ValueError("keep_mask needs a mask in both models.")
    kept = target.channels.join(source.channel_weights())
    weights = target.mask.channel_weights
    if kept.shape != tuple(weights.shape):
        raise ValueError(
            "The mask must have as many channels per modality in both models. "
            "Received: "
            f"{len(kept)} and {weights.shape[0]}"
        )
    return [(weights, kept)]
