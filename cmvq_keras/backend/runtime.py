"""Switches and states of the backend itself."""

import contextlib
import os
import warnings

import keras
import numpy as np


@contextlib.contextmanager
def _keep_jax_weights(model):
    """Gives a model its values back when `fit`, `evaluate` or `predict` fail.

    Keras's JAX trainer takes the values out of the variables while it runs; an error
    in the first step (an input under a wrong name) would lose them.
    """
    variables = [*model.variables, *model.metrics_variables]
    if getattr(model, "optimizer", None) is not None:
        variables += model.optimizer.variables
    before = [
        (variable, variable.value)
        for variable in variables
        if variable._value is not None
    ]
    try:
        yield
    except BaseException:
        # The state of the last finished step, if there was one.
        model.jax_state_sync()
        for variable, value in before:
            if variable._value is None:
                variable.assign(value)
        # What the failed call made, metrics and moments, has seen no step yet.
        made = [*model.metrics_variables]
        if getattr(model, "optimizer", None) is not None:
            made += model.optimizer.variables
        for variable in made:
            if variable._value is None:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        raise


#: `keep_weights(model)`: a context in which an error costs no weights.
keep_weights = {"jax": _keep_jax_weights}.get(
    keras.config.backend(), contextlib.nullcontext
)


@contextlib.contextmanager
def _torch_deterministic():
    import torch

    # Asked for by cuBLAS, before its first product.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    fill = torch.utils.deterministic.fill_uninitialized_memory
    on = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    picks = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(on, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = fill
        torch.backends.cudnn.benchmark = picks


@contextlib.contextmanager
def _tensorflow_deterministic():
    import tensorflow as tf
    from tensorflow.python.framework import config

    on = config.is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if not on:
            config.disable_op_determinism()


#: `deterministic()`: a context in which the same numbers come out of the same numbers,
#: where the backend has a switch for it. JAX has none at run time: on a CPU it needs
#: none, on a GPU the process has to start with
#: XLA_FLAGS=--xla_gpu_deterministic_ops=true.
deterministic = {
    "torch": _torch_deterministic,
    "tensorflow": _tensorflow_deterministic,
}.get(keras.config.backend(), contextlib.nullcontext)


def _no_generators():
    return []


def _torch_generators():
    import torch

    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return [state.cpu().numpy() for state in states]


#: `generators()`: the states of random number generators that are no variable, as a
#: list of uint8 arrays. On PyTorch Keras's dropout draws from the process's own.
generators = {"torch": _torch_generators}.get(keras.config.backend(), _no_generators)


def _keep_generators(states):
    return None


def _set_torch_generators(states):
    import torch

    on_processor, *on_device = (torch.from_numpy(state.copy()) for state in states)
    torch.set_rng_state(on_processor)
    for state in on_device:
        torch.cuda.set_rng_state(state)


#: `set_generators(states)`: takes back what `generators()` gave.
set_generators = {"torch": _set_torch_generators}.get(
    keras.config.backend(), _keep_generators
)


def _no_check(policy):
    return None


def _check_torch_precision(policy):
    import torch

    if policy == "float32" or torch.cuda.is_available():
        return
    dtype = torch.bfloat16 if policy == "mixed_bfloat16" else torch.float16
    # Both are seen through a transposition, as Keras hands them over.
    kernel = torch.ones(3, 3, 3, 1, dtype=dtype, requires_grad=True)
    image = torch.ones(1, 4, 4, 3, dtype=dtype).permute(0, 3, 1, 2)
    try:
        found = torch.nn.functional.conv2d(image, kernel.permute(3, 2, 0, 1))
        found.sum().backward()
    except RuntimeError as error:
        raise ValueError(
            f"PyTorch cannot train in {policy} on this processor "
            f"({str(error).splitlines()[0]}). Take precision float32, a GPU or "
            "another backend."
        ) from error


def _warn_of_jax_precision(policy):
    import jax

    if policy == "mixed_bfloat16" and jax.default_backend() == "cpu":
        warnings.warn(
            f"On a CPU JAX trains slower in {policy} than in float32. Take precision "
            "float32, or a GPU.",
            stacklevel=3,
        )


#: `check_precision(policy)`: raises a ValueError where the backend cannot train under
#: a dtype policy, and warns where that is slower than float32. PyTorch's convolutions
#: in half precision lack a gradient on processors without AVX-512 when there is one
#: channel, as in a spectrogram. JAX: benchmarks/RESULTS.md, Training step.
check_precision = {
    "torch": _check_torch_precision,
    "jax": _warn_of_jax_precision,
}.get(keras.config.backend(), _no_check)
