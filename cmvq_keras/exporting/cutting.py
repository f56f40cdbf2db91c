"""A trained model without what its task does not need."""

import keras
import numpy as np
from keras import ops

from cmvq_keras.models.channels import FusedChannels

LOGITS = "logits"


def kept_channels(model):
    """The channels of each modality that reach the task.

    Args:
        model: a built `CMVQVAE`.

    Returns:
        By modality, in the order in which the solver sees them, positions `(kept,)`
        in [0, depth); modalities without any are not there.

    Raises:
        ValueError: when no channel of any modality is left.
    """
    kept = {name: np.flatnonzero(v) for name, v in _seen_values(model).items()}
    kept = {name: channels for name, channels in kept.items() if channels.size}
    if not kept:
        raise ValueError(
            "The mask lets no channel through: the logits do not depend on the input, "
            "and there is nothing to export. Train with a lower model.threshold or "
            "model.penalty_weight."
        )
    return kept


def cut(model, modalities):
    """A model's way from raw values to logits, with the masked channels cut out.

    Decoders, losses and mask are not there. The mask's values are in the solver's
    first kernel, which has no rows for masked channels. All channels still choose a
    code, as in the model, and of the chosen one the kept channels are read. Without
    reconstruction nothing is quantized, and the encoders' projection has no columns
    for masked channels. Layers that stay as they are share the model's weights.

    Args:
        model: a built `CMVQVAE`, as `cmvq_keras.models.build.build_model` gives it.
        modalities: its recipe's `Modality` by name, with offset and scale.

    Returns:
        A `keras.Model` from a dictionary by modality, those without a kept channel
        left out, to `{"logits": (batch, ..., classes)}` float32. Its inputs are raw
        values, `(batch, height, width, channels)` float32.

    Raises:
        ValueError: as `kept_channels`, and for a task head of another kind.
    """
    kept = kept_channels(model)
    if not (model.solver is None or hasattr(model.solver, "parts")):
        raise ValueError(
            "The task head must be one of cmvq_keras.networks to be exported. "
            f"Received: {type(model.solver).__name__}"
        )
    shapes = model.get_build_config()["input_shape"]
    inputs = {name: keras.Input(tuple(shapes[name])[1:], name=name) for name in kept}
    if model.solver is None:
        # An ensemble: nothing is fused, so nothing can be cut out.
        seen = {
            name: model.task_features(name, _normalized(inputs[name], modalities[name]))
            for name in kept
        }
        return keras.Model(inputs, {LOGITS: model.solve(seen)}, name=model.name)
    grids = [
        _seen_grid(model, name, _normalized(inputs[name], modalities[name]), channels)
        for name, channels in kept.items()
    ]
    grid = grids[0]
    if len(grids) > 1:
        grid = keras.layers.Concatenate(dtype="float32", name="features")(grids)
    logits = _cut_solver(model, grid.shape)(grid)
    if model.units is not None:
        logits = model.units(logits)
    return keras.Model(inputs, {LOGITS: logits}, name=model.name)


def _seen_values(model):
    """The mask's values `(depth,)` of each modality that the solver sees."""
    values = model.channel_values()
    return {name: values[name] for name in model.task_modalities}


def _normalized(inputs, modality):
    if (modality.offset, modality.scale) == (0, 1):
        return inputs
    # The root of a rounded square is exact: the network gets the bits of training.
    variance = np.square(np.asarray(modality.scale, np.float32)).astype(float)
    mean, variance = np.broadcast_arrays(modality.offset, variance)
    return keras.layers.Normalization(
        axis=-1 if mean.ndim else None,
        mean=mean.tolist(),
        variance=variance.tolist(),
        dtype="float32",
        name=f"{inputs.name}_normalization",
    )(inputs)


def _seen_grid(model, name, inputs, channels):
    encoder = model.encoders[name]
    quantizer = model.quantizers.get(name)
    if quantizer is None:
        return _cut_encoder(encoder, inputs.shape, channels)(inputs)
    read = quantizer.channels_read(channels)
    grid = _cut_encoder(encoder, inputs.shape, read)(inputs)
    return quantizer.for_inference(channels, f"{name}_codes")(grid)


def _cut_encoder(encoder, input_shape, channels):
    """An encoder whose projection makes these channels alone."""
    if len(channels) == encoder.compute_output_shape(input_shape)[-1]:
        return encoder
    cut = type(encoder).from_config(
        {**encoder.get_config(), "embedding_dim": len(channels)}
    )
    projection = encoder.part("projection")
    changed = {
        id(weight): ops.convert_to_numpy(weight)[..., channels]
        for weight in (projection.kernel, projection.bias)
    }
    return _filled(cut, input_shape, encoder, changed)


def _cut_solver(model, grid_shape):
    """The solver for the kept channels, with the mask's values in its first kernel."""
    values = FusedChannels(model.task_modalities).join(_seen_values(model))
    kept = np.flatnonzero(values)
    solver = model.solver
    first = next(part.kernel for part in solver.parts if hasattr(part, "kernel"))
    kernel = ops.convert_to_numpy(first)
    # Of a convolution (rows, columns, channels, filters), or of a dense layer on a
    # flattened grid: in both the channels vary fastest among the inputs.
    rows = kernel.reshape(-1, len(values), kernel.shape[-1])[:, kept]
    rows = rows * values[kept, None]
    if kernel.ndim == 2:
        rows = rows.reshape(-1, kernel.shape[-1])
    else:
        rows = rows.reshape(*kernel.shape[:2], *rows.shape[1:])
    cut = type(solver).from_config(solver.get_config())
    return _filled(cut, grid_shape, solver, {id(first): rows})


def _filled(network, input_shape, original, changed):
    """A new network, built, with the weights of another one.

    Args:
        network: not built yet.
        input_shape: what it is going to be called on.
        original: the other one, of the same class.
        changed: arrays by `id` of those of its weights that are not taken as they are.
    """
    network.build(tuple(input_shape))
    for old, new in zip(original.weights, network.weights, strict=True):
        array = changed.get(id(old))
        new.assign(ops.convert_to_numpy(old) if array is None else array)
    return network
