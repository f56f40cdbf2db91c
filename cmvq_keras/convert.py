"""The author's PyTorch weights, in and out.

Names and layout are those of the state dict of the published CREMA-D model
(github.com/CyberAgentAILab/CM-VQVAE); any model of residual encoders, residual decoders
and a classification solver has such names.
"""

import dataclasses
import difflib
import functools
import pathlib
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cmvq_keras.networks import (
    ClassificationSolver,
    ResidualDecoder,
    ResidualEncoder,
    ResidualStack,
)

IGNORED = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class Slot:
    """One array of the author's state: where it lives here and how it is laid out.

    Attributes:
        variable: the keras variable.
        shape: its shape in PyTorch's layout.
        to_reference: numpy array, our layout to PyTorch's.
        to_keras: the way back.
    """

    variable: Any
    shape: tuple
    to_reference: Callable
    to_keras: Callable


def load_reference_state(model, state):
    """Writes the author's weights into a model.

    Args:
        model: a built `CMVQVAE` of residual networks, such as
            `build_model(recipes.get("crema-d", preset="code"))`.
        state: {name: array} in PyTorch's layout, as `read_reference_file` returns it.
            Names that end in "num_batches_tracked" are ignored.

    Raises:
        ValueError: listing every missing, unknown or misshapen name; the model is then
            as it was. Also for an unbuilt model and for networks without such names.
    """
    slots = reference_slots(model)
    state = {k: np.asarray(v) for k, v in state.items() if not _is_ignored(k)}
    faults = _faults(slots, state)
    if faults:
        raise ValueError(
            f"The state does not fit this model, {len(faults)} fault(s): "
            + "; ".join(faults)
        )
    for name, slot in slots.items():
        slot.variable.assign(slot.to_keras(state[name].astype("float32")))
    for name in model.modalities:
        _mark_started(model.quantizers[name])


def reference_state(model):
    """Returns a model's weights under the author's names.

    Args:
        model: as in `load_reference_state`.

    Returns:
        {name: float32 array}, PyTorch's layout, sorted by name. What
        `load_reference_state` wrote comes back bit for bit.

    Raises:
        ValueError: for an unbuilt model and for networks without such names.
    """
    slots = reference_slots(model)
    state = {
        name: slot.to_reference(keras.ops.convert_to_numpy(slot.variable))
        for name, slot in slots.items()
    }
    for name in model.modalities:
        # A codebook that learns by gradient from data keeps its start in a second
        # weight.
        codes = keras.ops.convert_to_numpy(model.quantizers[name].codebook())
        state[f"_vq_vae_{name}._embedding.weight"] = codes
    return {k: np.ascontiguousarray(state[k], dtype="float32") for k in sorted(state)}


