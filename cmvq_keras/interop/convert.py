"""The author's PyTorch weights, in and out.

Names and layout are those of the state dict of the published CREMA-D model
(github.com/CyberAgentAILab/CM-VQVAE); any model of residual encoders, residual decoders
and a classification solver has such names.
"""

import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cmvq_keras import fileio, validation
from cmvq_keras.interop.author_layout import reference_slots
from cmvq_keras.models.cmvqvae import CMVQVAE

IGNORED = "num_batches_tracked"
MAX_SHOWN = 20  # faults of one state


def load_reference_state(model: CMVQVAE, state: Mapping[str, Any]) -> None:
    """Writes the author's weights into a model.

    Args:
        model: a built `CMVQVAE` of residual networks, such as
            `build_model(recipes.get("crema-d", preset="code"))`.
        state: {name: array} in PyTorch's layout, as `read_reference_file` returns it.
            Names that end in "num_batches_tracked" are ignored.

    Raises:
        ValueError: listing every missing, unknown, misshapen or not finite name; the
            model is then as it was. Also for an unbuilt model and for networks without
            such names.
    """
    slots = reference_slots(model)
    state = {k: np.asarray(v) for k, v in state.items() if not _is_ignored(k)}
    faults = _faults(slots, state)
    if faults:
        more = "; ..." if len(faults) > MAX_SHOWN else ""
        shown = (_described(name, slots, state) for name in faults[:MAX_SHOWN])
        raise ValueError(
            f"The state does not fit this model, {len(faults)} fault(s): "
            + "; ".join(shown)
            + more
        )
    for name, slot in slots.items():
        slot.variable.assign(slot.to_keras(state[name].astype("float32")))
    for name in model.modalities:
        # Loaded codes must not be replaced by the first batch.
        model.quantizers[name].mark_started()


def reference_state(model: CMVQVAE) -> dict[str, np.ndarray]:
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


def read_reference_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
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
    with fileio.opened(path, "PyTorch state dict") as file:
        fileio.check_stored(file)
        try:
            state = torch.load(file, weights_only=True, map_location="cpu")
        except Exception as error:
            # Its own messages, of many types, say how to let code run.
            raise ValueError(
                "it must be saved with torch.save(model.state_dict(), path). Received: "
                "a file that torch.load(weights_only=True) refuses "
                f"({type(error).__name__})"
            ) from error
        if not isinstance(state, dict) or not all(
            isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()
        ):
            raise ValueError(
                f"it must hold names and tensors. Received: {type(state).__name__} "
                "with other contents"
            )
        _check_sizes(state, fileio.size(file))
        return {name: _to_numpy(tensor) for name, tensor in state.items()}


def _check_sizes(state, size):
    """Every value of a tensor lies in the file: none is there many times."""
    total = 0
    for name, tensor in state.items():
        wanted = tensor.numel() * tensor.element_size()
        stored = tensor.untyped_storage().nbytes()
        total += wanted
        if wanted > stored:
            raise ValueError(
                f"{fileio.printable(name)} is {tuple(tensor.shape)}, {wanted:,} bytes, "
                f"in {stored:,} bytes"
            )
    if total > 2 * size:  # some weights may have two names
        raise ValueError(f"it is {total:,} bytes, in {size:,} bytes")


def _faults(slots, state):
    """The names that keep `state` from fitting."""
    faults = [name for name in slots if name not in state]
    return faults + [
        name
        for name, array in state.items()
        if name not in slots
        or array.shape != slots[name].shape
        or not np.issubdtype(array.dtype, np.floating)
        or not _is_finite(array)
    ]


def _described(name, slots, state):
    """What is wrong with a name, one phrase."""
    shown, array = fileio.printable(name), state.get(name)
    if array is None:
        return f"{shown} is missing"
    if name not in slots:
        return f"{shown} is unknown (nearest: {validation.nearest(name, slots, 0.0)})"
    if array.shape != slots[name].shape:
        return f"{shown} must have the shape {slots[name].shape}, not {array.shape}"
    if not np.issubdtype(array.dtype, np.floating):
        return f"{shown} must be real numbers, not {array.dtype}"
    return f"{shown} must be finite in float32"


def _is_finite(array):
    with np.errstate(over="ignore"):
        return np.isfinite(array.astype("float32")).all()


def _is_ignored(name):
    return name.rsplit(".", 1)[-1] == IGNORED


def _to_numpy(tensor):
    # numpy has no bfloat16, and halves are exact in float32.
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    return tensor.detach().cpu().numpy()
