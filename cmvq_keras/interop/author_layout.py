"""Where each array of the author's state dict lives in our networks, and its layout."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cmvq_keras.models.cmvqvae import CMVQVAE
from cmvq_keras.networks import (
    ClassificationSolver,
    ResidualDecoder,
    ResidualEncoder,
    ResidualStack,
)


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


def reference_slots(model: CMVQVAE) -> dict[str, Slot]:
    """Returns {author's name: `Slot`} of a built model.

    Raises:
        ValueError: for an unbuilt model and for networks without such names.
    """
    if not model.built:
        raise ValueError("The model must be built. Received: a model without weights")
    model.check_can_decode()
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
    names = {"codes": "_embedding.weight", "counts": "_ema_cluster_size"}
    names["sums"] = "_ema_w"
    state = quantizer.codebook_state()
    if not state:
        raise ValueError(
            "The author's names exist for vector quantizers only. Received: "
            f"{type(quantizer).__name__}"
        )
    return {names[what]: _slot(variable) for what, variable in state.items()}


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