def read_reference_file(path):
    """Reads a state dict that PyTorch saved (.pt), the only pickle read anywhere.

    `weights_only=True` lets tensors through and no code.

    Args:
        path: of the file.

    Returns:
        {name: numpy array}.

    Raises:
        ImportError: if torch is not installed.
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds something else than a state dict.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Reading a .pt file needs PyTorch: pip install torch"
        ) from error
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        EOFError,
        OSError,
    ) as error:
        raise ValueError(
            f"{path} must be a PyTorch state dict, saved with "
            "torch.save(model.state_dict(), path). Received: a file that "
            f"torch.load(weights_only=True) refuses ({type(error).__name__})"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()
    ):
        raise ValueError(
            f"{path} must hold a state dict: names and tensors. Received: "
            f"{type(state).__name__} with other contents"
        )
    return {name: _to_numpy(tensor) for name, tensor in state.items()}


def reference_slots(model):
    """Returns {author's name: `Slot`} of a built model.

    Raises:
        ValueError: for an unbuilt model and for networks without such names.
    """
    if not model.built:
        raise ValueError("The model must be built. Received: a model without weights")
    slots = {}
    for name in model.modalities:
        encoder, decoder = model.encoders[name], model.decoders[name]
        slots |= _under(f"_encoder_{name}", network_slots(encoder))
        if encoder.embedding_dim is not None:
            slots |= _layer(f"_pre_vq_conv_{name}", encoder.part("projection"))
        slots |= _under(f"_vq_vae_{name}", _quantizer_slots(model.quantizers[name]))
        slots |= _under(f"_decoder_{name}", network_slots(decoder))
    slots |= _under("_classifier", network_slots(model.solver))
    slots["_classifier.private_shared_mask"] = _slot(
        model.mask.channel_weights,
        lambda array: array.reshape(-1, 1, 1),
        lambda array: array.reshape(-1),
    )
    return slots


def network_slots(network):
    """Returns {name below the network: `Slot`} of one built network.

    Raises:
        ValueError: for a network that the author's code does not have.
    """
    kinds = {
        ResidualStack: _stack_slots,
        ResidualEncoder: _encoder_slots,
        ResidualDecoder: _decoder_slots,
        ClassificationSolver: _solver_slots,
    }
    if type(network) not in kinds:
        raise ValueError(
            "The author's names exist for "
            f"{', '.join(kind.__name__ for kind in kinds)} only. "
            f"Received: {type(network).__name__}"
        )
    return kinds[type(network)](network)


def _stack_slots(stack):
    slots = {}
    for i in range(stack.num_layers):
        block = stack.part(f"residual_{i + 1}")
        # Positions of BN, conv 3x3, BN, conv 1x1 in the author's nn.Sequential.
        for position, part in {0: "bn_1", 2: "conv_1", 3: "bn_2", 5: "conv_2"}.items():
            slots |= _layer(f"_layers.{i}._block.{position}", block.part(part))
    return slots | _layer("_bn", stack.part("bn"))


def _encoder_slots(encoder):
    strided = min(encoder.num_stages, 2)
    slots = _under("_residual_stack", _stack_slots(encoder.part("residual_stack")))
    for i in range(1, strided + 1):
        slots |= _layer(f"_conv_{i}", encoder.part(f"conv_{i}"))
        slots |= _layer(f"_bn_{i}", encoder.part(f"bn_{i}"))
    return slots | _layer(f"_conv_{strided + 1}", encoder.part("conv_last"))


def _decoder_slots(decoder):
    stages = decoder.num_stages
    slots = _layer("_conv_1", decoder.part("conv_first"))
    slots |= _under("_residual_stack", _stack_slots(decoder.part("residual_stack")))
    for i in range(1, stages):
        # The image decoder has one batch norm, which bears no number.
        normalization = "_bn" if stages == 2 else f"_bn_{i}"
        slots |= _layer(normalization, decoder.part(f"bn_{i}"))
    for i in range(1, stages + 1):
        slots |= _layer(f"_conv_trans_{i}", decoder.part(f"transposed_{i}"))
    if stages == 0:
        slots |= _layer("_conv_2", decoder.part("conv_out"))
    return slots


def _solver_slots(solver):
    slots = _under("_residual_stack", _stack_slots(solver.part("residual_stack")))
    names = {"_conv1": "conv_1", "_conv2": "conv_2", "_bn_1": "bn_1", "_bn_2": "bn_2"}
    for name, part in {**names, "_fc1": "dense_1", "_fc2": "logits"}.items():
        slots |= _layer(name, solver.part(part))
    first = solver.part("dense_1").kernel
    _, height, width, channels = solver.part("residual_stack").get_build_config()[
        "input_shape"
    ]
    # The author flattens channel, row, column; here it is row, column, channel.
    slots["_fc1.weight"] = _slot(
        first,
        lambda array: (
            array.reshape(height, width, channels, -1)
            .transpose(3, 2, 0, 1)
            .reshape(array.shape[1], -1)
        ),
        lambda array: (
            array.reshape(-1, channels, height, width)
            .transpose(2, 3, 1, 0)
            .reshape(-1, len(array))
        ),
    )
    return slots


def _quantizer_slots(quantizer):
    slots = {"_embedding.weight": _slot(quantizer.embeddings)}
    if quantizer.decay is not None:
        slots["_ema_cluster_size"] = _slot(quantizer.ema_cluster_size)
        slots["_ema_w"] = _slot(quantizer.ema_embeddings)
    return slots


def _mark_started(quantizer):
    """Loaded codes must not be replaced by the first batch."""
    if getattr(quantizer, "initialized", None) is not None:
        quantizer.initialized.assign(1)
    if getattr(quantizer, "start_offset", None) is not None:
        quantizer.start_offset.assign(np.zeros(quantizer.start_offset.shape))


def _layer(name, layer):
    """Slots of a batch norm, a convolution or a dense layer."""
    if isinstance(layer, keras.layers.BatchNormalization):
        parts = {
            "weight": layer.gamma,
            "bias": layer.beta,
            "running_mean": layer.moving_mean,
            "running_var": layer.moving_variance,
        }
        return {f"{name}.{part}": _slot(variable) for part, variable in parts.items()}
    # Both kinds of kernel have the same way: (h, w, in, out) to (out, in, h, w), and
    # for a transposed convolution (h, w, out, in) to (in, out, h, w).
    forth, back = ((3, 2, 0, 1), (2, 3, 1, 0))
    if isinstance(layer, keras.layers.Dense):
        forth, back = (1, 0), (1, 0)
    slots = {
        f"{name}.weight": _slot(
            layer.kernel,
            functools.partial(np.transpose, axes=forth),
            functools.partial(np.transpose, axes=back),
        )
    }
    if layer.use_bias:
        slots[f"{name}.bias"] = _slot(layer.bias)
    return slots


def _slot(variable, to_reference=np.asarray, to_keras=np.asarray):
    blank = np.broadcast_to(np.float32(0), tuple(variable.shape))
    return Slot(variable, to_reference(blank).shape, to_reference, to_keras)


def _under(prefix, slots):
    return {f"{prefix}.{name}": slot for name, slot in slots.items()}


def _faults(slots, state):
    """Says, one phrase a name, what keeps `state` from fitting."""
    faults = [f"{name} is missing" for name in slots if name not in state]
    for name, array in state.items():
        if name not in slots:
            near = difflib.get_close_matches(name, slots, 1, 0.0)
            faults.append(f"{name} is unknown (nearest: {near[0]})")
        elif array.shape != slots[name].shape:
            faults.append(
                f"{name} must have the shape {slots[name].shape}, not {array.shape}"
            )
        elif not np.issubdtype(array.dtype, np.floating):
            faults.append(f"{name} must be real numbers, not {array.dtype}")
    return faults


def _is_ignored(name):
    return name.rsplit(".", 1)[-1] == IGNORED


def _to_numpy(tensor):
    # numpy has no bfloat16, and halves are exact in float32.
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    return tensor.detach().cpu().numpy()
